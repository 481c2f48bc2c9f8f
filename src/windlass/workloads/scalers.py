"""One workload's autoscaler with what it was told and how its decisions read. No I/O."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from windlass.autoscaling import (
    Autoscaler,
    Decision,
    HorizontalAutoscaler,
    HorizontalDecision,
    Metric,
    Reason,
)
from windlass.gateway.measurement import Measurement
from windlass.workloads.scaling import (
    LATENCY,
    AutoscalerTimes,
    Scaling,
    metric_settings,
    request_settings,
)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a workload stands, as its record says."""

    ready: int
    wanted: int
    has_run: bool
    """As many as it begins with were ready once."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """How many replicas there are to be, and why."""

    replicas: int
    because: str


LEAST_THROUGHPUT = 0.01
"""Requests a second that never ask for more than one replica."""
_PUNCTUAL_SECONDS = 0.5
"""A reading that comes later than this after its second has missed one."""


class RequestScaler:
    """Scales by requests in flight or by requests a second."""

    def __init__(
        self, scaling: Scaling, times: AutoscalerTimes, standing: Standing, at: float
    ) -> None:
        self._by_throughput = scaling.metric == Metric.THROUGHPUT
        self._scaling = scaling
        self._settings = request_settings(scaling, times)
        self._autoscaler = Autoscaler(
            self._settings,
            at,
            ready=standing.ready,
            running=standing.wanted,
            initialized=standing.has_run,
        )
        self._counted_early = 0.0
        self._last_second = math.floor(at) - 1

    def observe(self, measured: Measurement, at: float) -> None:
        """Take what was measured up to `at`, once for each second that it covers."""
        sample = self._throughput(measured) if self._by_throughput else measured.concurrency
        second = math.floor(at)
        covered = math.ceil(measured.seconds - _PUNCTUAL_SECONDS)
        for each in range(max(self._last_second + 1, second - covered + 1), second + 1):
            self._autoscaler.record(max(0.0, sample - self._counted_early), each)
            self._counted_early = 0.0
        self._last_second = second

    def _throughput(self, measured: Measurement) -> float:
        """Requests a second; never 0 while one is being answered or waits, though none may come
        any more: its replica must not go."""
        unanswered = measured.in_flight or measured.held
        return max(measured.requests_per_second, LEAST_THROUGHPUT if unanswered else 0.0)

    def request_came(self, at: float) -> None:
        """Count the request that found no replica, before the second it came in is measured."""
        if not self._counted_early:
            self._counted_early = 1.0
            self._autoscaler.record(1.0, at)

    def decide(self, standing: Standing, at: float) -> Wanted:
        """How many there are to be from now on."""
        decision = self._autoscaler.decide(at, standing.ready)
        woken = standing.wanted == 0 < decision.replicas
        return Wanted(decision.replicas, self._explained(decision, woken=woken))

    def _explained(self, decision: Decision, *, woken: bool) -> str:
        found = decision.recommendation
        if woken:
            rule = _RULES[decision.reason]
            return f"a request came while none ran{f'; {rule}' if rule else ''}"
        if found is None:
            return f"nothing was measured; {_RULES[decision.reason]}"
        # In panic the window that asks for more decides, whichever bound then has the last word.
        panic = found.panicking and found.panic_average > found.stable_average
        average = found.panic_average if panic else found.stable_average
        window = self._settings.panic_window_s if panic else self._settings.stable_window_s
        unit = "requests a second" if self._by_throughput else "requests in flight"
        rule = _RULES[decision.reason]
        return (
            f"{_rounded(average, 3)} {unit} on the average of up to {window} s,"
            f" {_rounded(found.target, 3)} for each replica{f'; {rule}' if rule else ''}"
        )


class MetricScaler:
    """Scales by latency, or by a metric that the replicas tell."""

    def __init__(
        self, scaling: Scaling, times: AutoscalerTimes, standing: Standing, at: float
    ) -> None:
        self._scaling = scaling
        self._autoscaler = HorizontalAutoscaler(
            metric_settings(scaling, times), at, running=standing.wanted
        )
        self._waits_count = scaling.concurrency_limit > 0
        self._measured = False
        self._answered = 0.0
        self._taken_ms = 0.0
        self._unanswered = 0

    @property
    def by_latency(self) -> bool:
        """Whether the gateway measures it; else the replicas tell it."""
        return self._scaling.metric == LATENCY

    def observe(self, measured: Measurement) -> None:
        """Take what was measured in a second."""
        self._measured = True
        self._unanswered = measured.in_flight + measured.held
        if measured.latency_ms is not None:
            self._answered += measured.answered
            self._taken_ms += measured.latency_ms * measured.answered
        if self._waits_count:
            # Where replicas take only so many at once, it is the queue that tells of too few.
            self._taken_ms += measured.waited_seconds * 1e3

    def take_latency(self) -> float | None:
        """The mean since the last call, in milliseconds: 0 where nobody asked, None where those
        who did still wait, or where nothing was measured."""
        measured, answered, total = self._measured, self._answered, self._taken_ms
        self._measured, self._answered = False, 0.0
        if answered or not self._unanswered:
            self._taken_ms = 0.0
        if answered:
            return total / answered
        return 0.0 if measured and not self._unanswered else None

    def decide(self, values: Sequence[float | None], standing: Standing, at: float) -> Wanted:
        """How many there are to be; `values` has one entry for each ready replica."""
        starting = max(0, standing.wanted - standing.ready)
        decision = self._autoscaler.decide(at, values, starting)
        return Wanted(decision.replicas, self._explained(decision))

    def _explained(self, decision: HorizontalDecision) -> str:
        found = decision.recommendation
        rule = _RULES[decision.reason]
        if found is None:
            return f"no replica tells {self._scaling.metric}; {rule}"
        return (
            f"{self._scaling.metric} is {_rounded(found.average, 4)} on the average of the"
            f" replicas, to be {_rounded(found.target, 4)}{f'; {rule}' if rule else ''}"
        )


_RULES = {
    Reason.NO_DATA: "the number stays",
    Reason.STABLE_WINDOW: "",
    Reason.PANIC: "more than twice what the ready replicas are to take (panic)",
    Reason.ACTIVATION_SCALE: "activationReplicas is the fewest under traffic",
    Reason.MAX_SCALE_UP_RATE: "no faster at one step",
    Reason.MAX_SCALE_DOWN_RATE: "no more than half of them at one step",
    Reason.SCALE_DOWN_DELAY: "more were needed within scaleDownDelaySeconds",
    Reason.INITIAL_SCALE: "initialReplicas have yet to be ready",
    Reason.MIN_SCALE: "minReplicas is the fewest",
    Reason.MAX_SCALE: "maxReplicas is the most",
    Reason.ACTIVATING: "replicas that start are given time to become ready",
    Reason.RECENTLY_ACTIVATED: "it was woken a short while ago",
    Reason.LAST_REPLICA: "the last replica stays for a while",
    Reason.NO_TRAFFIC: "there is no traffic",
    Reason.ACTIVATION_TIMEOUT: "there is no traffic, and replicas did not become ready in time",
    Reason.METRIC: "",
    Reason.STABILIZATION: "more were needed a short while ago",
    Reason.SCALE_UP_LIMIT: "one step doubles them at most, or makes them four",
}
"""Which rule had the last word, in words; nothing where it is the average alone."""


def _rounded(value: float, digits: int) -> str:
    """As people read it: without an exponent, and nothing after the point where it is large."""
    if abs(value) >= 1000:
        return f"{value:.0f}"
    return f"{Decimal(f'{value:.{digits}g}'):f}"
