"""Making joins of cgroups quick moves nobody, and does no harm where that cannot be done."""

import os
import time
from pathlib import Path

import pytest

from tests.end_to_end.platforms import eventually
from windlass.engines.local.processes.control_groups import own_group
from windlass.engines.local.processes.quick_joins import QuickJoins


def test_nobody_is_moved_and_it_ends() -> None:
    group = own_group()
    if group is None or not os.access(group / "cgroup.procs", os.W_OK):
        pytest.skip("no cgroup that this user may write to")
    before = Path("/proc/self/cgroup").read_text()
    joins = QuickJoins()
    joins.expect()
    eventually(lambda: not joins.is_expected, "the end of what lasts a moment")
    assert Path("/proc/self/cgroup").read_text() == before


def test_it_joins_whenever_a_start_is_expected_and_only_then(tmp_path: Path) -> None:
    joined = tmp_path / "cgroup.procs"
    joins = QuickJoins(lambda: tmp_path)
    for _ in range(2):
        joins.expect()
        eventually(joined.exists, "a join")
        eventually(lambda: not joins.is_expected, "its end")
        eventually(lambda: removed_for_good(joined), "rest")


def removed_for_good(file: Path) -> bool:
    file.unlink(missing_ok=True)
    time.sleep(0.02)
    return not file.exists()


def test_a_group_that_cannot_be_seen_or_written_does_no_harm(tmp_path: Path) -> None:
    for found in (None, tmp_path / "gone"):
        joins = QuickJoins(lambda found=found: found)  # type: ignore[misc]
        joins.expect()
        joins.expect()
        eventually(lambda joins=joins: not joins.is_expected, "its end")  # type: ignore[misc]
