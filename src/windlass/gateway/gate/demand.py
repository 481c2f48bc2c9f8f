"""Requests that wait, counted: what the autoscaler goes by when no replica has them yet."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from windlass.kit.clock import Clock


@dataclass(slots=True)
class Waiting:
    """One workload's requests that wait, and have waited; as in `TrafficCounters`."""

    held: int = 0
    held_seconds: float = 0.0
    counted_at: float = 0.0
    asked: int = 0
    released: int = 0


class Demand:
    """How many requests of each workload wait, and have waited. For one event loop."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._workloads: dict[str, Waiting] = {}
        self._watchers: set[asyncio.Queue[str]] = set()

    @contextmanager
    def waiting(self, workload_id: str, *, without_endpoint: bool) -> Iterator[None]:
        """Count one request for as long as it waits; tell watchers if nobody could take it.

        Left without an exception, the request is sent on; else it was denied, or its client left.
        """
        waiting = self._counted(workload_id)
        waiting.held += 1
        waiting.asked += 1
        if without_endpoint:
            self._tell(workload_id)
        try:
            yield
            self._counted(workload_id).released += 1
        finally:
            self._counted(workload_id).held -= 1

    def refused(self, workload_id: str) -> None:
        """Count one request that was refused for want of a replica, without waiting."""
        self._counted(workload_id).asked += 1
        self._tell(workload_id)

    def held(self, workload_id: str) -> int:
        """How many wait now."""
        waiting = self._workloads.get(workload_id)
        return 0 if waiting is None else waiting.held

    def all_held(self) -> dict[str, int]:
        """How many wait now, by workload; those with none left out."""
        return {key: each.held for key, each in self._workloads.items() if each.held}

    def totals(self, workload_id: str) -> Waiting:
        """The counts of a workload as they are now."""
        if workload_id not in self._workloads:
            return Waiting()
        return replace(self._counted(workload_id))

    def forget(self, workload_id: str) -> None:
        """Drop the counts of a workload that is gone, unless a request still waits."""
        if not self.held(workload_id):
            self._workloads.pop(workload_id, None)

    async def watch(self) -> AsyncIterator[str]:
        """Workload ids as they are told; the caller looks first at those that wait already."""
        told: asyncio.Queue[str] = asyncio.Queue()
        self._watchers.add(told)
        try:
            while True:
                yield await told.get()
        finally:
            self._watchers.discard(told)

    def _counted(self, workload_id: str) -> Waiting:
        """The counts of a workload, brought up to now."""
        now = self._clock.monotonic()
        waiting = self._workloads.setdefault(workload_id, Waiting(counted_at=now))
        waiting.held_seconds += waiting.held * (now - waiting.counted_at)
        waiting.counted_at = now
        return waiting

    def _tell(self, workload_id: str) -> None:
        for watcher in self._watchers:
            watcher.put_nowait(workload_id)
