"""Clocks when somebody sets the machine's time."""

import pytest

from windlass.kit.clock import ManualClock, SteadyClock

DAY = 24 * 3600.0


@pytest.mark.parametrize("jump", [DAY, -DAY])
def test_a_steady_clock_goes_on_as_if_nobody_had_set_the_time(jump: float) -> None:
    machine = ManualClock()
    steady = SteadyClock(machine)
    began = steady.now()
    machine.advance(5)
    machine.jump(jump)
    machine.advance(5)
    assert steady.now() == pytest.approx(began + 10)
    assert steady.monotonic() == machine.monotonic()


def test_a_steady_clock_begins_with_the_machines_time() -> None:
    machine = ManualClock()
    machine.jump(DAY)
    assert SteadyClock(machine).now() == pytest.approx(machine.now())
