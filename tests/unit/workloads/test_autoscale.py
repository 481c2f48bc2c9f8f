"""When workloads are observed and decided about."""

import threading
from typing import cast

from windlass.kit.clock import ManualClock
from windlass.workloads.autoscale import WorkloadAutoscaler
from windlass.workloads.scaling import AutoscalerTimes
from windlass.workloads.surroundings import Surroundings


class _Around:
    """What the pace goes by: nothing but the clock."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.database = self.engine = None


class _Paced(WorkloadAutoscaler):
    """Notes when it decides, and takes its time to observe."""

    def __init__(self, clock: ManualClock, reading_seconds: float) -> None:
        super().__init__(
            cast(Surroundings, _Around(clock)),
            AutoscalerTimes(),
            awaken=lambda _change, _state: False,
        )
        self._clock = clock
        self._reading_seconds = reading_seconds
        self.decided: list[float] = []

    def observe(self) -> None:
        self._clock.advance(self._reading_seconds)

    def decide(self) -> None:
        self.decided.append(self._clock.monotonic())


class _Stop(threading.Event):
    """Waits by the clock, and is set at a moment of it."""

    def __init__(self, clock: ManualClock, at: float) -> None:
        super().__init__()
        self._clock = clock
        self._at = at

    def wait(self, timeout: float | None = None) -> bool:
        self._clock.advance(timeout or 0.0)
        return self._clock.monotonic() >= self._at


def _decided(reading_seconds: float) -> list[float]:
    clock = ManualClock()
    clock.advance(1.3)
    scaler = _Paced(clock, reading_seconds)
    scaler._run_by_the_second(_Stop(clock, 20.0))
    return scaler.decided


def test_it_decides_every_two_seconds() -> None:
    assert [round(at) for at in _decided(0.01)] == [2, 4, 6, 8, 10, 12, 14, 16, 18]


def test_it_decides_as_often_where_reading_takes_more_than_a_second() -> None:
    # Each reading begins with an even second and ends in an odd one.
    assert len(_decided(1.2)) >= 9
