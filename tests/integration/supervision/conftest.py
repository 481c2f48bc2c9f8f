"""Supervised processes for tests, all of which are gone when the test is."""

import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from windlass.kit.supervision.control import kill, launch, log_files
from windlass.kit.supervision.observation import Observation, State, observe
from windlass.kit.supervision.specification import Specification

DEADLINE = 20.0


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Poll until the condition holds; fail with `what` after a generous time."""
    until = time.monotonic() + DEADLINE
    while not condition():
        if time.monotonic() > until:
            pytest.fail(f"waited {DEADLINE:g} s in vain until {what}")
        time.sleep(0.005)


def is_alive(pid: int) -> bool:
    """Whether a process exists and is no zombie, as /proc tells."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    return False


class Supervised:
    """One supervised directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def specification(self, program: str, *arguments: str, **options: Any) -> Specification:
        """A Python program, run as `python -I -S -c PROGRAM ARGUMENTS`."""
        options.setdefault("working_directory", "/")
        options.setdefault("environment", {})
        options.setdefault("id", self.directory.name)
        argv = (sys.executable, "-I", "-S", "-c", program, *arguments)
        return Specification(argv=argv, **options)

    def launch(self, program: str, *arguments: str, **options: Any) -> bool:
        """Launch such a program."""
        return launch(self.directory, self.specification(program, *arguments, **options))

    def observe(self) -> Observation:
        """What is known of it, which must be something."""
        observation = observe(self.directory)
        assert observation is not None
        return observation

    def wait_for(self, state: State) -> Observation:
        """Wait until it is in the state."""
        wait_until(lambda: self.observe().state is state, f"the process is {state}")
        return self.observe()

    def wait_until_ready(self) -> Observation:
        """Wait until requests may be sent to it."""
        wait_until(lambda: self.observe().ready, "the process is ready")
        return self.observe()

    def log(self) -> bytes:
        """All that is kept of its output."""
        return b"".join(file.read_bytes() for file in log_files(self.directory))

    def pid(self) -> int:
        """The process's PID, once it runs."""
        pid = self.wait_for(State.RUNNING).pid
        assert pid is not None
        return pid


@pytest.fixture
def supervised(tmp_path: Path) -> Iterator[Supervised]:
    """A directory to supervise a process in."""
    one = Supervised(tmp_path / "replica-1")
    yield one
    if one.directory.exists():
        kill(one.directory)


@pytest.fixture
def free_port() -> int:
    """A TCP port that nobody listens on."""
    with socket.socket() as candidate:
        candidate.bind(("127.0.0.1", 0))
        port: int = candidate.getsockname()[1]
        return port


def kill_at_once(pid: int) -> None:
    """SIGKILL, and wait until the process is gone."""
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not is_alive(pid), f"process {pid} is gone")
