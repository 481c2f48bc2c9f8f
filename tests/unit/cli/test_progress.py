"""What is shown while one waits: lines in a file, and below them, on a terminal, what is now."""

import os
import pty
import subprocess
import sys
from typing import Any

import pytest

from windlass.cli.progress import Progress
from windlass.client.types import Workload
from windlass.kit.clock import ManualClock


def workload(phase: Any, **changes: Any) -> Workload:
    shown: dict[str, Any] = {
        "id": "1",
        "name": "digits",
        "phase": phase,
        "runningPods": 0,
        "requestedPods": {"number": 2},
        **changes,
    }
    return shown  # type: ignore[return-value]


def test_a_line_is_written_for_each_change_with_its_time(
    capsys: pytest.CaptureFixture[str],
) -> None:
    clock = ManualClock()
    with Progress(clock=clock) as progress:
        progress.show(workload("Pending", phaseReason="Unschedulable", phaseMessage="2 > 1"))
        clock.advance(1.25)
        progress.show(workload("Pending", phaseReason="Unschedulable", phaseMessage="2 > 1"))
        progress.show(workload("Running"))
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        ["0.0", "s", "digits", "Pending", "Unschedulable:", "2", ">", "1"],
        ["1.2", "s", "digits", "Running"],
    ]


def test_silence_is_told_once_until_there_is_an_answer(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress() as progress:
        for seconds in (1.0, 2.0):
            progress.silence(seconds)
        progress.show(workload("Running"))
        progress.silence(1.0)
    assert capsys.readouterr().out.count("does not answer") == 2


def test_nothing_is_written_when_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress(quiet=True) as progress:
        progress.show(workload("Running"))
        progress.silence(1.0)
    assert capsys.readouterr().out == ""


def test_a_terminal_shows_what_happens_now_and_is_left_as_it_was() -> None:
    code = (
        "from tests.unit.cli.test_progress import workload\n"
        "from windlass.cli.progress import Progress\n"
        "with Progress() as progress:\n"
        "    progress.show(workload('Initializing', runningPods=1))\n"
        "    progress._live.refresh()\n"
        "    progress.show(workload('Running', runningPods=2))\n"
        "print('after')\n"
    )
    master, terminal = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    command = [sys.executable, "-c", code]
    process = subprocess.Popen(command, stdout=terminal, stderr=terminal, env=environment)
    os.close(terminal)
    shown = _read_all(master)
    assert process.wait() == 0
    assert "digits  Initializing  0.0 s  1 of 2 replicas are ready." in shown
    assert shown.index("\x1b[?25l") < shown.index("\x1b[?25h")  # The cursor is hidden, then back.
    assert shown.endswith("after\r\n")


def _read_all(descriptor: int) -> str:
    content = b""
    while True:
        try:
            part = os.read(descriptor, 4096)
        except OSError:  # How a terminal tells that its other side was closed.
            part = b""
        if not part:
            os.close(descriptor)
            return content.decode()
        content += part
