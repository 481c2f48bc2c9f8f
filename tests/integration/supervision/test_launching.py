"""A directory is one start, whoever launches it, however often, and whoever is killed meanwhile."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from tests.integration.supervision.conftest import Supervised, is_alive, kill_at_once, wait_until
from windlass.kit.supervision import supervisor
from windlass.kit.supervision.control import launch, settle, stop
from windlass.kit.supervision.observation import State, observe
from windlass.kit.supervision.specification import Specification

RECORD_START = (
    "open(__import__('sys').argv[1], 'a').write('started\\n'); import time; time.sleep(600)"
)


def starts(file: Path) -> int:
    return len(file.read_text().splitlines()) if file.exists() else 0


def test_a_launched_process_runs_with_exactly_what_was_specified(
    supervised: Supervised, tmp_path: Path
) -> None:
    supervised.launch(
        "import time; time.sleep(600)",
        "an argument",
        environment={"A": "1 2"},
        working_directory=str(tmp_path),
    )
    process = Path("/proc", str(supervised.pid()))
    assert (process / "cmdline").read_bytes().split(b"\0")[-2] == b"an argument"
    assert (process / "environ").read_bytes() == b"A=1 2\0"
    assert os.readlink(process / "cwd") == str(tmp_path)


def test_the_program_may_differ_from_the_first_word(supervised: Supervised) -> None:
    launch(
        supervised.directory,
        Specification(
            id="a",
            program=sys.executable,
            argv=("a name", "-I", "-S", "-c", "import time; time.sleep(600)"),
            environment={},
            working_directory="/",
        ),
    )
    process = Path("/proc", str(supervised.pid()))
    assert (process / "cmdline").read_bytes().split(b"\0")[0] == b"a name"


def test_a_process_has_a_session_of_its_own_and_no_stray_descriptors(
    supervised: Supervised,
) -> None:
    supervised.launch("import time; time.sleep(600)")
    pid = supervised.pid()
    assert os.getsid(pid) == pid
    # The interpreter opens files of its own while it starts.
    descriptors = Path(f"/proc/{pid}/fd")
    wait_until(lambda: sorted(os.listdir(descriptors)) == ["0", "1", "2"], "no others are open")


def test_a_process_inherits_neither_blocked_nor_ignored_signals(supervised: Supervised) -> None:
    program = (
        "import signal, sys; from pathlib import Path\n"
        "from windlass.kit.supervision.control import launch\n"
        "from windlass.kit.supervision.specification import Specification\n"
        "signal.signal(signal.SIGQUIT, signal.SIG_IGN)\n"
        "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGCHLD})\n"
        "launch(Path(sys.argv[1]), Specification(id='a', argv=('/bin/sleep', '600'),"
        " environment={}, working_directory='/'))\n"
    )
    subprocess.run([sys.executable, "-c", program, str(supervised.directory)], check=True)
    pid = supervised.pid()
    wait_until(
        lambda: not _signals(pid, "SigBlk") | _signals(pid, "SigIgn"), "a clean slate of signals"
    )
    stop(supervised.directory, 60)
    supervised.wait_for(State.EXITED)


def _signals(pid: int, kind: str) -> set[int]:
    """A set of signals in /proc/<pid>/status.

    Without those that the C library keeps to itself: its posix_spawn, which make uses, has them
    ignored in all that it starts, and lets nobody change that.
    """
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{kind}:"):
            bits = int(line.split()[1], 16)
            return {number for number in signal.valid_signals() if bits >> (number - 1) & 1}
    raise AssertionError(f"no {kind}")


def test_a_process_survives_who_launched_it(supervised: Supervised, tmp_path: Path) -> None:
    record = tmp_path / "starts"
    specification = supervised.specification(RECORD_START, str(record))
    with ProcessPoolExecutor(1) as launchers:
        assert launchers.submit(launch, supervised.directory, specification).result()
    assert is_alive(supervised.pid())


def test_a_second_launch_does_nothing(supervised: Supervised, tmp_path: Path) -> None:
    record = tmp_path / "starts"
    assert supervised.launch(RECORD_START, str(record))
    pid = supervised.pid()
    assert not supervised.launch(RECORD_START, str(record))
    assert supervised.pid() == pid
    wait_until(lambda: starts(record) > 0, "the process has started")
    assert starts(record) == 1


def test_a_process_that_ended_is_not_started_again(supervised: Supervised, tmp_path: Path) -> None:
    record = tmp_path / "starts"
    supervised.launch("open(__import__('sys').argv[1], 'a').write('started\\n')", str(record))
    supervised.wait_for(State.EXITED)
    assert not supervised.launch(RECORD_START, str(record))
    assert supervised.observe().state is State.EXITED
    assert starts(record) == 1


def test_of_many_launchers_at_once_one_starts_the_process(
    supervised: Supervised, tmp_path: Path
) -> None:
    record = tmp_path / "starts"
    specification = supervised.specification(RECORD_START, str(record))
    with ProcessPoolExecutor(8) as launchers:
        results = [launchers.submit(launch, supervised.directory, specification) for _ in range(24)]
        assert sum(result.result() for result in results) == 1
    supervised.pid()
    wait_until(lambda: starts(record) > 0, "the process has started")
    assert starts(record) == 1


# A launcher that is killed at the given step of `launch`; its arguments are the directory, the
# step, and the file that the process is to record its start in.
KILLED_LAUNCHER = f"""
import os, signal, sys
from pathlib import Path
from windlass.kit.supervision import control
from windlass.kit.supervision.specification import Specification

directory, step, record = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
when, _, name = step.partition(" ")
original = getattr(control, name)
def replacement(*arguments, **options):
    if when == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    result = original(*arguments, **options)
    os.kill(os.getpid(), signal.SIGKILL)
setattr(control, name, replacement)
control.launch(directory, Specification(
    id="replica-1", argv=(sys.executable, "-I", "-S", "-c", {RECORD_START!r}, record),
    environment={{}}, working_directory="/"))
"""


@pytest.mark.parametrize(
    "step",
    ["before Directory", "before write_json", "after write_json", "before _spawn", "after _spawn"],
)
def test_a_launcher_killed_at_any_step_leaves_one_start_at_most(
    supervised: Supervised, tmp_path: Path, step: str
) -> None:
    record = tmp_path / "starts"
    words = [sys.executable, "-c", KILLED_LAUNCHER, str(supervised.directory), step, str(record)]
    killed = subprocess.run(words, check=False)
    assert killed.returncode == -signal.SIGKILL
    left = observe(supervised.directory)
    if step != "after _spawn":
        assert left is None or left.state is State.PREPARED
    supervised.launch(RECORD_START, str(record))
    supervised.pid()
    wait_until(lambda: starts(record) > 0, "the process has started")
    assert starts(record) == 1


def test_a_supervisor_run_by_hand_refuses_a_directory_that_has_one(supervised: Supervised) -> None:
    supervised.launch("import time; time.sleep(600)")
    supervised.wait_for(State.RUNNING)
    second = run_supervisor(supervised.directory)
    assert second.returncode == 1
    assert "has a supervisor already" in second.stderr


def test_a_supervisor_run_by_hand_refuses_a_directory_that_was_started(
    supervised: Supervised,
) -> None:
    supervised.launch("pass")
    supervised.wait_for(State.EXITED)
    told: list[str] = []

    def is_alone() -> bool:
        second = run_supervisor(supervised.directory)
        assert second.returncode == 1
        told.append(second.stderr)
        return "has a supervisor already" not in second.stderr

    # The first one says how its process ended, and then ends itself.
    wait_until(is_alone, "the first supervisor is gone")
    assert "was started once" in told[-1]


def run_supervisor(directory: Path) -> "subprocess.CompletedProcess[str]":
    words = [sys.executable, "-I", "-S", supervisor.__file__, str(directory)]
    return subprocess.run(words, capture_output=True, text=True, check=False)


def test_a_stop_before_the_start_prevents_it(supervised: Supervised, tmp_path: Path) -> None:
    record = tmp_path / "starts"
    supervised.directory.mkdir()
    stop(supervised.directory, 1, "not wanted any more")
    supervised.launch(RECORD_START, str(record))
    ended = supervised.wait_for(State.EXITED)
    assert ended.exit is not None
    assert ended.exit.stopped
    assert ended.exit.message == "not wanted any more"
    assert starts(record) == 0


def test_a_program_that_cannot_be_executed_says_why(supervised: Supervised) -> None:
    launch(
        supervised.directory,
        Specification(
            id="a", argv=("/nonexistent/program",), environment={}, working_directory="/"
        ),
    )
    ended = supervised.wait_for(State.EXITED)
    assert ended.exit is not None
    assert ended.exit.start_failed
    assert ended.exit.message == "could not execute /nonexistent/program: No such file or directory"


def test_a_missing_working_directory_says_so(supervised: Supervised) -> None:
    supervised.launch("pass", working_directory="/nonexistent")
    ended = supervised.wait_for(State.EXITED)
    assert ended.exit is not None
    assert ended.exit.start_failed
    assert "/nonexistent: No such file or directory" in ended.exit.message


def test_a_bare_word_is_not_the_path_of_a_program(supervised: Supervised) -> None:
    with pytest.raises(ValueError, match="'python3' is not the path"):
        launch(
            supervised.directory,
            Specification(id="a", argv=("python3",), environment={}, working_directory="/"),
        )


def test_nothing_is_known_of_a_directory_that_was_never_launched(tmp_path: Path) -> None:
    assert observe(tmp_path / "nothing") is None
    assert settle(tmp_path / "nothing") is None


def test_pid_reuse_is_not_mistaken_for_the_supervisor(supervised: Supervised) -> None:
    """A state that names a living process of another start time, without the lock held."""
    supervised.launch("import time; time.sleep(600)")
    supervised.pid()
    supervisor_pid = supervised.observe().supervisor_pid
    assert supervisor_pid is not None
    kill_at_once(supervisor_pid)
    state_file = supervised.directory / "state.json"
    state_file.write_text(
        state_file.read_text().replace(f'"pid":{supervisor_pid},', f'"pid":{os.getpid()},')
    )
    assert supervised.observe().state is State.LOST
    stop(supervised.directory, 1)


def test_every_change_is_notified_with_the_id(supervised: Supervised, tmp_path: Path) -> None:
    import socket

    address = str(tmp_path / "wake")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as wake:
        wake.bind(address)
        wake.settimeout(20)
        supervised.launch("pass", notify=address)
        supervised.wait_for(State.EXITED)
        assert wake.recv(100) == b"replica-1"
