"""A store that is older than what runs: restored from a backup, or replaced by an empty one."""

import shutil
import sqlite3
from contextlib import closing

from tests.end_to_end.platforms import Platform, canary


def test_a_platform_starts_with_a_store_restored_from_a_backup(own_platform: Platform) -> None:
    kept = own_platform.deploy("kept", canary())["workloadId"]
    own_platform.terminate()
    store, backup = (own_platform.data_dir / name for name in ("windlass.db", "backup.db"))
    with closing(sqlite3.connect(store)) as origin, closing(sqlite3.connect(backup)) as copy:
        origin.backup(copy)
    for _ in range(2):
        own_platform.up()
        own_platform.kill()
    own_platform.up()
    lost = own_platform.deploy("since-the-backup", canary())["workloadId"]
    own_platform.terminate()
    for file in own_platform.data_dir.glob("windlass.db*"):
        file.unlink()
    shutil.copy(backup, store)

    own_platform.up()
    assert own_platform.wait_for_phase(kept, "Running")
    assert own_platform.ask("kept").status == 200
    assert own_platform.call("GET", f"/api/v1/workloads/{lost}").status == 404
    assert own_platform.ask("since-the-backup").status == 404
