"""Gate and Envoy are restarted without the control plane; a replica never is."""

import itertools
import os
import signal
from functools import partial
from pathlib import Path

from tests.integration.supervision.conftest import Supervised, is_alive, kill_at_once, wait_until
from windlass.kit.supervision.control import settle, stop
from windlass.kit.supervision.observation import State
from windlass.kit.supervision.specification import Restart

SLEEP = "import time; time.sleep(600)"
COUNT = "open(__import__('sys').argv[1], 'a').write('started\\n'); raise SystemExit(4)"


def has_started(supervised: Supervised, times: int) -> bool:
    return supervised.observe().starts >= times


def test_a_process_that_ends_is_started_again(supervised: Supervised) -> None:
    supervised.launch(SLEEP, restart=Restart.ALWAYS, restart_delay_seconds=0.01)
    first = supervised.pid()
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: supervised.observe().starts == 2, "it is started again")
    observation = supervised.observe()
    assert observation.pid != first
    assert observation.exit is not None
    assert observation.exit.signal == signal.SIGKILL


def test_the_delay_grows_with_each_quick_failure(supervised: Supervised, tmp_path: Path) -> None:
    record = tmp_path / "starts"
    supervised.launch(
        COUNT,
        str(record),
        restart=Restart.ALWAYS,
        restart_delay_seconds=0.05,
        restart_delay_maximum_seconds=3600,
    )
    moments = []
    for count in range(1, 5):
        wait_until(partial(has_started, supervised, count), "it is started again")
        moments.append(supervised.observe().started_at or 0.0)
    delays = [later - earlier for earlier, later in itertools.pairwise(moments)]
    assert delays[1] >= 0.09
    assert delays[2] >= 0.19


def test_while_it_waits_it_says_how_the_process_ended_and_can_be_stopped(
    supervised: Supervised, tmp_path: Path
) -> None:
    supervised.launch(
        COUNT,
        str(tmp_path / "starts"),
        restart=Restart.ALWAYS,
        restart_delay_seconds=3600,
        restart_delay_maximum_seconds=3600,
    )
    waiting = supervised.wait_for(State.WAITING)
    assert waiting.exit is not None
    assert waiting.exit.code == 4
    stop(supervised.directory, 60)
    assert supervised.wait_for(State.EXITED).starts == 1


def test_a_stopped_one_stays_down_until_it_is_launched_again(supervised: Supervised) -> None:
    supervised.launch(SLEEP, restart=Restart.ALWAYS)
    first = supervised.pid()
    stop(supervised.directory, 60)
    supervised.wait_for(State.EXITED)
    assert supervised.launch(SLEEP, restart=Restart.ALWAYS)
    assert supervised.pid() != first


def test_after_its_supervisor_was_killed_a_launch_replaces_it_and_what_it_left(
    supervised: Supervised, tmp_path: Path
) -> None:
    program = """
import os, sys, time
if os.fork() == 0:
    open(sys.argv[1], "w").write(f"{os.getpid()}\\n")
time.sleep(600)
"""
    supervised.launch(program, str(tmp_path / "child"), restart=Restart.ALWAYS)
    wait_until(
        lambda: (tmp_path / "child").exists() and (tmp_path / "child").read_text() != "",
        "it has a child",
    )
    child, first = int((tmp_path / "child").read_text()), supervised.pid()
    supervisor = supervised.observe().supervisor_pid
    assert supervisor is not None
    kill_at_once(supervisor)
    assert is_alive(child)
    assert supervised.launch(SLEEP, restart=Restart.ALWAYS)
    assert supervised.pid() != first
    assert not is_alive(child)
    assert settle(supervised.directory) == supervised.observe()
