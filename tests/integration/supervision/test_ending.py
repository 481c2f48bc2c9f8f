"""However a process ends, how is told, and nothing of it is left."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.integration.supervision.conftest import Supervised, is_alive, kill_at_once, wait_until
from windlass.kit.supervision import supervisor
from windlass.kit.supervision.control import kill, settle, stop
from windlass.kit.supervision.observation import Exit, State
from windlass.kit.supervision.program.directory import Directory, write_json

SLEEP = "import time; time.sleep(600)"
IGNORE_TERM = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ignoring", flush=True)
time.sleep(600)
"""
# Starts a daemon as daemon(3) does: two forks and a session of its own; prints its PID.
DAEMONIZE = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        open(sys.argv[1], "w").write(f"{os.getpid()}\\n")
        time.sleep(600)
    os._exit(0)
time.sleep(600)
"""


def the_exit(supervised: Supervised) -> Exit:
    end = supervised.wait_for(State.EXITED).exit
    assert end is not None
    return end


def daemon_pid(file: Path) -> int:
    wait_until(lambda: file.exists() and file.read_text().endswith("\n"), "the daemon has started")
    return int(file.read_text())


def test_an_exit_code_is_told(supervised: Supervised) -> None:
    supervised.launch("raise SystemExit(3)")
    end = the_exit(supervised)
    assert (end.code, end.signal, end.stopped, end.out_of_memory) == (3, None, False, False)
    assert end.message == "it exited with code 3"


def test_a_signal_is_told_apart_from_an_exit_code(supervised: Supervised) -> None:
    supervised.launch("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    end = the_exit(supervised)
    assert (end.code, end.signal, end.stopped) == (None, signal.SIGSEGV, False)
    assert "SIGSEGV" in end.message


def test_a_kill_from_outside_is_no_stop_and_no_lack_of_memory(supervised: Supervised) -> None:
    supervised.launch(SLEEP)
    os.kill(supervised.pid(), signal.SIGKILL)
    end = the_exit(supervised)
    assert (end.signal, end.stopped, end.out_of_memory) == (signal.SIGKILL, False, False)


def test_stopping_sends_sigterm(supervised: Supervised) -> None:
    supervised.launch(
        "import signal, sys, time; signal.signal(15, lambda *_: sys.exit(7));"
        "print('set', flush=True); time.sleep(600)"
    )
    wait_until(lambda: b"set" in supervised.log(), "the handler is set")
    stop(supervised.directory, 60, "scaled down")
    end = the_exit(supervised)
    assert (end.code, end.stopped) == (7, True)
    assert end.message == "scaled down; it exited with code 7"


def test_after_the_grace_a_process_that_ignores_sigterm_is_killed(supervised: Supervised) -> None:
    supervised.launch(IGNORE_TERM)
    wait_until(lambda: b"ignoring" in supervised.log(), "the signal is ignored")
    stop(supervised.directory, 0.3)
    end = the_exit(supervised)
    assert (end.signal, end.stopped) == (signal.SIGKILL, True)


def test_a_second_stop_shortens_the_grace_and_never_lengthens_it(supervised: Supervised) -> None:
    supervised.launch(IGNORE_TERM)
    wait_until(lambda: b"ignoring" in supervised.log(), "the signal is ignored")
    supervisor_pid = supervised.observe().supervisor_pid
    assert supervisor_pid is not None
    # All three wait for it when it goes on, as they may on a busy machine.
    os.kill(supervisor_pid, signal.SIGSTOP)
    for grace in (3600, 0.1, 3600):
        stop(supervised.directory, grace)
    os.kill(supervisor_pid, signal.SIGCONT)
    assert the_exit(supervised).signal == signal.SIGKILL


def test_a_sigterm_to_the_supervisor_stops_the_process(supervised: Supervised) -> None:
    supervised.launch(SLEEP)
    supervised.pid()
    supervisor_pid = supervised.observe().supervisor_pid
    assert supervisor_pid is not None
    os.kill(supervisor_pid, signal.SIGTERM)
    assert the_exit(supervised).stopped


def test_a_daemonized_grandchild_ends_when_the_process_is_stopped(
    supervised: Supervised, tmp_path: Path
) -> None:
    supervised.launch(DAEMONIZE, str(tmp_path / "daemon"))
    daemon = daemon_pid(tmp_path / "daemon")
    assert os.getsid(daemon) != supervised.pid()
    stop(supervised.directory, 60)
    the_exit(supervised)
    assert not is_alive(daemon)


def test_a_daemonized_grandchild_ends_when_the_process_ends_by_itself(
    supervised: Supervised, tmp_path: Path
) -> None:
    until_it_runs = "while not os.path.exists(sys.argv[1]): time.sleep(0.01)"
    program = DAEMONIZE.rpartition("time.sleep")[0] + until_it_runs
    supervised.launch(program, str(tmp_path / "daemon"))
    daemon = daemon_pid(tmp_path / "daemon")
    assert the_exit(supervised).code == 0
    assert not is_alive(daemon)


def test_the_process_dies_with_its_supervisor(supervised: Supervised) -> None:
    supervised.launch(SLEEP)
    pid = supervised.pid()
    supervisor_pid = supervised.observe().supervisor_pid
    assert supervisor_pid is not None
    kill_at_once(supervisor_pid)
    wait_until(lambda: not is_alive(pid), "the process is gone")
    assert supervised.observe().state is State.LOST


@pytest.mark.parametrize("clue", ["session", "mark"])
def test_what_a_killed_supervisor_left_is_ended_by_whoever_sees_it(
    supervised: Supervised, tmp_path: Path, clue: str
) -> None:
    """A grandchild of the process's session is known by that, a daemon by the environment."""
    program = DAEMONIZE if clue == "mark" else DAEMONIZE.replace("os.setsid()", "")
    supervised.launch(
        program,
        str(tmp_path / "daemon"),
        environment={"MARK": str(tmp_path)},
        mark=f"MARK={tmp_path}",
    )
    daemon = daemon_pid(tmp_path / "daemon")
    supervisor_pid = supervised.observe().supervisor_pid
    assert supervisor_pid is not None
    kill_at_once(supervisor_pid)
    assert is_alive(daemon)
    observation = settle(supervised.directory)
    assert not is_alive(daemon)
    assert observation is not None
    assert observation.state is State.EXITED
    assert observation.exit is not None
    assert observation.exit.lost


def test_after_a_restart_of_the_machine_numbers_say_nothing(
    supervised: Supervised, tmp_path: Path
) -> None:
    """A session of the recorded number belongs to somebody else since."""
    supervised.launch(DAEMONIZE.replace("os.setsid()", ""), str(tmp_path / "daemon"))
    bystander = daemon_pid(tmp_path / "daemon")
    supervisor_pid = supervised.observe().supervisor_pid
    assert supervisor_pid is not None
    kill_at_once(supervisor_pid)
    state = supervised.directory / "state.json"
    state.write_text(state.read_text().replace('"boot":"', '"boot":"another '))
    try:
        observation = settle(supervised.directory)
        assert observation is not None
        assert observation.state is State.EXITED
        assert is_alive(bystander)
    finally:
        os.kill(bystander, signal.SIGKILL)


def test_an_unmarked_bystander_survives_the_settling(
    supervised: Supervised, tmp_path: Path
) -> None:
    bystander = Supervised(tmp_path / "bystander")
    bystander.launch(SLEEP, environment={"MARK": f"not {tmp_path}"}, mark=f"MARK=not {tmp_path}")
    supervised.launch(SLEEP, environment={"MARK": str(tmp_path)}, mark=f"MARK={tmp_path}")
    supervised.pid()
    supervisor_pid = supervised.observe().supervisor_pid
    assert supervisor_pid is not None
    try:
        kill_at_once(supervisor_pid)
        settle(supervised.directory)
        assert is_alive(bystander.pid())
    finally:
        kill(bystander.directory)


def test_a_tree_over_its_memory_is_killed_where_no_cgroup_holds_it(supervised: Supervised) -> None:
    supervised.launch(
        "held = bytearray(b'x' * (200 << 20)); import time; time.sleep(600)",
        sampled_memory_bytes=64 << 20,
    )
    end = the_exit(supervised)
    assert end.out_of_memory
    assert end.signal == signal.SIGKILL


def test_memory_shared_in_a_tree_counts_once(supervised: Supervised) -> None:
    """Four processes share 60 MiB: their resident sizes add up to more than the limit."""
    program = """
import os, time
held = bytearray(b"x" * (60 << 20))
for _ in range(3):
    if os.fork() == 0:
        break
print("forked", flush=True)
time.sleep(600)
"""
    supervised.launch(program, sampled_memory_bytes=160 << 20)
    wait_until(lambda: supervised.log().count(b"forked") == 4, "all four run")
    began = time.monotonic()
    # Several samples of the supervisor's own making, none of which may kill.
    wait_until(lambda: time.monotonic() - began > 1.0, "some samples were taken")
    assert supervised.observe().state is State.RUNNING


def test_a_stop_after_the_end_changes_nothing(supervised: Supervised) -> None:
    supervised.launch("raise SystemExit(3)")
    before = the_exit(supervised)
    stop(supervised.directory, 1)
    assert the_exit(supervised) == before


def test_killing_waits_until_all_is_gone_even_if_the_supervisor_hangs(
    supervised: Supervised, tmp_path: Path
) -> None:
    supervised.launch(
        DAEMONIZE,
        str(tmp_path / "daemon"),
        environment={"MARK": str(tmp_path)},
        mark=f"MARK={tmp_path}",
    )
    daemon, pid = daemon_pid(tmp_path / "daemon"), supervised.pid()
    supervisor_pid = supervised.observe().supervisor_pid
    assert supervisor_pid is not None
    os.kill(supervisor_pid, signal.SIGSTOP)
    kill(supervised.directory, timeout_seconds=2)
    assert not any(is_alive(each) for each in (daemon, pid, supervisor_pid))


def test_killing_may_leave_time_for_an_orderly_end(supervised: Supervised) -> None:
    supervised.launch(
        "import signal, sys, time; signal.signal(15, lambda *_: (time.sleep(0.3), sys.exit(7)));"
        "print('set', flush=True); time.sleep(600)"
    )
    wait_until(lambda: b"set" in supervised.log(), "the handler is set")
    kill(supervised.directory, grace_seconds=60)
    assert the_exit(supervised).code == 7


def test_a_process_whose_directory_is_removed_does_not_outlive_it(
    supervised: Supervised, tmp_path: Path
) -> None:
    supervised.launch(SLEEP)
    pid = supervised.pid()
    supervisor_pid = supervised.observe().supervisor_pid
    assert supervisor_pid is not None
    supervised.directory.rename(tmp_path / "elsewhere")
    wait_until(lambda: not is_alive(pid) and not is_alive(supervisor_pid), "both are gone")


def test_neither_readiness_nor_grace_depends_on_the_wall_clock(supervised: Supervised) -> None:
    """The supervisor's wall clock jumps a year ahead or back at every look."""
    supervised.directory.mkdir()
    files = Directory(str(supervised.directory))
    write_json(
        files.specification, supervised.specification(IGNORE_TERM, stop_grace_seconds=1.0).to_json()
    )
    program = f"""
import itertools, runpy, sys, time
real, jumps = time.time, itertools.cycle([31_536_000, -31_536_000])
time.time = lambda: real() + next(jumps)
sys.argv = ["supervisor.py", {files.path!r}]
runpy.run_path({supervisor.__file__!r}, run_name="__main__")
"""
    running = subprocess.Popen([sys.executable, "-I", "-S", "-c", program])
    try:
        wait_until(lambda: b"ignoring" in supervised.log(), "it runs")
        began = time.monotonic()
        stop(supervised.directory, 1.0)
        assert the_exit(supervised).signal == signal.SIGKILL
        assert 0.9 <= time.monotonic() - began < 10
    finally:
        running.wait(timeout=20)
