"""Spare supervisors: one that has started before there is anything to supervise takes over."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.platforms import eventually
from windlass.kit.supervision import control, supervisor
from windlass.kit.supervision.observation import State, observe
from windlass.kit.supervision.spares import Spares
from windlass.kit.supervision.specification import Specification

SLEEP = Specification(id="one", program="/bin/sleep", argv=("sleep", "1000"), working_directory="/")


@pytest.fixture
def spares(tmp_path: Path) -> Iterator[Spares]:
    made = Spares(1, len(str(tmp_path)) + 64)
    made.keep()
    eventually(spares_alive, "a spare")
    yield made
    made.close()


def spares_alive() -> list[int]:
    """Spare supervisors that wait, by /proc."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = entry.read_bytes().split(b"\0")
        except OSError:
            continue
        if supervisor.__file__.encode() in words and b"--spare" in words:
            found.append(int(entry.parent.name))
    return found


def supervisor_of(directory: Path) -> int:
    """The process whose arguments name the directory, by /proc."""
    (found,) = [
        int(entry.parent.name)
        for entry in Path("/proc").glob("[0-9]*/cmdline")
        if str(directory).encode() in entry.read_bytes().split(b"\0")
    ]
    return found


def test_a_spare_supervises_and_shows_what(spares: Spares, tmp_path: Path) -> None:
    directory = tmp_path / "one"
    waiting = set(spares_alive())
    assert control.launch(directory, SLEEP, spares)
    eventually(lambda: (seen := observe(directory)) and seen.state is State.RUNNING, "the start")
    assert supervisor_of(directory) in waiting
    seen = observe(directory)
    assert seen is not None
    assert seen.pid is not None
    assert Path(f"/proc/{seen.pid}/cmdline").read_bytes() == b"sleep\0001000\0"
    # Its place is taken by another.
    eventually(lambda: set(spares_alive()) - waiting, "another spare")
    assert not control.launch(directory, SLEEP, spares)
    control.kill(directory)


def test_where_the_spare_was_killed_another_way_is_found(spares: Spares, tmp_path: Path) -> None:
    for pid in spares_alive():
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: not spares_alive(), "their end")
    directory = tmp_path / "one"
    assert control.launch(directory, SLEEP, spares)
    eventually(lambda: (seen := observe(directory)) and seen.state is State.RUNNING, "the start")
    control.kill(directory)


def test_spares_end_with_the_process_that_keeps_them() -> None:
    code = (
        "from windlass.kit.supervision.spares import Spares\n"
        "import time; kept = Spares(1, 100); kept.keep(); time.sleep(1000)"
    )
    before = set(spares_alive())
    keeper = subprocess.Popen([sys.executable, "-c", code])
    eventually(lambda: set(spares_alive()) - before, "a spare")
    keeper.kill()
    keeper.wait()
    eventually(lambda: not set(spares_alive()) - before, "its end")


def test_a_spare_that_does_not_answer_in_time_never_begins(spares: Spares, tmp_path: Path) -> None:
    (waiting,) = spares_alive()
    os.kill(waiting, signal.SIGSTOP)
    spares._ready[0].settimeout(0.1)
    directory = tmp_path / "one"
    assert control.launch(directory, SLEEP, spares)
    os.kill(waiting, signal.SIGCONT)
    eventually(lambda: waiting not in spares_alive(), "its end")
    eventually(lambda: (seen := observe(directory)) and seen.state is State.RUNNING, "the start")
    assert supervisor_of(directory) != waiting
    control.kill(directory)
