"""How the number of a workload's replicas may move, in the platform's words. Pure."""

from dataclasses import dataclass
from enum import StrEnum

from windlass.autoscaling import SYNC_PERIOD_S, HorizontalSettings, Metric, Settings, resolve_target


class Measure(StrEnum):
    """What moves the number of replicas."""

    REQUESTS = "requests"
    """Requests in flight or a second: the number can go to zero and back."""
    METRIC = "metric"
    """Latency, or a metric that the replicas tell of themselves."""


LATENCY = "latency"
"""The metric that the gateway measures, in milliseconds; every other name is a replica's own."""


ACTIVATION_BUFFER_SECONDS = 30.0
"""How much longer than they may take to be ready, replicas that nobody asks for any more are kept,
as with Knative."""

_BY_REQUESTS = frozenset(metric.value for metric in Metric)


@dataclass(frozen=True, slots=True)
class MetricSource:
    """Where a replica tells its metrics, in Prometheus' text format."""

    path: str
    port: int | None = None
    """As declared; None is the serving port."""


@dataclass(frozen=True, slots=True)
class Scaling:
    """The bounds of the number of replicas, and what moves it between them."""

    minimum: int = 1
    maximum: int = 1
    initial: int = 1
    """How many a revision begins with, and keeps until as many have been ready."""
    activation: int = 1
    """The fewest to run while there is any traffic at all."""
    metric: str | None = None
    """`concurrency`, `throughput`, `latency` or a metric of the replicas; None: any traffic."""
    threshold: float | None = None
    """Of each replica: requests in flight, requests a second, milliseconds, or the metric's own."""
    utilization_percentage: float = 70.0
    concurrency_limit: int = 0
    """Most requests in flight to one replica; 0 is no limit."""
    scale_to_zero_retention_seconds: float = 0.0
    scale_down_delay_seconds: int = 0
    initialization_timeout_seconds: float = 600.0
    """How long replicas may take to be ready."""
    source: MetricSource | None = None
    """Where a metric of the replicas is read; None where the gateway measures."""

    @property
    def is_fixed(self) -> bool:
        """Whether the number never moves."""
        return self.minimum == self.maximum

    @property
    def measure(self) -> Measure:
        """What moves the number, where it does move."""
        by_requests = self.metric is None or self.metric in _BY_REQUESTS
        return Measure.REQUESTS if by_requests else Measure.METRIC


@dataclass(frozen=True, slots=True)
class AutoscalerTimes:
    """What all workloads of a platform share; the defaults are those of Knative Serving."""

    stable_window_seconds: int = 60
    panic_window_percentage: float = 10.0
    scale_to_zero_grace_seconds: float = 30.0
    metric_period_seconds: float = SYNC_PERIOD_S
    """How often latency and metrics of the replicas are looked at."""
    downscale_stabilization_seconds: float = 300.0
    """How long by these fewer replicas have to be enough before there are fewer."""


def request_settings(scaling: Scaling, times: AutoscalerTimes) -> Settings:
    """How the request-driven autoscaler is told about a workload."""
    metric = Metric.THROUGHPUT if scaling.metric == Metric.THROUGHPUT else Metric.CONCURRENCY
    return Settings(
        target=resolve_target(
            metric, scaling.threshold, scaling.utilization_percentage, scaling.concurrency_limit
        ),
        min_scale=scaling.minimum,
        max_scale=scaling.maximum,
        initial_scale=scaling.initial,
        activation_scale=scaling.activation,
        stable_window_s=times.stable_window_seconds,
        panic_window_percentage=times.panic_window_percentage,
        scale_down_delay_s=scaling.scale_down_delay_seconds,
        scale_to_zero_grace_s=times.scale_to_zero_grace_seconds,
        scale_to_zero_retention_s=scaling.scale_to_zero_retention_seconds,
        activation_timeout_s=scaling.initialization_timeout_seconds + ACTIVATION_BUFFER_SECONDS,
    )


def metric_settings(scaling: Scaling, times: AutoscalerTimes) -> HorizontalSettings:
    """How the metric-driven autoscaler is told about a workload."""
    if scaling.threshold is None:
        raise ValueError("a metric without a threshold has not been checked")
    return HorizontalSettings(
        target=scaling.threshold,
        min_scale=max(1, scaling.minimum),
        max_scale=scaling.maximum,
        downscale_stabilization_s=max(
            times.downscale_stabilization_seconds, scaling.scale_down_delay_seconds
        ),
    )
