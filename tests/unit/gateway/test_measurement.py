"""What is measured of simulated traffic, beside what its requests say themselves."""

import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import mean

import pytest

from windlass.gateway.gateway import ReplicaCounters, TrafficCounters
from windlass.gateway.measurement import Measurement, TrafficMeter


@dataclass(frozen=True)
class Request:
    """One request to a replica."""

    start: float
    seconds: float
    is_recorded: bool = True
    """Whether its end counts as an answer; that of a WebSocket does not."""

    @property
    def end(self) -> float:
        return self.start + self.seconds

    def overlap(self, begin: float, end: float) -> float:
        return max(0.0, min(self.end, end) - max(self.start, begin))


Requests = Sequence[Request]


def _evenly(rate: float, seconds: float, until: float = 60.0) -> Requests:
    return [Request(number / rate, seconds) for number in range(int(rate * until))]


def _at_random(
    chance: random.Random, rate: float, seconds: Callable[[], float], until: float = 60.0
) -> Requests:
    """A Poisson process."""

    def starts() -> Iterator[float]:
        start = chance.expovariate(rate)
        while start < until:
            yield start
            start += chance.expovariate(rate)

    return [Request(start, seconds()) for start in starts()]


def _clients(count: int, seconds: float, start: float, until: float = 60.0) -> Requests:
    """Clients that each send the next request when the one before has been answered."""
    turns = int((until - start) / seconds)
    return [
        Request(start + min(seconds, 0.4) * client / count + turn * seconds, seconds)
        for client in range(count)
        for turn in range(turns)
    ]


def _web_sockets(count: int, start: float, seconds: float = 600.0) -> Requests:
    return [Request(start + number * 0.01, seconds, is_recorded=False) for number in range(count)]


def _requests(kind: str, chance: random.Random) -> Requests:
    match kind:
        case "short":
            return _at_random(chance, 100, lambda: chance.expovariate(1 / 0.05))
        case "around a second":
            return _at_random(chance, 20, lambda: chance.expovariate(1))
        case "a few seconds":
            return _at_random(chance, 5, lambda: chance.expovariate(1 / 2))
    short = _at_random(chance, 100, lambda: 0.05)
    if kind == "short and long":
        return [*short, *_at_random(chance, 5, lambda: 2.0)]
    return [*short, *_web_sockets(10, 5.0)]


def _counters(requests: Requests, at: float, late: bool = False) -> TrafficCounters:
    """With `late`, what answers took is known only up to the last full second, as Envoy does it."""
    until = math.floor(at) if late else at
    ended = [each for each in requests if each.end <= until and each.is_recorded]
    return TrafficCounters(
        at=at,
        started=sum(each.start <= at for each in requests),
        answered=len(ended),
        answered_seconds=sum(each.seconds for each in ended),
        outlasting=sum(each.seconds > 1 for each in ended),
        in_flight=sum(each.start <= at < each.end for each in requests),
    )


def _readings(chance: random.Random, count: int = 59) -> list[float]:
    times = [0.0]
    while len(times) <= count:
        times.append(times[-1] + chance.uniform(0.98, 1.02))
    return times


def _measured(requests: Requests, times: Sequence[float], late: bool = False) -> list[Measurement]:
    meter = TrafficMeter()
    measured = [meter.measure(_counters(requests, at, late)) for at in times]
    assert measured[0] is None
    return [each for each in measured if each is not None]


def _true_concurrency(requests: Requests, begin: float, end: float) -> float:
    return sum(each.overlap(begin, end) for each in requests) / (end - begin)


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", ["evenly", "at random"])
def test_a_hundred_requests_a_second_of_50_ms_read_5(kind: str, seed: int, late: bool) -> None:
    chance = random.Random(seed)
    requests = _evenly(100, 0.05) if kind == "evenly" else _at_random(chance, 100, lambda: 0.05)
    measured = _measured(requests, _readings(chance), late)
    assert mean(each.concurrency for each in measured) == pytest.approx(5.0, rel=0.1)
    assert mean(each.requests_per_second for each in measured) == pytest.approx(100, rel=0.05)
    assert {round(each.latency_ms) for each in measured if each.latency_ms} == {50}


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "kind", ["short", "around a second", "a few seconds", "short and long", "short and WebSockets"]
)
def test_concurrency_agrees_with_what_the_requests_say(kind: str, seed: int, late: bool) -> None:
    chance = random.Random(seed)
    requests = _requests(kind, chance)
    times = _readings(chance)
    measured = [each.concurrency for each in _measured(requests, times, late)]
    assert mean(measured) == pytest.approx(
        _true_concurrency(requests, times[0], times[-1]), rel=0.15
    )


@pytest.mark.parametrize("is_recorded", [False, True])
def test_long_requests_count_while_they_last_and_not_when_they_end(is_recorded: bool) -> None:
    requests = [Request(1.5, 30.0, is_recorded) for _ in range(10)]
    measured = [each.concurrency for each in _measured(requests, list(range(60)))]
    assert measured[2:30] == [10.0] * 28
    assert max(measured) <= 10.5
    assert measured[32:] == [0.0] * 27


def test_nothing_in_flight_and_nothing_new_reads_exactly_0() -> None:
    chance = random.Random(1)
    requests = [*_at_random(chance, 50, lambda: 0.3, until=20.0), *_web_sockets(3, 2.0, 10.0)]
    measured = _measured(requests, _readings(chance))
    assert [each.concurrency for each in measured[22:]] == [0.0] * len(measured[22:])
    assert [each.requests_per_second for each in measured[22:]] == [0.0] * len(measured[22:])


@pytest.mark.parametrize("seconds", [0.3, 0.7, 10.0])
def test_a_step_from_none_to_200_is_seen_within_two_readings(seconds: float) -> None:
    requests = _clients(200, seconds, start=5.0)
    times = [0.5 + number for number in range(20)]
    measured = [each.concurrency for each in _measured(requests, times)]
    assert measured[3] == 0.0
    assert measured[4] >= 50
    assert measured[5:7] == pytest.approx([200, 200], rel=0.25)
    assert mean(measured[5:]) == pytest.approx(200, rel=0.1)


def test_held_requests_count_for_exactly_as_long_as_they_waited() -> None:
    before = TrafficCounters(at=10, held=2, held_seconds=20.0, asked=2)
    after = TrafficCounters(at=12, held=3, held_seconds=25.0, asked=4, released=1, started=1)
    meter = TrafficMeter()
    meter.measure(before)
    measured = meter.measure(after)
    assert measured is not None
    assert measured.concurrency == pytest.approx(2.5)
    assert measured.held == 3
    assert measured.requests_per_second == 1.0, "two came, of which none was sent on twice"


@pytest.mark.parametrize(
    ("before", "after", "arrived"),
    [
        ((0, 0, 0), (5, 0, 0), 5),
        ((5, 0, 0), (5, 5, 5), 0),
        ((0, 0, 0), (5, 5, 25), 25),
        ((0, 0, 0), (5, 5, 4), 5),
        ((5, 5, 0), (5, 5, 3), 3),
    ],
)
def test_a_request_that_waited_arrives_once(
    before: tuple[int, int, int], after: tuple[int, int, int], arrived: int
) -> None:
    def counters(at: float, totals: tuple[int, int, int]) -> TrafficCounters:
        asked, released, started = totals
        return TrafficCounters(at=at, asked=asked, released=released, started=started)

    meter = TrafficMeter()
    meter.measure(counters(0, before))
    measured = meter.measure(counters(1, after))
    assert measured is not None
    assert measured.requests_per_second == arrived


def test_totals_that_begin_again_give_what_has_happened_since() -> None:
    busy = TrafficCounters(
        at=100, started=10_000, answered=9_990, answered_seconds=500.0, in_flight=10,
        held=5, held_seconds=900.0, asked=700, released=600,
        replicas={"one": ReplicaCounters(10_000, 10)},
    )  # fmt: skip
    new = TrafficCounters(
        at=101, started=20, answered=18, answered_seconds=0.9, in_flight=2,
        held=1, held_seconds=0.5, asked=1,
        replicas={"one": ReplicaCounters(20, 2)},
    )  # fmt: skip
    meter = TrafficMeter()
    meter.measure(busy)
    measured = meter.measure(new)
    assert measured is not None
    assert measured.requests_per_second == 20
    assert 0.5 <= measured.concurrency <= 4
    assert measured.latency_ms == pytest.approx(50)
    assert measured.replicas["one"].requests_per_second == 20


def test_those_who_ask_a_new_gate_again_arrive_no_second_time() -> None:
    meter = TrafficMeter()
    meter.measure(TrafficCounters(at=0, held=30, held_seconds=100.0, asked=30))
    again = TrafficCounters(at=1, held=31, held_seconds=15.5, asked=31)
    measured = meter.measure(again)
    assert measured is not None
    assert measured.requests_per_second == 1
    assert measured.concurrency == 15.5


def test_a_clock_that_went_back_begins_anew() -> None:
    meter = TrafficMeter()
    meter.measure(TrafficCounters(at=1000, started=7))
    assert meter.measure(TrafficCounters(at=3, started=9)) is None
    measured = meter.measure(TrafficCounters(at=4, started=10))
    assert measured is not None
    assert measured.requests_per_second == 1


def test_each_replica_has_its_own_rate_and_latency() -> None:
    meter = TrafficMeter()
    measured = None
    for second in range(60):
        started = {"fast": 40 * second, "slow": 10 * second}
        in_flight = {"fast": second % 5 == 0, "slow": 2}
        measured = meter.measure(
            TrafficCounters(
                at=second,
                started=sum(started.values()),
                replicas={key: ReplicaCounters(started[key], in_flight[key]) for key in started},
            )
        )
    assert measured is not None
    fast, slow = measured.replicas["fast"], measured.replicas["slow"]
    assert (fast.requests_per_second, slow.requests_per_second) == (40, 10)
    assert slow.latency_ms == pytest.approx(200, rel=0.05)
    assert fast.latency_ms == pytest.approx(5, rel=0.5)


def test_a_replica_behind_a_used_address_is_not_charged_for_its_predecessor() -> None:
    meter = TrafficMeter()
    meter.measure(TrafficCounters(at=0, started=9_000, replicas={"old": ReplicaCounters(9_000)}))
    measured = meter.measure(
        TrafficCounters(at=1, started=9_004, replicas={"new": ReplicaCounters(9_004)})
    )
    assert measured is not None
    assert measured.replicas["new"].requests_per_second == 4
