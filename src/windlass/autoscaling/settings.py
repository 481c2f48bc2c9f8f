"""What the request-driven autoscaler is told about one revision.

Names and limits are those of Knative Serving's autoscaler configuration and annotations
(`pkg/autoscaler/config/config.go`, `pkg/apis/autoscaling/annotation_validation.go`, v0.50).
"""

import math
from dataclasses import dataclass, field
from enum import StrEnum

from windlass.autoscaling.target import Metric, Target, resolve_target

TICK_S = 2
"""How often a decision is due, in seconds; the slots of the scale-down delay are as long."""


class Aggregation(StrEnum):
    """How the buckets of a window become one average."""

    LINEAR = "linear"
    WEIGHTED_EXPONENTIAL = "weighted-exponential"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How one revision scales by its requests. Durations are in seconds, counts are replicas.

    Raises ValueError where a value is out of its range or two do not fit together.
    """

    target: Target = field(default_factory=lambda: resolve_target(Metric.CONCURRENCY))
    """What each replica is to carry, in the unit of the samples."""
    min_scale: int = 1
    """The fewest replicas; with 0 the last one goes, too, when there is no traffic."""
    max_scale: int | None = None
    """The most replicas; None is no limit."""
    initial_scale: int = 1
    """How many a new revision begins with, and keeps until as many have been ready once."""
    activation_scale: int = 1
    """The fewest to run while there is any traffic at all."""
    stable_window_s: int = 60
    """Whole seconds over which the average decides in ordinary times."""
    panic_window_percentage: float = 10.0
    """The panic window as a percentage of the stable window."""
    panic_threshold: float = 2.0
    """Panic begins once the panic window asks for this many times the ready replicas."""
    max_scale_up_rate: float = 1000.0
    """One decision asks for at most this many times the ready replicas."""
    max_scale_down_rate: float = 2.0
    """One decision asks for no less than the ready replicas divided by this."""
    scale_down_delay_s: int = 0
    """How long fewer replicas have to be enough before there are fewer."""
    scale_to_zero_grace_s: float = 30.0
    """How long the last replica stays at least, once the traffic is judged to have ended."""
    scale_to_zero_retention_s: float = 0.0
    """The same, as the workload asks for it; the longer of the two counts."""
    activation_timeout_s: float = 630.0
    """How long replicas that never became ready are kept without traffic."""
    target_burst_capacity: float = 211.0
    """Requests that ready replicas must be able to take beside those seen; -1 is any number."""
    aggregation: Aggregation = Aggregation.LINEAR
    reachable: bool = True
    """Whether any route leads to the revision. Without one it may shrink at once, to nothing."""

    def __post_init__(self) -> None:
        self._check_counts()
        self._check_windows()
        self._check_rates()

    @property
    def panic_window_s(self) -> int:
        """The short window, in whole seconds, at least one.

        Source: Knative Serving, `pkg/reconciler/autoscaling/resources/metric.go`.
        """
        return max(1, math.floor(self.stable_window_s * self.panic_window_percentage / 100 + 0.5))

    def _check_counts(self) -> None:
        for name in ("min_scale", "initial_scale"):
            _require(getattr(self, name) >= 0, f"{name} must be 0 or more")
        _require(self.activation_scale >= 1, "activation_scale must be 1 or more")
        if self.max_scale is None:
            return
        _require(self.max_scale >= 1, "max_scale must be 1 or more")
        for name in ("min_scale", "initial_scale", "activation_scale"):
            _require(
                getattr(self, name) <= self.max_scale,
                f"{name} must be at most max_scale, which is {self.max_scale}",
            )

    def _check_windows(self) -> None:
        _require(6 <= self.stable_window_s <= 3600, "stable_window_s must be from 6 to 3600")
        _require(
            1 <= self.panic_window_percentage <= 100,
            "panic_window_percentage must be from 1 to 100",
        )
        _require(0 <= self.scale_down_delay_s <= 3600, "scale_down_delay_s must be from 0 to 3600")
        _require(
            0 <= self.scale_to_zero_retention_s <= 3600,
            "scale_to_zero_retention_s must be from 0 to 3600",
        )
        for name in ("scale_to_zero_grace_s", "activation_timeout_s"):
            _require(0 <= getattr(self, name) < math.inf, f"{name} must be 0 or more")

    def _check_rates(self) -> None:
        for name in ("max_scale_up_rate", "max_scale_down_rate"):
            _require(1 < getattr(self, name) < math.inf, f"{name} must be above 1")
        _require(1 < self.panic_threshold < math.inf, "panic_threshold must be above 1")
        _require(
            self.target_burst_capacity == -1 or 0 <= self.target_burst_capacity < math.inf,
            "target_burst_capacity must be -1, or 0 or more",
        )


def _require(fulfilled: bool, message: str) -> None:
    if not fulfilled:
        raise ValueError(message)
