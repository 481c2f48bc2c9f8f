"""Nothing in a running platform's data directory is for other users of the machine."""

import os
import stat
import subprocess
from pathlib import Path

import pytest

from tests.end_to_end.platforms import Platform, canary

STRANGER = 65533


def test_nothing_in_the_data_directory_is_open_to_others(platform: Platform) -> None:
    workload_id = platform.deploy("closed-files", canary())["workloadId"]
    assert _mode(platform.data_dir) & 0o066 == 0
    found = list(platform.data_dir.rglob("*"))
    names = {path.name for path in found}
    assert {"windlass.db", "windlass.db-wal", "admin.json", "wake.sock", "state.json"} <= names
    open_to_others = {str(path): oct(_mode(path)) for path in found if _mode(path) & 0o077}
    assert not open_to_others
    platform.delete(workload_id)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become another user")
def test_another_user_cannot_read_the_store_by_its_name(platform: Platform) -> None:
    store = platform.data_dir / "windlass.db"
    for user, expected in ((None, 0), (STRANGER, 1)):
        read = subprocess.run(["head", "-c", "1", store], user=user, capture_output=True)
        assert read.returncode == expected


def _mode(path: Path) -> int:
    try:
        status = path.lstat()
    except FileNotFoundError:
        return 0
    return 0 if stat.S_ISLNK(status.st_mode) else stat.S_IMODE(status.st_mode)
