"""The real autoscaler and ours, asked the same 7,424 times."""

import pytest

from tests.unit.autoscaling.knative_traces import Trace, recorded_traces, replay


def test_the_traces_are_all_there() -> None:
    assert len(recorded_traces()) == 120
    assert sum(len(trace["ticks"]) for trace in recorded_traces()) == 7424


@pytest.mark.parametrize("trace", recorded_traces(), ids=lambda _: "")
def test_every_average_and_every_decision_agrees(trace: Trace) -> None:
    for tick, decision in replay(trace):
        assert decision.valid == tick["valid"] != tick["empty"], tick
        found = decision.recommendation
        if found is None:
            continue
        assert found.stable_average == pytest.approx(tick["stable"], rel=1e-12, abs=1e-9), tick
        assert found.panic_average == pytest.approx(tick["panic"], rel=1e-12, abs=1e-9), tick
        assert found.desired == tick["desired"], tick
        assert found.excess_burst_capacity == tick["excess"], tick
