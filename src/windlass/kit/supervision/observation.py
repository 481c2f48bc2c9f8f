"""What is known of a supervised process, read from its directory."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, cast

from windlass.kit.supervision.program.directory import Directory, read_json


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
    engine_message: str | None = None
    """Why the container's engine does not answer, until it does again."""
    labels: Mapping[str, str] = field(default_factory=dict)


def observe(directory: Path) -> Observation | None:
    """What is known of the directory's process, or None where nothing was ever prepared."""
    files = Directory(str(directory))
    # The lock first: a supervisor writes its last state before it lets go.
    return read_observation(files, supervised=files.lock_is_held())


def read_observation(files: Directory, supervised: bool) -> Observation | None:
    """Like `observe`, for whoever knows whether there is a supervisor."""
    specification = read_json(files.specification)
    if specification is None:
        return None
    content = cast(dict[str, Any], read_json(files.state) or {})
    described = cast(dict[str, Any], specification)
    return Observation(
        id=described["id"],
        state=_state(files, content, supervised),
        ready=supervised and content.get("ready", False),
        readiness_message=content.get("readiness_message"),
        pid=(content.get("process") or {}).get("pid"),
        supervisor_pid=(content.get("supervisor") or {}).get("pid"),
        started_at=content.get("started_at"),
        first_ready_at=content.get("first_ready_at"),
        starts=content.get("starts", 0),
        exit=Exit(**content["exit"]) if content.get("exit") else None,
        port=described["port"],
        log_bytes_lost=content.get("log_bytes_lost", 0),
        log_error=content.get("log_error"),
        engine_message=content.get("engine_message"),
        labels=described["labels"],
    )


def _state(files: Directory, content: Mapping[str, Any], supervised: bool) -> State:
    written = State(content.get("state", State.STARTING))
    if supervised or written is State.EXITED:
        return written
    return State.LOST if files.was_started() else State.PREPARED
