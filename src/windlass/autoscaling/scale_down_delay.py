"""Waiting before there are fewer replicas."""

import math
from collections import deque

from windlass.autoscaling.settings import TICK_S


class ScaleDownDelay:
    """The most that was asked for within the delay.

    Time is cut into slots of one tick; a slot holds the most that was asked for in it. Only slots
    that may still become the greatest are kept, so that they descend (ascending minima algorithm,
    turned around).

    Source: Knative Serving, `pkg/autoscaler/aggregation/max` (v0.50).
    """

    def __init__(self) -> None:
        self._slots: deque[tuple[int, int]] = deque()

    def apply(self, wanted: int, delay_s: float, now: float) -> int:
        """The most among `wanted` and all that was asked for in the last `delay_s` seconds.

        Calls must not go back in time. With a delay of 0 nothing waits, not even within a slot.
        """
        slot = math.floor(now / TICK_S)
        oldest = slot - math.ceil(delay_s / TICK_S)
        while self._slots and self._slots[0][0] <= oldest:
            self._slots.popleft()
        while self._slots and self._slots[-1][1] <= wanted:
            self._slots.pop()
        if not self._slots or self._slots[-1][0] != slot:
            self._slots.append((slot, wanted))
        return self._slots[0][1]
