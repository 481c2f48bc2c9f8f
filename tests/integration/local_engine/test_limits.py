"""CPU and memory are held to their limits, and which way is said."""

import os
from pathlib import Path

import pytest

from tests.integration.local_engine.conftest import Machine, is_alive, supervisor_of, wait_until
from windlass.engines.engine import Limits
from windlass.engines.local import local_engine

GREEDY = "held = bytearray(b'x' * (300 << 20)); import time; time.sleep(600)"
SLEEP = "import time; time.sleep(600)"
# The greedy one is a child; its parent reports its end with a code, as servers with workers do.
GREEDY_CHILD = f"""
import subprocess, sys
worker = subprocess.run([sys.executable, "-c", {GREEDY!r}])
sys.exit(3 if worker.returncode else 0)
"""
LIMITS = Limits(
    cpu_millicores_request=100,
    cpu_millicores_limit=500,
    memory_bytes_request=32 << 20,
    memory_bytes_limit=64 << 20,
)


def control_group(pid: int, controller: str) -> Path:
    """The folder of a process's cgroup, as /proc tells."""
    mounts = [line.split() for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        for mount in mounts:
            options = mount[-1].split(",")
            if controllers == "" and mount[mount.index("-") + 1] == "cgroup2":
                return Path(mount[4] + path)
            if controller in controllers.split(",") and controller in options:
                return Path(mount[4] + path)
    raise AssertionError(f"process {pid} is in no {controller} cgroup")


@pytest.fixture
def kernel_machine(machine: Machine) -> Machine:
    """A machine whose cgroups the test may write."""
    if machine.engine.control_groups is None:
        pytest.skip("no cgroup is writable here")
    machine.catalogue(SLEEP)
    return machine


@pytest.fixture
def sampling_machine(monkeypatch: pytest.MonkeyPatch, machine: Machine) -> Machine:
    """A machine none of whose cgroups is writable."""
    monkeypatch.setattr(local_engine, "find_control_groups", lambda _name: None)
    machine.engine = machine.new_engine()
    return machine


def test_the_limits_are_in_the_kernels_books(kernel_machine: Machine) -> None:
    replica_id = kernel_machine.start(limits=LIMITS)
    pid = kernel_machine.wait_for_pid(replica_id)
    memory, cpu = control_group(pid, "memory"), control_group(pid, "cpu")
    assert memory.name == cpu.name == replica_id
    if (memory / "memory.max").exists():
        assert (memory / "memory.max").read_text().strip() == str(64 << 20)
        assert (cpu / "cpu.max").read_text().split() == ["50000", "100000"]
    else:
        assert (memory / "memory.limit_in_bytes").read_text().strip() == str(64 << 20)
        assert (cpu / "cpu.cfs_quota_us").read_text().strip() == "50000"
        assert (cpu / "cpu.cfs_period_us").read_text().strip() == "100000"
        assert (cpu / "cpu.shares").read_text().strip() == "102"
    assert kernel_machine.observe(replica_id).notes == (
        f"the memory limit is enforced by the kernel (cgroup version {version(kernel_machine)})",
        f"the CPU limit is enforced by the kernel (cgroup version {version(kernel_machine)})",
    )


def version(machine: Machine) -> int:
    assert machine.engine.control_groups is not None
    return machine.engine.control_groups.version


def test_a_cpu_limit_throttles(kernel_machine: Machine) -> None:
    kernel_machine.catalogue("while True: pass")
    limits = Limits(cpu_millicores_limit=100)
    pid = kernel_machine.wait_for_pid(kernel_machine.start(limits=limits))
    statistics = control_group(pid, "cpu") / "cpu.stat"
    wait_until(
        lambda: int(statistics.read_text().split("nr_throttled ")[1].split()[0]) > 3,
        "it is throttled",
    )


@pytest.mark.parametrize("program", [GREEDY, GREEDY_CHILD])
def test_the_kernels_out_of_memory_kill_is_told(kernel_machine: Machine, program: str) -> None:
    kernel_machine.catalogue(program)
    end = kernel_machine.wait_for_exit(kernel_machine.start(limits=LIMITS))
    assert end.reason == "OOMKilled"


def test_a_replica_ends_as_a_whole_when_one_of_its_processes_ran_out_of_memory(
    kernel_machine: Machine,
) -> None:
    kernel_machine.catalogue(
        GREEDY_CHILD.replace("sys.exit", "import time; time.sleep(600); sys.exit")
    )
    end = kernel_machine.wait_for_exit(kernel_machine.start(limits=LIMITS))
    assert end.reason == "OOMKilled"


def test_a_kill_from_outside_is_not_taken_for_lack_of_memory(kernel_machine: Machine) -> None:
    replica_id = kernel_machine.start(limits=LIMITS)
    os.kill(kernel_machine.wait_for_pid(replica_id), 9)
    end = kernel_machine.wait_for_exit(replica_id)
    assert (end.reason, end.signal) == ("Error", 9)


def test_the_supervisor_does_not_count_against_the_limit(kernel_machine: Machine) -> None:
    replica_id = kernel_machine.start(limits=LIMITS)
    pid = kernel_machine.wait_for_pid(replica_id)
    members = (control_group(pid, "memory") / "cgroup.procs").read_text().split()
    assert members == [str(pid)]


def test_the_groups_go_when_the_replica_has_ended(kernel_machine: Machine) -> None:
    replica_id = kernel_machine.start(limits=LIMITS)
    pid = kernel_machine.wait_for_pid(replica_id)
    groups = {control_group(pid, "memory"), control_group(pid, "cpu")}
    kernel_machine.engine.stop(replica_id, 10, 1)
    kernel_machine.wait_for_exit(replica_id)
    assert not any(group.exists() for group in groups)


def test_what_left_session_and_environment_is_found_in_its_cgroup(kernel_machine: Machine) -> None:
    """The supervisor is killed, and neither of the other clues leads to the daemon."""
    kernel_machine.catalogue(
        f"""
import os, sys, time
if os.fork() == 0:
    os.setsid()
    print(os.getpid(), flush=True)
    os.execve(sys.executable, [sys.executable, "-c", {SLEEP!r}], {{}})
time.sleep(600)
"""
    )
    replica_id = kernel_machine.start()
    pid = kernel_machine.wait_for_pid(replica_id)
    wait_until(lambda: kernel_machine.log(replica_id).endswith("\n"), "the daemon runs")
    daemon = int(kernel_machine.log(replica_id))
    wait_until(lambda: Path(f"/proc/{daemon}/environ").read_bytes() == b"", "it has no environment")
    os.kill(supervisor_of(pid), 9)
    assert kernel_machine.wait_for_exit(replica_id).reason == "Lost"
    assert not is_alive(daemon)


def test_the_groups_go_with_the_replica(kernel_machine: Machine) -> None:
    replica_id = kernel_machine.start(limits=LIMITS)
    pid = kernel_machine.wait_for_pid(replica_id)
    groups = {control_group(pid, "memory"), control_group(pid, "cpu")}
    kernel_machine.engine.forget(replica_id, 1)
    assert not any(group.exists() for group in groups)


@pytest.mark.parametrize("program", [GREEDY, GREEDY_CHILD])
def test_without_cgroups_sampling_ends_what_uses_too_much(
    sampling_machine: Machine, program: str
) -> None:
    sampling_machine.catalogue(program)
    replica_id = sampling_machine.start(limits=LIMITS)
    assert sampling_machine.wait_for_exit(replica_id).reason == "OOMKilled"
    notes = sampling_machine.observe(replica_id).notes
    assert any("memory limit is enforced by sampling" in note for note in notes)
    assert any("CPU limit is not enforced" in note for note in notes)


def test_without_limits_there_is_nothing_to_say(machine: Machine) -> None:
    machine.catalogue(SLEEP)
    replica_id = machine.start()
    machine.wait_for_pid(replica_id)
    assert machine.observe(replica_id).notes == ()
