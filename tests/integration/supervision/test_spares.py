"""Spare supervisors: one that has started before there is anything to supervise takes over."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.end_to_end.platforms import eventually
from windlass.kit.supervision import control, supervisor
from windlass.kit.supervision.observation import State, observe
from windlass.kit.supervision.spares import Spares
from windlass.kit.supervision.specification import Specification

SLEEP = Specification(id="one", program="/bin/sleep", argv=("sleep", "1000"), working_directory="/")


@dataclass(frozen=True, slots=True)
class Keeper:
    """Keeps one spare; the machine may have those of others."""

    spares: Spares
    others: frozenset[int]

    def waiting(self) -> set[int]:
        """The processes that it keeps, and those that it has just begun to make."""
        return spares_alive() - self.others


@pytest.fixture
def keeper(tmp_path: Path) -> Iterator[Keeper]:
    kept = Keeper(Spares(1, len(str(tmp_path)) + 64), frozenset(spares_alive()))
    kept.spares.keep()
    eventually(lambda: kept.spares.ready, "a spare")
    yield kept
    kept.spares.close()
    eventually(lambda: not kept.waiting(), "the end of all")


def spares_alive() -> set[int]:
    """Spare supervisors that wait, by /proc."""
    found = set()
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = entry.read_bytes().split(b"\0")
        except OSError:
            continue
        if supervisor.__file__.encode() in words and b"--spare" in words:
            found.add(int(entry.parent.name))
    return found


def supervisor_of(directory: Path) -> int:
    """The process whose arguments name the directory, by /proc."""
    (found,) = [
        int(entry.parent.name)
        for entry in Path("/proc").glob("[0-9]*/cmdline")
        if str(directory).encode() in entry.read_bytes().split(b"\0")
    ]
    return found


def test_a_spare_supervises_and_shows_what(keeper: Keeper, tmp_path: Path) -> None:
    directory = tmp_path / "one"
    waiting = keeper.waiting()
    assert control.launch(directory, SLEEP, keeper.spares)
    eventually(lambda: (seen := observe(directory)) and seen.state is State.RUNNING, "the start")
    assert supervisor_of(directory) in waiting
    seen = observe(directory)
    assert seen is not None
    assert seen.pid is not None
    assert Path(f"/proc/{seen.pid}/cmdline").read_bytes() == b"sleep\0001000\0"
    # Its place is taken by another.
    eventually(lambda: keeper.waiting() - waiting, "another spare")
    assert not control.launch(directory, SLEEP, keeper.spares)
    control.kill(directory)


def test_where_the_spare_was_killed_another_way_is_found(keeper: Keeper, tmp_path: Path) -> None:
    (waiting,) = keeper.waiting()
    os.kill(waiting, signal.SIGKILL)
    eventually(lambda: not keeper.waiting(), "its end")
    directory = tmp_path / "one"
    assert control.launch(directory, SLEEP, keeper.spares)
    eventually(lambda: (seen := observe(directory)) and seen.state is State.RUNNING, "the start")
    control.kill(directory)


def test_spares_end_with_the_process_that_keeps_them() -> None:
    code = (
        "from windlass.kit.supervision.spares import Spares\n"
        "import time; kept = Spares(1, 100); kept.keep(); time.sleep(1000)"
    )
    before = spares_alive()
    keeper = subprocess.Popen([sys.executable, "-c", code])
    eventually(lambda: spares_alive() - before, "a spare")
    keeper.kill()
    keeper.wait()
    eventually(lambda: not spares_alive() - before, "its end")


def test_a_spare_that_does_not_answer_in_time_never_begins(keeper: Keeper, tmp_path: Path) -> None:
    (waiting,) = keeper.waiting()
    os.kill(waiting, signal.SIGSTOP)
    keeper.spares._ready[0].settimeout(0.1)
    directory = tmp_path / "one"
    assert control.launch(directory, SLEEP, keeper.spares)
    os.kill(waiting, signal.SIGCONT)
    eventually(lambda: waiting not in keeper.waiting(), "its end")
    eventually(lambda: (seen := observe(directory)) and seen.state is State.RUNNING, "the start")
    assert supervisor_of(directory) != waiting
    control.kill(directory)
