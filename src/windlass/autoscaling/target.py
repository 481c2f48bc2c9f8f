"""What one replica is to carry."""

import math
from dataclasses import dataclass
from enum import StrEnum

DEFAULT_CONCURRENCY = 100.0
DEFAULT_REQUESTS_PER_SECOND = 200.0
DEFAULT_UTILIZATION_PERCENTAGE = 70.0
LEAST_TARGET = 0.01


class Metric(StrEnum):
    """What the samples count, over all replicas and over the requests held for them."""

    CONCURRENCY = "concurrency"
    """Requests in flight, as a mean over one second."""
    THROUGHPUT = "throughput"
    """Requests that arrived in one second."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a replica is to carry and what it can carry, in requests or requests a second.

    Raises ValueError unless both are numbers above zero.
    """

    value: float
    """What the number of replicas aims at."""
    total: float
    """The whole capacity of one replica."""

    def __post_init__(self) -> None:
        if not (LEAST_TARGET <= self.value < math.inf and 0 < self.total < math.inf):
            raise ValueError(
                f"a target must be from {LEAST_TARGET} on, and its total above 0:"
                f" {self.value}, {self.total}"
            )


def resolve_target(
    metric: Metric,
    threshold: float | None = None,
    utilization_percentage: float = DEFAULT_UTILIZATION_PERCENTAGE,
    concurrency_hard_limit: int = 0,
) -> Target:
    """The target that a threshold, a share of it in percent and a hard limit make together.

    Where no threshold is given the hard limit stands for it; a threshold above the hard limit
    could never be reached, so that the smaller of the two counts. A hard limit of 0 is none, and
    means nothing to the throughput.

    Source: Knative Serving, `pkg/reconciler/autoscaling/resources/target.go`.
    """
    total = _total(metric, threshold, concurrency_hard_limit)
    return Target(max(LEAST_TARGET, total * (utilization_percentage / 100)), total)


def _total(metric: Metric, threshold: float | None, concurrency_hard_limit: int) -> float:
    if metric is Metric.THROUGHPUT:
        return DEFAULT_REQUESTS_PER_SECOND if threshold is None else threshold
    if concurrency_hard_limit == 0:
        return DEFAULT_CONCURRENCY if threshold is None else threshold
    if threshold is None:
        return float(concurrency_hard_limit)
    return min(threshold, float(concurrency_hard_limit))
