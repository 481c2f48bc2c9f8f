"""The fork server: supervisors are forked from a process that has one loaded already."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.platforms import eventually
from windlass.kit.supervision import control, fork_server, supervisor
from windlass.kit.supervision.fork_server import ForkServer
from windlass.kit.supervision.observation import State, observe
from windlass.kit.supervision.program.processes import is_alive
from windlass.kit.supervision.specification import Specification

SLEEP = Specification(id="one", program="/bin/sleep", argv=("sleep", "1000"), working_directory="/")
ARGUMENTS_BEGIN = 45
"""The field of /proc/PID/stat after the name's `)`, less two, proc(5): chosen anew at each exec."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ForkServer]:
    kept = ForkServer(len(str(tmp_path)) + 64)
    kept.start()
    yield kept
    kept.close()


def pid_of(server: ForkServer) -> int:
    assert server.pid is not None
    return server.pid


def supervisor_of(directory: Path) -> int:
    """The process whose arguments name the directory, by /proc."""
    (found,) = [
        int(entry.parent.name)
        for entry in Path("/proc").glob("[0-9]*/cmdline")
        if str(directory).encode() in words(entry)
    ]
    return found


def words(command_line: Path) -> list[bytes]:
    try:
        return command_line.read_bytes().split(b"\0")
    except OSError:
        return []


def stat(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def children(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def is_forked_from(pid: int, server: int) -> bool:
    return stat(pid)[ARGUMENTS_BEGIN] == stat(server)[ARGUMENTS_BEGIN]


def waiting_for(server: ForkServer) -> int:
    """The process that was forked ahead of need, and is nobody's supervisor yet."""
    pid = pid_of(server)

    def probe() -> int | None:
        waiting = [
            each
            for each in children(pid)
            if b"--fork-server" in words(Path(f"/proc/{each}/cmdline"))
        ]
        # What it forks itself is the last of what it does before it waits.
        return waiting[0] if len(waiting) == 1 and children(waiting[0]) else None

    return eventually(probe, "the next supervisor")


def launched(directory: Path, server: ForkServer) -> int:
    """The supervisor of a process that runs."""
    assert control.launch(directory, SLEEP, server)
    eventually(lambda: (seen := observe(directory)) and seen.state is State.RUNNING, "the start")
    return supervisor_of(directory)


def servers_alive() -> set[int]:
    """By /proc; the machine may have those of others."""
    return {
        int(entry.parent.name)
        for entry in Path("/proc").glob("[0-9]*/cmdline")
        if {supervisor.__file__.encode(), b"--fork-server"} <= set(words(entry))
    }


def test_a_forked_supervisor_supervises_and_shows_what(server: ForkServer, tmp_path: Path) -> None:
    directory = tmp_path / "one"
    forked = launched(directory, server)
    assert is_forked_from(forked, pid_of(server))
    seen = observe(directory)
    assert seen is not None
    assert seen.pid is not None
    assert Path(f"/proc/{seen.pid}/cmdline").read_bytes() == b"sleep\0001000\0"
    assert not control.launch(directory, SLEEP, server)
    control.kill(directory)
    eventually(lambda: not is_alive(forked), "its end, with nobody to wait for it")


def test_supervisors_outlive_the_server(server: ForkServer, tmp_path: Path) -> None:
    directory = tmp_path / "one"
    forked = launched(directory, server)
    server.close()
    seen = observe(directory)
    assert seen is not None
    assert seen.state is State.RUNNING
    assert is_alive(forked)
    control.kill(directory)


def test_nothing_of_a_directory_stays_with_the_server(server: ForkServer, tmp_path: Path) -> None:
    """It would hold the lock of a directory whose supervisor is gone."""
    held = Path(f"/proc/{pid_of(server)}/fd")
    launched(tmp_path / "one", server)
    # It has as many whenever the next supervisor waits.
    waiting_for(server)
    before = len(list(held.iterdir()))
    launched(tmp_path / "two", server)
    waiting_for(server)
    assert len(list(held.iterdir())) == before
    os.kill(supervisor_of(tmp_path / "one"), signal.SIGKILL)
    eventually(lambda: (seen := observe(tmp_path / "one")) and seen.state is State.LOST, "its loss")
    for name in ("one", "two"):
        control.kill(tmp_path / name)


def test_a_server_that_was_killed_is_replaced(server: ForkServer, tmp_path: Path) -> None:
    first = pid_of(server)
    os.kill(first, signal.SIGKILL)
    launched(tmp_path / "one", server)
    forked = launched(tmp_path / "two", server)
    assert pid_of(server) != first
    assert is_forked_from(forked, pid_of(server))
    for name in ("one", "two"):
        control.kill(tmp_path / name)


def test_one_that_was_killed_ahead_of_need_is_replaced(server: ForkServer, tmp_path: Path) -> None:
    first = waiting_for(server)
    os.kill(first, signal.SIGKILL)
    eventually(lambda: not is_alive(first), "its end")
    forked = launched(tmp_path / "one", server)
    assert is_forked_from(forked, pid_of(server))
    control.kill(tmp_path / "one")


def test_what_was_to_execute_and_was_killed_is_replaced(server: ForkServer, tmp_path: Path) -> None:
    waiting = waiting_for(server)
    children = Path(f"/proc/{waiting}/task/{waiting}/children")
    (child,) = eventually(lambda: children.read_text().split(), "what is to execute")
    os.kill(int(child), signal.SIGKILL)
    eventually(lambda: not is_alive(int(child)), "its end")
    assert launched(tmp_path / "one", server) == waiting
    control.kill(tmp_path / "one")


def test_the_next_one_is_forked_before_it_is_needed(server: ForkServer, tmp_path: Path) -> None:
    waiting = waiting_for(server)
    # Nothing can be forked now.
    os.kill(pid_of(server), signal.SIGSTOP)
    assert launched(tmp_path / "one", server) == waiting
    os.kill(pid_of(server), signal.SIGCONT)
    assert launched(tmp_path / "two", server) != waiting
    for name in ("one", "two"):
        control.kill(tmp_path / name)


def test_it_ends_with_the_process_that_has_it() -> None:
    code = (
        "from windlass.kit.supervision.fork_server import ForkServer\n"
        "import time; kept = ForkServer(100); kept.start(); time.sleep(1000)"
    )
    before = servers_alive()
    owner = subprocess.Popen([sys.executable, "-c", code])
    eventually(lambda: servers_alive() - before, "a server")
    owner.kill()
    owner.wait()
    eventually(lambda: not servers_alive() - before, "its end")


def test_one_that_does_not_answer_never_begins(
    server: ForkServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    launched(tmp_path / "before", server)
    stopped = [pid_of(server), waiting_for(server)]
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    monkeypatch.setattr(fork_server, "_PATIENCE_SECONDS", 0.1)
    directory = tmp_path / "one"
    alone = launched(directory, server)
    eventually(lambda: not any(is_alive(pid) for pid in stopped), "the end of both")
    os.kill(alone, signal.SIGKILL)
    eventually(lambda: (seen := observe(directory)) and seen.state is State.LOST, "its loss")
    for name in ("before", "one"):
        control.kill(tmp_path / name)
