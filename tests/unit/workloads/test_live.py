"""What is told of traffic right now, also where the gateway is silent."""

import threading
from collections.abc import Mapping
from typing import cast

from windlass.gateway.gateway import Gateway, GatewayUnavailable, TrafficCounters
from windlass.kit.clock import ManualClock
from windlass.workloads.live import LiveTraffic

PATIENCE_SECONDS = 60.0


class _Gateway:
    """Counts how often it is asked; silent, or gone, as a test says."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self.asked = 0
        self.is_gone = False
        self.began = threading.Event()
        self.answers = threading.Event()
        self.answers.set()

    def traffic(self) -> Mapping[str, TrafficCounters]:
        self.asked += 1
        self.began.set()
        assert self.answers.wait(PATIENCE_SECONDS)
        if self.is_gone:
            raise GatewayUnavailable("It is gone.")
        at = self._clock.monotonic()
        return {"w": TrafficCounters(at=at, started=int(at) * 10, in_flight=1)}


def _live(clock: ManualClock) -> tuple[_Gateway, LiveTraffic]:
    gateway = _Gateway(clock)
    return gateway, LiveTraffic(cast(Gateway, gateway), clock)


def _rate(live: LiveTraffic) -> float | None:
    measured = live.measurements().get("w")
    return None if measured is None else measured.requests_per_second


def test_a_rate_needs_two_readings_a_second_apart() -> None:
    clock = ManualClock()
    gateway, live = _live(clock)
    told = []
    for _ in range(4):
        told.append(_rate(live))
        clock.advance(0.5)
    assert told == [None, None, 10.0, 10.0]
    assert gateway.asked == 2


def test_a_silent_gateway_keeps_one_caller_waiting_and_no_more() -> None:
    clock = ManualClock()
    gateway, live = _live(clock)
    _rate(live)
    clock.advance(1)
    _rate(live)
    clock.advance(1)
    gateway.answers.clear()
    gateway.began.clear()
    first = threading.Thread(target=live.measurements)
    first.start()
    assert gateway.began.wait(PATIENCE_SECONDS)
    assert _rate(live) == 10.0
    clock.advance(5)
    assert _rate(live) is None
    gateway.answers.set()
    first.join(PATIENCE_SECONDS)
    assert gateway.asked == 3


def test_a_gateway_that_is_gone_is_not_asked_again_at_once() -> None:
    clock = ManualClock()
    gateway, live = _live(clock)
    gateway.is_gone = True
    assert [_rate(live) for _ in range(5)] == [None] * 5
    assert gateway.asked == 1
    clock.advance(1)
    gateway.is_gone = False
    told = []
    for _ in range(2):
        told.append(_rate(live))
        clock.advance(1)
    assert told == [None, 10.0]
