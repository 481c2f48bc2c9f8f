"""Making joins of cgroups quick moves nobody, and does no harm where that cannot be done."""

import os
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
    eventually(lambda: not joins._runs, "the end of what lasts a moment")
    assert Path("/proc/self/cgroup").read_text() == before


def test_a_group_that_cannot_be_seen_or_written_does_no_harm(tmp_path: Path) -> None:
    for found in (None, tmp_path / "gone"):
        joins = QuickJoins(lambda found=found: found)  # type: ignore[misc]
        joins.expect()
        joins.expect()
        eventually(lambda joins=joins: not joins._runs, "its end")  # type: ignore[misc]
