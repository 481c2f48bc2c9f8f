"""Folders of replicas that run as users of their own."""

import os
from pathlib import Path

import pytest

from windlass.engines.local.processes.homes import Homes

USER = 2_147_000_000


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give folders to another user")
def test_a_link_left_in_a_folder_gives_its_user_nothing(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    homes = Homes(tmp_path / "data", tmp_path / "shared")
    home = homes.path("replica", other_user=True)
    homes.make(home, home, USER)
    (home / "models").symlink_to(victim)

    homes.make(home, home / "models" / "newest", USER)
    assert victim.stat().st_uid == 0
    assert not list(victim.iterdir())
    for folder in (home, home / "models", home / "models" / "newest"):
        assert not folder.is_symlink()
        assert folder.stat().st_uid == USER
        assert folder.stat().st_mode & 0o777 == 0o700
