"""Averages over the last seconds, of values that come once or more a second.

Source of every rule here: Knative Serving, `pkg/autoscaler/aggregation/bucketing.go` (v0.50).
"""

import math
from collections import deque
from collections.abc import Sequence

from windlass.autoscaling.settings import Aggregation

LARGEST_SAMPLE = 1e12
"""Far more than any gateway carries, and small enough to keep every sum exact."""

_DECIMALS = 1e6
_WEIGHT_LEFT_OUT = 0.0001
_LEAST_SMOOTHING = 0.2


class Buckets:
    """One bucket for each second, from the first to the last that had a sample.

    At most a window of them is kept. Samples of the same second add up. A second without a sample
    between two that have one counts as zero; seconds after the last sample are not counted at all,
    so that silence makes the window shorter instead of thinning the average, and so does youth.
    """

    def __init__(self, window_s: int, aggregation: Aggregation) -> None:
        self._values: deque[float] = deque(maxlen=window_s)
        self._last = 0
        self._aggregation = aggregation

    def record(self, sample: float, at: float) -> None:
        """Add `sample` to the bucket of the second `at`, unless that has left the window.

        Raises ValueError where the sample is negative, not a number or beyond LARGEST_SAMPLE.
        """
        if not 0 <= sample <= LARGEST_SAMPLE:
            raise ValueError(f"a sample must be from 0 to {LARGEST_SAMPLE:g}, not {sample}")
        second = math.floor(at)
        ahead = second - self._last
        if not self._values or ahead >= self._window:
            self._values.clear()
            self._values.append(sample)
            self._last = second
        elif ahead > 0:
            self._values.extend([0.0] * (ahead - 1))
            self._values.append(sample)
            self._last = second
        elif -ahead < self._window:
            self._add_late(sample, -ahead)

    def average(self, now: float) -> float:
        """The average over the window that ends with the second `now`; 0 where that has none.

        A `now` before the last sample is taken for the time of that sample.
        """
        silence = self._silence(now)
        if not self._values or silence >= self._window:
            return 0.0
        kept = min(len(self._values), self._window - silence)
        values = list(self._values)[-kept:]
        if self._aggregation is Aggregation.LINEAR:
            return linear_average(values)
        return weighted_average(values, silence, smoothing_coefficient(self._window))

    def is_empty(self, now: float) -> bool:
        """Whether more than a whole window has passed since the last sample."""
        return not self._values or self._silence(now) > self._window

    def resize(self, window_s: int, aggregation: Aggregation) -> None:
        """Change the window to `window_s` seconds; buckets that fit into it stay."""
        self._aggregation = aggregation
        if window_s != self._window:
            self._values = deque(self._values, maxlen=window_s)

    @property
    def _window(self) -> int:
        window_s = self._values.maxlen
        assert window_s is not None
        return window_s

    def _silence(self, now: float) -> int:
        return max(0, math.floor(now) - self._last)

    def _add_late(self, sample: float, age: int) -> None:
        missing = age + 1 - len(self._values)
        self._values.extendleft([0.0] * missing)
        self._values[-1 - age] += sample


def linear_average(values: Sequence[float]) -> float:
    """The mean, to six decimals."""
    return math.floor(sum(values) / len(values) * _DECIMALS + 0.5) / _DECIMALS


def weighted_average(values: Sequence[float], silence: int, coefficient: float) -> float:
    """The sum of `values`, newest last, each weighing less than the one after it.

    The newest is `silence` seconds old and weighs `coefficient * (1 - coefficient) ** silence`.
    A window that is not full is not made up for: its weights add up to less than one.
    """
    total = 0.0
    weight = coefficient * (1 - coefficient) ** silence
    for value in reversed(values):
        total += value * weight
        weight *= 1 - coefficient
    return total


def smoothing_coefficient(buckets: int) -> float:
    """The weight of the newest bucket: all of them weigh 0.9999 together, or it weighs 0.2."""
    return max(1 - math.pow(_WEIGHT_LEFT_OUT, 1 / buckets), _LEAST_SMOOTHING)
