"""Runs reconcilers: each kind of key has one, and any number of threads run them."""

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import structlog
from prometheus_client import Counter, Histogram

from windlass.control.changes import Change
from windlass.control.queue import KeyedQueue
from windlass.kit.clock import Clock

_log = structlog.get_logger(__name__)

_runs = Counter("windlass_reconcile_total", "Runs of a reconciler.", ["kind", "result"])
_seconds = Histogram("windlass_reconcile_seconds", "Time a run of a reconciler took.", ["kind"])


@dataclass(frozen=True, slots=True)
class Reconciler:
    """What to do about keys of one kind."""

    reconcile: Callable[[str], float | None]
    """Look at desired and observed state of a key and act; None, or when to look again (seconds).

    What it raises counts as a failure, and the key is tried again, later each time.
    """
    list_keys: Callable[[], Iterable[str]]
    """Every key there is, for the full resync."""


class ControlLoop:
    """Runs until stopped. `run` is called by the threads that do the work."""

    def __init__(self, reconcilers: Mapping[str, Reconciler], clock: Clock) -> None:
        self._reconcilers = reconcilers
        self._queue: KeyedQueue[Change] = KeyedQueue(clock)

    def wake(self, change: Change, delay_seconds: float = 0.0) -> None:
        """Have a key looked at."""
        if change.kind in self._reconcilers:
            self._queue.add(change, delay_seconds)

    def resync(self, spread_seconds: float = 0.0) -> None:
        """Have every key of every kind looked at, evenly over the seconds that follow: what is
        woken meanwhile need not wait until all were."""
        changes = [
            Change(kind, key)
            for kind, reconciler in self._reconcilers.items()
            for key in reconciler.list_keys()
        ]
        for number, change in enumerate(changes):
            self._queue.add(change, number / len(changes) * spread_seconds)

    def start(self, threads: int) -> list[threading.Thread]:
        """Start that many threads; they end after `stop`."""
        started = [
            threading.Thread(target=self.run, name=f"reconcile-{number}", daemon=True)
            for number in range(threads)
        ]
        for thread in started:
            thread.start()
        return started

    def stop(self) -> None:
        """Take no further key; runs under way end by themselves."""
        self._queue.close()

    def run(self) -> None:
        """Take keys and look at them until stopped."""
        while self.run_due(timeout_seconds=None):
            pass

    def run_due(self, timeout_seconds: float | None = 0.0) -> bool:
        """Look at one key that is due, or will be before the time-out; whether there was one."""
        change = self._queue.take(timeout_seconds)
        if change is not None:
            self._look_at(change)
        return change is not None

    def _look_at(self, change: Change) -> None:
        failed = False
        try:
            with _seconds.labels(change.kind).time():
                again = self._reconcilers[change.kind].reconcile(change.key)
            if again is not None:
                self._queue.add(change, again)
        except Exception:
            failed = True
            _log.exception("reconcile failed", kind=change.kind, key=change.key)
        finally:
            _runs.labels(change.kind, "failed" if failed else "done").inc()
            self._queue.done(change, failed=failed)
