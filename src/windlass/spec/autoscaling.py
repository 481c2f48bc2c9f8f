"""How many replicas, and by which measure their number changes.

The rules follow from Knative's autoscaler, to which these fields correspond.
"""

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from windlass.kit.errors import FieldError
from windlass.spec.model import SpecModel
from windlass.spec.scalars import Int32, PositiveInt32, UnsignedInt32, matching

DEFAULT_PERCENTAGE = 70.0

Percentage = Annotated[float, Field(ge=1, le=100, allow_inf_nan=False)]
UpToAnHour = Annotated[int, Field(ge=0, le=3600)]
Metric = Annotated[
    str,
    matching(
        r"[a-zA-Z_:][a-zA-Z0-9_:]*",
        "must be throughput, concurrency, latency or the name of a custom metric",
    ),
]


class ReplicaBounds(SpecModel):
    """The bounds of the number of replicas, and how fast it moves between them."""

    metric_threshold_percentage: Percentage | None = None
    """The share of `metricThreshold` to aim at; 70 unless given."""
    min_replicas: UnsignedInt32 | None = None
    """1 unless given; 0 lets it scale to zero."""
    max_replicas: PositiveInt32 | None = None
    """As `minReplicas`, and at least 1, unless given."""
    initial_replicas: UnsignedInt32 | None = None
    """How many to start with."""
    activation_replicas: PositiveInt32 | None = None
    """How many to wake with from zero."""
    concurrency_hard_limit: UnsignedInt32 | None = None
    """Most requests in flight to one replica; 0 is no limit."""
    scale_to_zero_retention_seconds: UpToAnHour | None = None
    """How long the last replica stays without traffic."""
    scale_down_delay_seconds: UpToAnHour | None = None
    """How long a decision to scale down waits."""
    initialization_timeout_seconds: PositiveInt32 | None = None
    """Superseded by `servingConfiguration.initializationTimeoutSeconds`, and without effect."""

    @property
    def minimum(self) -> int:
        """The fewest replicas; 1 unless given."""
        return 1 if self.min_replicas is None else self.min_replicas

    @property
    def maximum(self) -> int:
        """The most replicas; the minimum unless given, and at least 1."""
        return self.max_replicas or max(self.minimum, 1)

    @property
    def start(self) -> int:
        """How many replicas `initialReplicas` and `activationReplicas` mean when not given."""
        return max(self.minimum, 1)


class Autoscaling(ReplicaBounds):
    """The bounds of the number of replicas, and what moves it between them."""

    metric: Metric | None = None
    """`throughput`, `concurrency`, `latency` or the name of a custom metric."""
    metric_threshold: Int32 | None = None
    """Requests a second, requests in flight, or milliseconds, of each replica."""


def autoscaling_errors(scaling: Autoscaling, path: str) -> Iterator[FieldError]:
    """What is missing, and what does not fit together."""
    yield from _missing_errors(scaling, path)
    yield from contradictions(scaling, path)


def contradictions(scaling: Autoscaling, path: str) -> Iterator[FieldError]:
    """What does not fit together, whatever else may be added."""
    yield from _bound_errors(scaling, path)
    yield from _metric_errors(scaling, path)
    if scaling.scale_to_zero_retention_seconds and scaling.minimum > 0:
        yield FieldError(
            f"{path}.scaleToZeroRetentionSeconds",
            "belongs to minReplicas 0: nothing else scales to 0",
        )


_SCALING_TO_ZERO = ("throughput", "concurrency")


def _bound_errors(scaling: Autoscaling, path: str) -> Iterator[FieldError]:
    least, most = scaling.minimum, scaling.maximum
    if most < least:
        yield FieldError(
            f"{path}.maxReplicas", f"must be at least minReplicas: {most} is less than {least}"
        )
        return
    if scaling.initial_replicas is not None:
        if scaling.initial_replicas > most:
            yield FieldError(
                f"{path}.initialReplicas", f"must be at most maxReplicas, which is {most}"
            )
        if scaling.initial_replicas == 0 and least > 0:
            yield FieldError(f"{path}.initialReplicas", "can be 0 only where minReplicas is 0")
    activation = scaling.activation_replicas
    if activation is not None and not least <= activation <= most:
        yield FieldError(
            f"{path}.activationReplicas",
            f"must be from minReplicas to maxReplicas, which is from {least} to {most}",
        )


def _missing_errors(scaling: Autoscaling, path: str) -> Iterator[FieldError]:
    bounds = (scaling.minimum, scaling.maximum)
    if scaling.metric is not None:
        if scaling.metric_threshold is None:
            yield FieldError(f"{path}.metricThreshold", "is required beside metric")
        return
    if bounds[0] < bounds[1] and bounds != (0, 1):
        yield FieldError(
            f"{path}.metric",
            "is required where minReplicas is less than maxReplicas: throughput, concurrency,"
            " latency or the name of a custom metric",
        )
    if scaling.metric_threshold is not None:
        yield FieldError(f"{path}.metricThreshold", "needs metric beside it")


def _metric_errors(scaling: Autoscaling, path: str) -> Iterator[FieldError]:
    metric = scaling.metric
    if scaling.metric_threshold is not None and scaling.metric_threshold < 1:
        yield FieldError(
            f"{path}.metricThreshold", f"must be at least 1, not {scaling.metric_threshold}"
        )
    if metric is not None and metric not in _SCALING_TO_ZERO and scaling.minimum == 0:
        yield FieldError(
            f"{path}.metric",
            "must be throughput or concurrency where minReplicas is 0: no other wakes from 0",
        )
    if (
        metric is not None
        and metric not in _SCALING_TO_ZERO
        and (scaling.activation_replicas or 0) > scaling.start
    ):
        yield FieldError(
            f"{path}.activationReplicas",
            "belongs to the metrics throughput and concurrency, which tell of any traffic",
        )
    if (
        metric not in _SCALING_TO_ZERO
        and (scaling.metric_threshold_percentage or DEFAULT_PERCENTAGE) != DEFAULT_PERCENTAGE
    ):
        yield FieldError(
            f"{path}.metricThresholdPercentage", "belongs to the metrics throughput and concurrency"
        )
