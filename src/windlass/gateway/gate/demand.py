"""Requests that wait, counted: what the autoscaler goes by when no replica has them yet."""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from windlass.gateway.gate.room import REQUEST_BYTES, Room
from windlass.kit.clock import Clock

TELLING_SECONDS = 0.1
"""Watchers are told of one workload no more often, but of the first request that waits at once."""


@dataclass(slots=True)
class Waiting:
    """One workload's requests that wait, and have waited; as in `TrafficCounters`."""

    held: int = 0
    held_seconds: float = 0.0
    counted_at: float = 0.0
    asked: int = 0
    released: int = 0
    told_at: float | None = None


class Demand:
    """How many requests of each workload wait, and have waited. For one event loop."""

    def __init__(self, clock: Clock, room: Room | None = None) -> None:
        self.room = room or Room()
        self._clock = clock
        self._workloads: dict[str, Waiting] = {}
        self._watchers: set[_Watcher] = set()

    @contextmanager
    def waiting(
        self, workload_id: str, *, without_endpoint: bool, size: int = REQUEST_BYTES
    ) -> Iterator[None]:
        """Count one request for as long as it waits; tell watchers if nobody could take it.
        `size` is what it takes of memory, `room.held_bytes`.

        Left without an exception, the request is sent on; else it was denied, or its client left.
        """
        waiting = self._counted(workload_id)
        waiting.held += 1
        waiting.asked += 1
        if without_endpoint:
            self._tell(workload_id, waiting, at_once=waiting.held == 1)
        try:
            with self.room.taken(size):
                yield
            waiting.released += 1
        finally:
            self._counted(workload_id).held -= 1

    def refused(self, workload_id: str) -> None:
        """Count one request that was refused for want of a replica, without waiting."""
        waiting = self._counted(workload_id)
        waiting.asked += 1
        self._tell(workload_id, waiting)

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

    def forget_all_but(self, workload_ids: Collection[str]) -> None:
        """Drop the counts of workloads that are gone, unless a request still waits."""
        gone = [key for key in self._workloads if key not in workload_ids and not self.held(key)]
        for key in gone:
            del self._workloads[key]

    async def watch(self) -> AsyncIterator[str]:
        """Workloads with requests that wait now, then each of which watchers are told."""
        watcher = _Watcher(self.all_held())
        self._watchers.add(watcher)
        try:
            while True:
                yield await watcher.next()
        finally:
            self._watchers.discard(watcher)

    def _counted(self, workload_id: str) -> Waiting:
        """The counts of a workload, brought up to now."""
        now = self._clock.monotonic()
        waiting = self._workloads.setdefault(workload_id, Waiting(counted_at=now))
        waiting.held_seconds += waiting.held * (now - waiting.counted_at)
        waiting.counted_at = now
        return waiting

    def _tell(self, workload_id: str, waiting: Waiting, at_once: bool = False) -> None:
        now = self._clock.monotonic()
        is_recent = waiting.told_at is not None and now - waiting.told_at < TELLING_SECONDS
        if is_recent and not at_once:
            return
        waiting.told_at = now
        for watcher in self._watchers:
            watcher.tell(workload_id)


class _Watcher:
    """What one watcher has not been told yet: each workload once, however often it asked."""

    def __init__(self, workload_ids: Iterable[str]) -> None:
        self._untold = dict.fromkeys(workload_ids)
        self._wake = asyncio.Event()

    def tell(self, workload_id: str) -> None:
        self._untold[workload_id] = None
        self._wake.set()

    async def next(self) -> str:
        while not self._untold:
            self._wake.clear()
            await self._wake.wait()
        workload_id = next(iter(self._untold))
        del self._untold[workload_id]
        return workload_id
