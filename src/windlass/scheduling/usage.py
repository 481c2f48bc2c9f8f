"""How much of a pool a queue used in the past, for time-weighted sharing (`Quota.usage`).

Source: KAI-Scheduler, `pkg/scheduler/cache/usagedb` and its documentation of time-based fair share.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import log


@dataclass(frozen=True, slots=True)
class UsageSample:
    """What a queue held, on average, from `start` on for `seconds`. `start` is epoch seconds."""

    start: float
    seconds: float
    amount: float


def decayed_usage(
    samples: Iterable[UsageSample],
    now: float,
    capacity: float,
    window: float = 7 * 24 * 3600.0,
    half_life: float | None = None,
) -> float:
    """The part of the pool's capacity over the window that the queue used, from 0 to 1.

    A moment counts `0.5 ** (age / half_life)`, or fully without a half-life. `capacity` is in the
    unit of the samples' amounts; times are in seconds. Times without a sample count as unused.
    """
    available = capacity * _weight(0.0, window, half_life)
    if available <= 0:
        return 0.0
    used = 0.0
    for sample in samples:
        youngest = max(0.0, now - (sample.start + sample.seconds))
        oldest = min(window, now - sample.start)
        if youngest < oldest:
            used += sample.amount * _weight(youngest, oldest, half_life)
    return used / available


def _weight(youngest: float, oldest: float, half_life: float | None) -> float:
    """What the time between two ages counts for: its length, decayed."""
    if half_life is None or half_life <= 0:
        return oldest - youngest
    mean_life = half_life / log(2)
    return float(mean_life * (0.5 ** (youngest / half_life) - 0.5 ** (oldest / half_life)))
