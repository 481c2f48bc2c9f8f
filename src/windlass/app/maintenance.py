"""What the controllers do by the clock: each task at its own pace, whatever becomes of others."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from windlass.kit.clock import Clock
from windlass.kit.errors import Unavailable

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Task:
    """Something to do again and again."""

    name: str
    every_seconds: float
    run: Callable[[], object]
    """What it raises is logged, and it is tried again at the next look."""


class Maintenance:
    """Runs tasks in one thread until stopped."""

    def __init__(self, tasks: Sequence[Task], clock: Clock) -> None:
        self._tasks = tasks
        self._clock = clock
        began = clock.monotonic()
        self._due = {task.name: began + task.every_seconds for task in tasks}

    def start(self, stop: threading.Event, look_seconds: float) -> None:
        """Look for due tasks every so often, until `stop`."""

        def serve() -> None:
            while not stop.wait(look_seconds):
                self.run_due()

        threading.Thread(target=serve, name="maintenance", daemon=True).start()

    def run_due(self) -> None:
        """Run what is due now."""
        for task in self._tasks:
            if self._clock.monotonic() < self._due[task.name]:
                continue
            try:
                task.run()
            except (Unavailable, OSError) as error:
                _log.warning("a task is put off", task=task.name, reason=str(error))
                continue
            except Exception:
                # The others must go on.
                _log.exception("a task failed", task=task.name)
                continue
            self._due[task.name] = self._clock.monotonic() + task.every_seconds
