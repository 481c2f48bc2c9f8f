"""Waiting for workloads to come to rest, through restarts of the platform."""

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from windlass.client import NotFound, Unreachable
from windlass.client.types import Workload
from windlass.kit.clock import Clock, SystemClock

_FIRST_PAUSE_SECONDS = 0.05
_LONGEST_PAUSE_SECONDS = 1.0
_PATIENCE_SECONDS = 60.0

SETTLED_PHASES = frozenset({"Running", "Degraded", "Failed", "Completed", "Stopped"})
"""Phases in which nothing more comes of waiting."""


class Source(Protocol):
    """Where workloads are looked at; a Client is one."""

    def workload(self, workload_id: str) -> Workload:
        """A workload. Raises NotFound or Unreachable."""


class Display(Protocol):
    """Shows what is being waited for."""

    def show(self, workload: Workload) -> None:
        """The workload as it is now."""

    def silence(self, seconds: float) -> None:
        """The platform has not answered for so long; it is asked again."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of waiting."""

    ends: Mapping[str, Workload | None]
    """By id, each workload as it was when it settled; None when it was gone."""
    latest: Mapping[str, Workload]
    """By id, each workload as it was seen last, settled or not."""
    in_time: bool
    """Whether all of them settled."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """How to wait. `timeout_seconds` None waits for ever."""

    client: Source
    display: Display
    timeout_seconds: float | None = None
    clock: Clock = field(default_factory=SystemClock)
    pause: Callable[[float], None] = time.sleep

    def until(self, workload_ids: Collection[str], settled: Callable[[Workload], bool]) -> Outcome:
        """Wait until all have settled, or the time is over.

        Raises Unreachable after a minute without an answer, and ApiError.
        """
        ends: dict[str, Workload | None] = {}
        latest: dict[str, Workload] = {}
        started = answered = self.clock.monotonic()
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                for workload_id in workload_ids:
                    if workload_id not in ends:
                        self._look(workload_id, settled, ends, latest)
                answered = self.clock.monotonic()
            except Unreachable:
                silent = self.clock.monotonic() - answered
                if silent >= _PATIENCE_SECONDS:
                    raise
                self.display.silence(silent)
            if len(ends) == len(workload_ids):
                return Outcome(ends, latest, in_time=True)
            elapsed = self.clock.monotonic() - started
            if self.timeout_seconds is not None and elapsed >= self.timeout_seconds:
                return Outcome(ends, latest, in_time=False)
            self.pause(pause)
            pause = min(pause * 1.1, _LONGEST_PAUSE_SECONDS)

    def _look(
        self,
        workload_id: str,
        settled: Callable[[Workload], bool],
        ends: dict[str, Workload | None],
        latest: dict[str, Workload],
    ) -> None:
        try:
            workload = self.client.workload(workload_id)
        except NotFound:
            ends[workload_id] = None
            return
        latest[workload_id] = workload
        self.display.show(workload)
        if settled(workload):
            ends[workload_id] = workload


def has_settled(workload: Workload) -> bool:
    """Whether nothing more comes of waiting for it to run."""
    return workload["phase"] in SETTLED_PHASES
