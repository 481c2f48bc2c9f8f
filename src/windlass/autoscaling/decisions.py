"""What the autoscalers decide, with the numbers that led to it."""

from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """Which rule had the last word on the number of replicas."""

    NO_DATA = "NoData"
    """Nothing was measured for too long: the number stays."""
    STABLE_WINDOW = "StableWindow"
    """The average over the stable window."""
    PANIC = "Panic"
    """Panic mode: as many as its peak asked for."""
    ACTIVATION_SCALE = "ActivationScale"
    MAX_SCALE_UP_RATE = "MaxScaleUpRate"
    MAX_SCALE_DOWN_RATE = "MaxScaleDownRate"
    SCALE_DOWN_DELAY = "ScaleDownDelay"
    """More were needed a short while ago."""
    INITIAL_SCALE = "InitialScale"
    MIN_SCALE = "MinScale"
    MAX_SCALE = "MaxScale"
    ACTIVATING = "Activating"
    """No traffic, but replicas that are starting are first given time to become ready."""
    RECENTLY_ACTIVATED = "RecentlyActivated"
    """No traffic, but a replica has not yet been ready for a whole stable window."""
    LAST_REPLICA = "LastReplica"
    """No traffic, but the last replica stays for its grace or retention period."""
    NO_TRAFFIC = "NoTraffic"
    """No traffic, for long enough: none is needed."""
    ACTIVATION_TIMEOUT = "ActivationTimeout"
    """No traffic, and replicas did not become ready in time."""
    METRIC = "Metric"
    """The metric's ratio to its target (horizontal rule)."""
    STABILIZATION = "Stabilization"
    """More were recommended within the stabilization window (horizontal rule)."""
    SCALE_UP_LIMIT = "ScaleUpLimit"
    """One step at most doubles the replicas, or makes them four (horizontal rule)."""


@dataclass(frozen=True, slots=True)
class Recommendation:
    """What the traffic asks for, before bounds and before the last replica's rights."""

    desired: int
    reason: Reason
    stable_average: float
    """Over the stable window and all replicas, in the unit of the samples."""
    panic_average: float
    """The same over the panic window."""
    stable_replicas: int
    """What the stable average wants at the target, before any other rule."""
    panic_replicas: int
    """What the panic average wants at the target, before any other rule."""
    ready: int
    target: float
    panicking: bool
    excess_burst_capacity: int
    """What ready replicas could take beyond traffic and burst; negative where they could not."""


@dataclass(frozen=True, slots=True)
class Decision:
    """How many replicas to run, and why."""

    replicas: int
    """Within the bounds, always; where the decision is not valid, as many as before."""
    reason: Reason
    recommendation: Recommendation | None
    """The numbers behind it; None where there was no data."""

    @property
    def valid(self) -> bool:
        """Whether anything was measured to decide by."""
        return self.recommendation is not None


@dataclass(frozen=True, slots=True)
class HorizontalRecommendation:
    """What the horizontal rule asks for, before stabilization, limits and bounds."""

    desired: int
    average: float
    """The mean of the metric over the replicas that told it."""
    target: float


@dataclass(frozen=True, slots=True)
class HorizontalDecision:
    """How many replicas to run by a metric that is not counted in requests, and why."""

    replicas: int
    """Within the bounds, always; where the decision is not valid, as many as before."""
    reason: Reason
    recommendation: HorizontalRecommendation | None
    """The numbers behind it; None where no replica told the metric."""

    @property
    def valid(self) -> bool:
        """Whether anything was measured to decide by."""
        return self.recommendation is not None
