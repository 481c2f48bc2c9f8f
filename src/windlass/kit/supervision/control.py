"""Launches, observes and stops supervised processes, each by its directory.

Whoever launched a process need not be the one who observes or stops it: all that is known stands in
the directory, and a lock that the supervisor holds for as long as it lives tells whether it does.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from windlass.kit.supervision.specification import Specification


class State(StrEnum):
    """Where a supervised process stands."""

    PREPARED = "prepared"
    """A launcher was interrupted; nothing was started and nothing will be until the next launch."""
    STARTING = "starting"
    RUNNING = "running"
    WAITING = "waiting"
    """It ended, and is started again after a delay."""
    EXITED = "exited"
    LOST = "lost"
    """Its supervisor died without a word: `settle` ends what is left of it."""


@dataclass(frozen=True, slots=True)
class Exit:
    """How the process ended. `at` is in seconds since the epoch."""

    message: str
    at: float
    code: int | None = None
    signal: int | None = None
    out_of_memory: bool = False
    stopped: bool = False
    """It was asked to stop."""
    start_failed: bool = False
    """It could not be executed at all."""
    lost: bool = False
    """Its supervisor died, and it with it."""


@dataclass(frozen=True, slots=True)
class Observation:
    """What is known of a supervised process. Times are in seconds since the epoch."""

    id: str
    state: State
    ready: bool = False
    readiness_message: str | None = None
    pid: int | None = None
    supervisor_pid: int | None = None
    started_at: float | None = None
    first_ready_at: float | None = None
    starts: int = 0
    exit: Exit | None = None
    """The end of the process; with restarts, of its latest run."""
    port: int | None = None
    log_bytes_lost: int = 0
    log_error: str | None = None
    """Why a part of the log could not be written, until writing succeeds again."""
    labels: Mapping[str, str] = field(default_factory=dict)


def launch(directory: Path, specification: Specification) -> bool:
    """Start a supervisor for the directory, unless it has one or, never restarted, was started once.

    Safe to repeat after being killed at any point, and from several processes at once. Returns
    whether this call started it. Raises OSError when the directory or the supervisor cannot be made.
    """
    raise OSError("not yet")


def observe(directory: Path) -> Observation | None:
    """What is known of the directory's process, or None where nothing was ever prepared."""
    raise OSError("not yet")


def stop(directory: Path, grace_seconds: float, reason: str = "") -> None:
    """Ask for SIGTERM now and SIGKILL to all descendants after the grace. Does not wait.

    A later call may shorten the grace, never lengthen it. A process not started yet never will be.
    """
    raise OSError("not yet")


def kill(directory: Path, timeout_seconds: float = 10.0) -> None:
    """End the process, its descendants and its supervisor, and wait until they are gone.

    Raises TimeoutError when the kernel does not let go of them in time.
    """
    raise OSError("not yet")


def settle(directory: Path) -> Observation | None:
    """Like `observe`, and where the supervisor is lost, end what it left and record that."""
    raise OSError("not yet")


def log_files(directory: Path) -> list[Path]:
    """The log of standard output and standard error, oldest file first."""
    raise OSError("not yet")
