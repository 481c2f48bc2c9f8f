"""Kills with an embedded store."""

from pathlib import Path

import pytest

from tests.crash.kills import run_session
from tools.podman import Podman


@pytest.mark.usefixtures("sqlite_url")
def test_nothing_is_lost_on_sqlite(data_dir: Path, own_podman: Podman | None, kills: int) -> None:
    run_session(data_dir, kills, None, own_podman)
