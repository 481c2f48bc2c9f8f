"""One workload's traffic between two readings of its counters.

The hard part is the mean number of requests in flight. Two things are known of it. What the
answered ones took, divided by the time between the readings, is precise for short requests, but
counts a long one all at once when it ends, and one that ends without an answer (a WebSocket, a
client that left) never. The number in flight at the moment of reading is right on the average for
requests of every kind, but of short ones it is a small and noisy sample.

So short requests count by what they took, and what the number in flight says beyond that is taken
to be long ones: followed at once where chance cannot explain the difference, else smoothed over
several readings. Bounds that hold with certainty (who was there at both readings) come last.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from windlass.gateway.gateway import ReplicaCounters, TrafficCounters

LONG_SECONDS = 1.0
"""Requests that take longer are counted by their number: `TrafficCounters.outlasting`."""
SMOOTHING = 0.1
"""How much one reading counts, where readings are noise: about ten are looked at together."""
JUMP_DEVIATIONS = 4.0
"""A difference so many standard deviations large is none of chance."""
FEW = 4.0
"""Requests in flight: fewer than that are too few to tell how their number varies."""
DOUBT_DEVIATIONS = 3.0
"""A smoothed difference smaller than that is taken for chance, where no long request was seen for
`UNSEEN_READINGS`."""
UNSEEN_READINGS = 60
LEAST_RATE = 0.01
"""Requests a second; a replica that had fewer of late has no latency."""


@dataclass(frozen=True, slots=True)
class ReplicaMeasurement:
    """One replica's part."""

    requests_per_second: float = 0.0
    in_flight: int = 0
    latency_ms: float | None = None
    """Mean in flight over throughput, over the last few readings; None without requests."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """What happened between two readings."""

    seconds: float
    """Between them."""
    requests_per_second: float
    """That arrived: sent to a replica at once, began to wait, or were refused for want of one."""
    concurrency: float
    """Mean number of requests in flight or waiting."""
    latency_ms: float | None
    """Mean, of the requests whose answer ended; None without such."""
    answered: int
    """Requests whose answer ended."""
    in_flight: int
    """At the second reading, as is `held`."""
    held: int
    waited_seconds: float = 0.0
    """How long requests waited meanwhile, all together."""
    replicas: Mapping[str, ReplicaMeasurement] = field(default_factory=dict)
    """By replica id, of the second reading's."""


class TrafficMeter:
    """Measures one workload, reading after reading."""

    def __init__(self) -> None:
        self._before: TrafficCounters | None = None
        self._long = _LongRequests()
        self._replicas: dict[str, _ReplicaMeter] = {}

    def measure(self, after: TrafficCounters) -> Measurement | None:
        """What happened since the last call; None at the first, and where no time has passed.

        Totals that went back have begun again at 0. Meant for readings about a second apart.
        """
        before, self._before = self._before, after
        if before is None or after.at <= before.at:
            self._replicas = {key: _ReplicaMeter(each) for key, each in after.replicas.items()}
            self._long = _LongRequests(after.in_flight)
            return None
        seconds = after.at - before.at
        change = _Change.between(before, after)
        concurrency = self._long.concurrency(change, seconds) + change.held_seconds / seconds
        return Measurement(
            seconds=seconds,
            requests_per_second=change.arrived / seconds,
            concurrency=concurrency,
            latency_ms=change.answered_seconds / change.answered * 1e3 if change.answered else None,
            answered=change.answered,
            in_flight=after.in_flight,
            held=after.held,
            waited_seconds=change.held_seconds,
            replicas=self._measure_replicas(after, change.started, seconds),
        )

    def _measure_replicas(
        self, after: TrafficCounters, started: int, seconds: float
    ) -> dict[str, ReplicaMeasurement]:
        self._replicas = {key: self._replicas.get(key) or _ReplicaMeter() for key in after.replicas}
        return {
            key: self._replicas[key].measure(counters, started, seconds)
            for key, counters in after.replicas.items()
        }


@dataclass(frozen=True, slots=True)
class _Change:
    """Differences of totals, and gauges before and after."""

    started: int
    arrived: int
    answered: int
    answered_seconds: float
    outlasting: int
    held_seconds: float
    in_flight_before: int
    in_flight_after: int

    @classmethod
    def between(cls, before: TrafficCounters, after: TrafficCounters) -> "_Change":
        restarted = after.started < before.started or after.answered < before.answered
        envoy_before = TrafficCounters() if restarted else before
        if after.asked < before.asked or after.held_seconds < before.held_seconds:
            # Those that waited ask the new gate again.
            gate_before = TrafficCounters(asked=min(before.held, after.asked))
        else:
            gate_before = before
        started = after.started - envoy_before.started
        waited = after.asked - gate_before.asked
        released = max(0, after.released - gate_before.released)
        answered = after.answered - envoy_before.answered
        outlasting = max(0, after.outlasting - envoy_before.outlasting)
        return cls(
            started=started,
            # Who is released is counted a second time when sent to a replica.
            arrived=max(0, started - released) + waited,
            answered=answered,
            answered_seconds=max(0.0, after.answered_seconds - envoy_before.answered_seconds),
            outlasting=min(outlasting, answered),
            held_seconds=max(0.0, after.held_seconds - gate_before.held_seconds),
            in_flight_before=envoy_before.in_flight,
            in_flight_after=after.in_flight,
        )


class _LongRequests:
    """How many of the requests in flight are not accounted for by what short ones took."""

    def __init__(self, in_flight: int = 0) -> None:
        self._count = float(in_flight)
        self._difference = 0.0
        self._smoothed = 0.0
        self._variance = 0.0
        """Of `_smoothed`, where that of one reading is 1."""
        self._short = 0.0
        """Mean number of short requests in flight, smoothed."""
        self._short_before = 0.0
        """The same at the last reading alone."""
        self._readings = 0
        self._usual_seconds: float | None = None
        """What a short request takes, as last known for certain."""
        self._readings_since_seen = UNSEEN_READINGS

    def concurrency(self, change: _Change, seconds: float) -> float:
        """Mean number of requests in flight."""
        short = self._short_seconds(change) / seconds
        # So many at least were there at both readings.
        lasting = max(0, change.in_flight_after - change.started)
        seen = bool(lasting or change.outlasting)
        self._readings_since_seen = 0 if seen else self._readings_since_seen + 1
        self._follow(change.in_flight_after - short, short)
        before, after = self._count, self._without_doubt()
        after = min(max(after, lasting), change.in_flight_after)
        ended = change.outlasting + max(0, change.in_flight_before - change.in_flight_after)
        # What was taken for long before, but is gone with none that was long ended, was short.
        before = min(before, after + ended)
        self._count = after
        mean = short + (before + after) / 2
        return min(max(mean, lasting), change.in_flight_before + change.started)

    def _short_seconds(self, change: _Change) -> float:
        """What the short ones among those that ended took, all together.

        How many ended is known to the moment, how long they took only up to the last time that
        Envoy has put its histograms together, which may be a second ago.
        """
        short = change.answered - change.outlasting
        if short and not change.outlasting:
            self._usual_seconds = change.answered_seconds / short
        usual = self._usual_seconds
        if short and change.outlasting:
            at_most = (change.answered_seconds - change.outlasting * LONG_SECONDS) / short
            usual = max(0.0, at_most if usual is None else min(usual, at_most))
        ended = change.in_flight_before + change.started - change.in_flight_after
        return max(0, ended - change.outlasting) * (usual or 0.0)

    def _follow(self, difference: float, short: float) -> None:
        self._readings += 1
        weight = max(SMOOTHING, 1 / self._readings)
        self._short += weight * (short - self._short)
        recent = (difference, (difference + self._difference) / 2)
        # What there was some time ago explains nothing, unless there is too little now to tell.
        explained = max(short, self._short_before, min(self._short, FEW))
        self._difference, self._short_before = difference, short
        for count, mean in enumerate(recent, start=1):
            chance = JUMP_DEVIATIONS * math.sqrt(explained / count)
            if abs(mean - self._smoothed) > 1 + chance:
                self._smoothed, self._variance = mean, 1 / count
                self._short, self._readings = short, count
                return
        self._smoothed += weight * (difference - self._smoothed)
        self._variance = (1 - weight) ** 2 * self._variance + weight**2

    def _without_doubt(self) -> float:
        if self._readings_since_seen < UNSEEN_READINGS:
            return max(0.0, self._smoothed)
        deviation = math.sqrt(self._short * self._variance)
        return self._smoothed if self._smoothed > DOUBT_DEVIATIONS * deviation else 0.0


class _ReplicaMeter:
    """Measures one replica, reading after reading."""

    def __init__(self, before: ReplicaCounters | None = None) -> None:
        self._before = before or ReplicaCounters()
        self._rate = 0.0
        self._in_flight = 0.0

    def measure(
        self, after: ReplicaCounters, started_in_all: int, seconds: float
    ) -> ReplicaMeasurement:
        """What happened since the last call; `started_in_all` is what all replicas were sent."""
        before, self._before = self._before, after
        started = after.started - (0 if after.started < before.started else before.started)
        # Behind an address that was another replica's, the other's requests may still be counted.
        rate = min(started, started_in_all) / seconds
        self._rate += SMOOTHING * (rate - self._rate)
        self._in_flight += SMOOTHING * (after.in_flight - self._in_flight)
        latency = self._in_flight / self._rate * 1e3 if self._rate > LEAST_RATE else None
        return ReplicaMeasurement(rate, after.in_flight, latency)
