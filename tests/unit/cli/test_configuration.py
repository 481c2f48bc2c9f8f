"""From typed options to settings: what is typed wins over the environment."""

from pathlib import Path

import pytest

from windlass.cli.configuration import BadOption, settings_of


def test_what_is_not_given_comes_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WINDLASS_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("WINDLASS_LISTEN", "127.0.0.1:1")
    settings = settings_of({"data_dir": None, "listen": "127.0.0.1:2", "node_labels": []})
    assert settings.data_dir == tmp_path
    assert str(settings.listen) == "127.0.0.1:2"
    assert settings.node_labels == []


def test_a_wrong_value_is_told_with_its_option_and_variable() -> None:
    with pytest.raises(BadOption, match=r"--listen \(WINDLASS_LISTEN\): .*not HOST:PORT"):
        settings_of({"listen": "somewhere"})
