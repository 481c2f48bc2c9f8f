"""The real autoscaler and ours, asked the same 7,424 times."""

import pytest

from tests.unit.autoscaling.knative_traces import Tick, Trace, recorded_traces, replay
from windlass.autoscaling import Decision


def test_the_traces_are_all_there() -> None:
    traces = recorded_traces()
    assert len(traces) == 120
    assert sum(len(trace["ticks"]) for trace in traces) == 7424


@pytest.mark.parametrize("trace", recorded_traces(), ids=lambda _: "")
def test_every_average_and_every_decision_agrees(trace: Trace) -> None:
    for tick, decision in replay(trace):
        assert_agrees(tick, decision)


def assert_agrees(tick: Tick, decision: Decision) -> None:
    assert decision.valid == tick["valid"], tick
    assert decision.valid != tick["empty"], tick
    found = decision.recommendation
    if found is None:
        return
    assert found.stable_average == pytest.approx(tick["stable"], rel=1e-9, abs=1e-6), tick
    assert found.panic_average == pytest.approx(tick["panic"], rel=1e-9, abs=1e-6), tick
    assert (found.desired, found.excess_burst_capacity) == (tick["desired"], tick["excess"]), tick
