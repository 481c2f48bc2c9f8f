"""Where cgroups are found, and what is written into them; the kernel's own are tried elsewhere."""

from pathlib import Path

import pytest

from windlass.engines.engine import Limits
from windlass.engines.local.processes.control_groups import ControlGroups, find_control_groups

LIMITS = Limits(
    cpu_millicores_request=250,
    cpu_millicores_limit=1500,
    memory_bytes_request=1 << 20,
    memory_bytes_limit=64 << 20,
)


def written(folder: Path) -> dict[str, str]:
    return {file.name: file.read_text() for file in folder.iterdir()}


def test_version_2_takes_all_settings_in_one_group(tmp_path: Path) -> None:
    groups = ControlGroups(2, {"cpu": tmp_path, "memory": tmp_path})
    assert groups.create("replica", LIMITS) == (str(tmp_path / "replica"),)
    assert written(tmp_path / "replica") == {
        "cpu.max": "150000 100000",
        "cpu.weight": "10",
        "memory.max": str(64 << 20),
        "memory.swap.max": "0",
        "memory.oom.group": "1",
    }


def test_version_1_has_a_group_for_each_controller(tmp_path: Path) -> None:
    folders = {"cpu": tmp_path / "cpu", "memory": tmp_path / "memory"}
    for folder in folders.values():
        folder.mkdir()
    groups = ControlGroups(1, folders)
    assert groups.create("replica", LIMITS) == tuple(str(f / "replica") for f in folders.values())
    assert written(tmp_path / "cpu" / "replica") == {
        "cpu.cfs_period_us": "100000",
        "cpu.cfs_quota_us": "150000",
        "cpu.shares": "256",
    }
    assert written(tmp_path / "memory" / "replica") == {
        "memory.limit_in_bytes": str(64 << 20),
        "memory.memsw.limit_in_bytes": str(64 << 20),
    }
    assert groups.replicas() == {"replica"}


def test_without_limits_nothing_is_set(tmp_path: Path) -> None:
    ControlGroups(2, {"cpu": tmp_path, "memory": tmp_path}).create("replica", Limits())
    assert written(tmp_path / "replica") == {}


@pytest.mark.parametrize(
    ("millicores", "weight", "shares"), [(1, "1", "2"), (1_000_000, "10000", "262144")]
)
def test_shares_stay_in_the_kernels_range(
    tmp_path: Path, millicores: int, weight: str, shares: str
) -> None:
    limits = Limits(cpu_millicores_request=millicores)
    ControlGroups(2, {"cpu": tmp_path}).create("two", limits)
    ControlGroups(1, {"cpu": tmp_path}).create("one", limits)
    assert written(tmp_path / "two") == {"cpu.weight": weight}
    assert written(tmp_path / "one") == {"cpu.shares": shares}


class Machine:
    """Files as /proc shows them, and a folder in place of /sys/fs/cgroup."""

    def __init__(self, folder: Path) -> None:
        self.top = folder / "cgroup"
        self.top.mkdir()
        self._mounts = folder / "mountinfo"
        self._own = folder / "own"

    def version_2(self, own: str, controllers: str = "cpuset cpu io memory pids") -> Path:
        self._mounts.write_text(f"25 20 0:22 / {self.top} rw,nosuid - cgroup2 cgroup2 rw\n")
        self._own.write_text(f"0::{own}\n")
        group = self.top / own.lstrip("/")
        for folder in {self.top, group}:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "cgroup.controllers").write_text(controllers)
            (folder / "cgroup.procs").write_text("")
        return group

    def version_1(self, root: str, own: str) -> None:
        lines = []
        for number, controller in enumerate(("cpu,cpuacct", "memory", "pids")):
            mount = self.top / controller
            (mount / own.removeprefix(root).lstrip("/")).mkdir(parents=True)
            lines.append(
                f"3{number} 20 0:3{number} {root} {mount} rw - cgroup cgroup rw,{controller}"
            )
        self._mounts.write_text("\n".join(lines))
        self._own.write_text(f"3:memory:{own}\n2:cpu,cpuacct:{own}\n1:pids:{own}\n0::/\n")

    def find(self) -> ControlGroups | None:
        return find_control_groups("windlass-x", self._mounts, self._own)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_version_1_groups_lie_below_the_platforms_own(machine: Machine) -> None:
    machine.version_1("/", "/service")
    groups = machine.find()
    assert groups is not None
    assert groups.version == 1
    assert groups.folders == {
        "cpu": machine.top / "cpu,cpuacct" / "service" / "windlass-x",
        "memory": machine.top / "memory" / "service" / "windlass-x",
    }


def test_in_a_container_the_own_group_is_the_mounts_root(machine: Machine) -> None:
    machine.version_1("/docker/abc", "/docker/abc")
    groups = machine.find()
    assert groups is not None
    assert groups.folders["memory"] == machine.top / "memory" / "windlass-x"


def test_a_read_only_hierarchy_is_not_used(machine: Machine) -> None:
    machine.version_1("/", "/service")
    # A file where the folder should go stands for whatever keeps it from being made.
    for controller in ("cpu,cpuacct", "memory"):
        (machine.top / controller / "service" / "windlass-x").touch()
    assert machine.find() is None


def test_version_2_without_the_controllers_is_not_used(machine: Machine) -> None:
    machine.version_2("/user.slice/session", "pids")
    assert machine.find() is None


def test_version_2_asks_for_the_controllers_in_the_own_group(machine: Machine) -> None:
    group = machine.version_2("/windlass.service")
    # The kernel would make this file with the folder.
    (group / "windlass-x").mkdir()
    (group / "windlass-x" / "cgroup.controllers").write_text("cpu memory")
    groups = machine.find()
    assert groups is not None
    assert groups.version == 2
    assert groups.folders == dict.fromkeys(("cpu", "memory"), group / "windlass-x")
    assert (group / "cgroup.subtree_control").read_text() == "+cpu +memory"
    assert (group / "windlass-x" / "cgroup.subtree_control").read_text() == "+cpu +memory"


def test_where_nothing_is_mounted_nothing_is_found(tmp_path: Path) -> None:
    for name in ("mountinfo", "own"):
        (tmp_path / name).write_text("")
    assert find_control_groups("windlass-x", tmp_path / "mountinfo", tmp_path / "own") is None
