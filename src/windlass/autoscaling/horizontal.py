"""The autoscaler of one revision whose measure is its latency or a metric of its own."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from windlass.autoscaling.bounds import Bounds
from windlass.autoscaling.decisions import HorizontalDecision, HorizontalRecommendation, Reason
from windlass.autoscaling.horizontal_rules import (
    DOWNSCALE_STABILIZATION_S,
    TOLERANCE,
    replicas_by_ratio,
    scale_up_limit,
)
from windlass.autoscaling.stabilization import DownscaleStabilization

LARGEST_VALUE = 1e100
"""Replicas may tell anything; what is beyond counts as this, so that every sum is a number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HorizontalSettings:
    """How one revision scales by a metric. Durations are in seconds, counts are replicas.

    Raises ValueError where a value is out of its range or two do not fit together.
    """

    target: float
    """What the metric is to be on the mean of all replicas, in its own unit."""
    min_scale: int = 1
    """The fewest replicas, at least one: where none runs there is nothing to measure."""
    max_scale: int | None = None
    """The most replicas; None is no limit."""
    tolerance: float = TOLERANCE
    """By what part the metric may miss its target before anything changes."""
    downscale_stabilization_s: float = DOWNSCALE_STABILIZATION_S
    """How long fewer replicas have to be enough before there are fewer."""

    def __post_init__(self) -> None:
        if not 0 < self.target < math.inf:
            raise ValueError("target must be above 0")
        if self.min_scale < 1:
            raise ValueError("min_scale must be 1 or more: nothing is measured where none runs")
        if self.max_scale is not None and self.max_scale < self.min_scale:
            raise ValueError(f"max_scale must be at least min_scale, which is {self.min_scale}")
        if not 0 <= self.tolerance < 1:
            raise ValueError("tolerance must be from 0 to below 1")
        if not 0 <= self.downscale_stabilization_s <= 3600:
            raise ValueError("downscale_stabilization_s must be from 0 to 3600")


class HorizontalAutoscaler:
    """Values of a metric in, a number of replicas out; a decision is due every 15 seconds.

    Times are seconds since any fixed moment; they must not go back. A new one may take its place
    at any time and begin without history: it takes no replica away for a whole stabilization
    window.
    """

    def __init__(self, settings: HorizontalSettings, at: float, *, running: int) -> None:
        """Begin at the second `at` with `running` replicas, which run or were asked for."""
        self._settings = settings
        self._stabilization = DownscaleStabilization(running, at)
        self._replicas = self._bounds().apply(running)

    @property
    def replicas(self) -> int:
        """How many are to run by the last decision, or from the start."""
        return self._replicas

    def decide(
        self, now: float, values: Sequence[float | None], starting: int = 0
    ) -> HorizontalDecision:
        """How many replicas are to run.

        `values` has one entry for each replica that runs: what it told, or None (or not a number)
        where it told nothing. Latency without any request is such an unknown: pass 0 where
        silence is to let replicas go. `starting` counts replicas that do not run yet.
        """
        told = [
            max(-LARGEST_VALUE, min(value, LARGEST_VALUE))
            for value in values
            if value is not None and math.isfinite(value)
        ]
        if not told:
            return self._limited(self._replicas, Reason.NO_DATA, None)
        target = self._settings.target
        desired = replicas_by_ratio(
            self._replicas,
            told,
            len(values) - len(told),
            starting,
            target,
            self._settings.tolerance,
        )
        found = HorizontalRecommendation(desired, math.fsum(told) / len(told), target)
        stabilized = self._stabilization.apply(
            desired, self._settings.downscale_stabilization_s, now
        )
        reason = Reason.METRIC if stabilized == desired else Reason.STABILIZATION
        return self._limited(stabilized, reason, found)

    def update(self, settings: HorizontalSettings) -> None:
        """Go by other settings from the next decision on."""
        self._settings = settings

    def _limited(
        self, wanted: int, reason: Reason, found: HorizontalRecommendation | None
    ) -> HorizontalDecision:
        allowed = min(wanted, scale_up_limit(self._replicas))
        if allowed < wanted:
            reason = Reason.SCALE_UP_LIMIT
        bounded = self._bounds().apply(allowed)
        if bounded != allowed:
            reason = Reason.MAX_SCALE if bounded < allowed else Reason.MIN_SCALE
        self._replicas = bounded
        return HorizontalDecision(bounded, reason, found)

    def _bounds(self) -> Bounds:
        return Bounds(self._settings.min_scale, self._settings.max_scale)
