"""A queue of keys to look at: at most one run per key at a time, repeated wakes merge."""

import heapq
import threading
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from windlass.kit.clock import Clock

K = TypeVar("K", bound=Hashable)

_FIRST_BACK_OFF_SECONDS = 0.1
_LONGEST_BACK_OFF_SECONDS = 30.0


@dataclass(order=True)
class _Entry(Generic[K]):
    due: float
    order: int
    key: K = field(compare=False)


class KeyedQueue(Generic[K]):
    """Thread-safe. A key that is added while it runs is run once more afterwards."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        # One thread waits for the next key to be due, and the others for its place, so that what
        # happens here wakes one of them and not all.
        self._next_due = threading.Condition(self._lock)
        self._idle = threading.Condition(self._lock)
        self._is_watched = False
        self._heap: list[_Entry[K]] = []
        self._due: dict[K, float] = {}
        self._running: set[K] = set()
        self._after_run: dict[K, float] = {}
        self._failures: dict[K, int] = {}
        self._order = 0
        self._closed = False

    def add(self, key: K, delay_seconds: float = 0.0) -> None:
        """Have `key` looked at, `delay_seconds` from now at the latest."""
        with self._lock:
            self._schedule(key, self._clock.monotonic() + delay_seconds)

    def take(self, timeout_seconds: float | None = None) -> K | None:
        """Wait for a key that is due and not running; None at the time-out or when closed.

        Every key taken must be given back by `done`.
        """
        deadline = None if timeout_seconds is None else self._clock.monotonic() + timeout_seconds
        with self._lock:
            key = self._wait_for_due(deadline)
            if key is not None:
                self._running.add(key)
            if self._heap and not self._is_watched:
                self._idle.notify()
            return key

    def done(self, key: K, *, failed: bool = False) -> None:
        """Say that the run of `key` has ended. A failed one is tried again, later each time."""
        with self._lock:
            self._running.discard(key)
            if key in self._after_run:
                self._schedule(key, self._after_run.pop(key))
            if failed:
                self._schedule(key, self._clock.monotonic() + self._back_off(key))
            else:
                self._failures.pop(key, None)

    def close(self) -> None:
        """Let every waiting `take` return None."""
        with self._lock:
            self._closed = True
            self._next_due.notify_all()
            self._idle.notify_all()

    def __len__(self) -> int:
        with self._lock:
            return len(self._due) + len(self._after_run)

    def _back_off(self, key: K) -> float:
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        return min(_LONGEST_BACK_OFF_SECONDS, _FIRST_BACK_OFF_SECONDS * 2.0 ** min(failures, 20))

    def _schedule(self, key: K, due: float) -> None:
        if key in self._due and self._due[key] <= due:
            return
        self._due[key] = due
        self._order += 1
        heapq.heappush(self._heap, _Entry(due, self._order, key))
        (self._next_due if self._is_watched else self._idle).notify()

    def _wait_for_due(self, deadline: float | None) -> K | None:
        while not self._closed:
            now = self._clock.monotonic()
            key = self._pop_due(now)
            if key is not None:
                return key
            if deadline is not None and now >= deadline:
                return None
            if self._is_watched:
                self._idle.wait(None if deadline is None else deadline - now)
                continue
            self._is_watched = True
            self._next_due.wait(self._until_next(now, deadline))
            self._is_watched = False
        return None

    def _pop_due(self, now: float) -> K | None:
        while self._heap and self._heap[0].due <= now:
            entry = heapq.heappop(self._heap)
            if self._due.get(entry.key) != entry.due:
                continue
            del self._due[entry.key]
            if entry.key not in self._running:
                return entry.key
            self._after_run[entry.key] = entry.due
        return None

    def _until_next(self, now: float, deadline: float | None) -> float | None:
        waiting = [entry.due for entry in self._heap[:1]]
        if deadline is not None:
            waiting.append(deadline)
        return max(0.0, min(waiting) - now) if waiting else None
