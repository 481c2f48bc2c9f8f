"""Several waits in one thread: generators that say what they wait for."""

from collections.abc import Generator
from typing import Any

from windlass.kit.supervision.program.probe import Wait

Waiting = tuple[Wait | None, float]
"""What is waited for, and until when at most, in monotonic seconds."""

NEVER = float("inf")


class Activity:
    """A generator that is continued when what it waits for happened, or its time has come."""

    def __init__(self, steps: Generator[Waiting, None, Any]) -> None:
        self._steps = steps
        self.waits_on: Wait | None = None
        self.due = 0.0
        self.finished = False

    def advance(self, now: float, fired: set[int]) -> None:
        """Continue it where that is due."""
        happened = self.waits_on is not None and self.waits_on[0] in fired
        if self.finished or not (happened or now >= self.due):
            return
        try:
            self.waits_on, self.due = next(self._steps)
        except StopIteration:
            self.close()

    def close(self) -> None:
        """End it where it is."""
        self._steps.close()
        self.finished = True
        self.waits_on, self.due = None, NEVER
