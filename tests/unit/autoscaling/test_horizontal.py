"""Replicas by latency and by metrics of their own.

Cases marked "published" have the numbers of Kubernetes,
`pkg/controller/podautoscaler/{replica_calculator,horizontal}_test.go`.
"""

import math
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from windlass.autoscaling import HorizontalAutoscaler, HorizontalSettings, Reason
from windlass.autoscaling.horizontal_rules import replicas_by_ratio, scale_up_limit
from windlass.autoscaling.stabilization import DownscaleStabilization


@pytest.mark.parametrize(
    ("running", "told", "untold", "starting", "target", "wanted"),
    [
        pytest.param(3, [20, 10, 30], 0, 0, 15, 4, id="up (published)"),
        pytest.param(3, [50, 10, 30], 0, 0, 15, 6, id="further up (published)"),
        pytest.param(3, [50, 15, 30], 0, 0, 15, 7, id="rounded up (published)"),
        pytest.param(1, [8.6], 0, 0, 4.4, 2, id="one (published)"),
        pytest.param(5, [12] * 5, 0, 0, 20, 3, id="down (published)"),
        pytest.param(3, [20, 21, 21], 0, 0, 20, 3, id="tolerance (published)"),
        pytest.param(4, [400, 95], 2, 0, 1000, 3, id="untold, down (published)"),
        pytest.param(2, [1000], 1, 0, 1000, 2, id="untold, on target (published)"),
        pytest.param(2, [1900], 1, 0, 1000, 2, id="untold, up no more (published)"),
        pytest.param(2, [600], 1, 0, 1000, 2, id="untold, down no more (published)"),
        pytest.param(2, [100, 100], 1, 0, 500, 2, id="one more than wanted (published)"),
        pytest.param(3, [500, 700], 0, 1, 300, 4, id="starting, less up (published)"),
        pytest.param(3, [400], 0, 2, 300, 3, id="starting, up no more (published)"),
        pytest.param(2, [1000], 0, 3, 300, 2, id="enough are starting"),
        pytest.param(2, [0.8] * 4, 0, 1, 1, 4, id="starting ones do not count on the way down"),
        pytest.param(3, [450], 1, 1, 500, 3, id="untold and starting (published)"),
        pytest.param(3, [2000], 1, 1, 500, 4, id="untold and starting, up (published)"),
        pytest.param(4, [100, 100], 1, 1, 500, 2, id="untold and starting, down"),
        pytest.param(5, [100], 0, 4, 500, 1, id="starting ones do not hold back (published)"),
        pytest.param(10, [1.1] * 10, 0, 0, 1, 10, id="upper edge of the tolerance"),
        pytest.param(10, [1.11] * 10, 0, 0, 1, 12, id="above the tolerance"),
        pytest.param(10, [0.9] * 10, 0, 0, 1, 10, id="lower edge of the tolerance"),
        pytest.param(10, [0.89] * 10, 0, 0, 1, 9, id="below the tolerance"),
        pytest.param(4, [3, 3], 0, 0, 1, 6, id="those that told are scaled"),
        pytest.param(9, [3, 3], 1, 0, 1, 9, id="untold ones never turn up into down"),
        pytest.param(2, [0.2] * 8, 1, 0, 1, 2, id="untold ones never turn down into up"),
        pytest.param(2, [-5, -5], 0, 0, 1, 0, id="below zero"),
        pytest.param(2, [1e300], 0, 0, 1e-9, 2**31 - 1, id="beyond all measure"),
    ],
)
def test_replicas_by_ratio(
    running: int, told: Sequence[float], untold: int, starting: int, target: float, wanted: int
) -> None:
    assert replicas_by_ratio(running, told, untold, starting, target, 0.1) == wanted


@pytest.mark.parametrize(("running", "limit"), [(0, 4), (1, 4), (2, 4), (3, 6), (20, 40)])
def test_one_step_doubles_or_makes_four(running: int, limit: int) -> None:
    assert scale_up_limit(running) == limit


@pytest.mark.parametrize(
    ("earlier", "stabilized"),
    [
        pytest.param([], 3, id="nothing earlier (published)"),
        pytest.param([(-120, 4), (-60, 5)], 5, id="recently more (published)"),
        pytest.param([(-120, 1), (-60, 2)], 3, id="recently less (published)"),
        pytest.param([(-600, 10), (-540, 9)], 3, id="long ago (published)"),
        pytest.param([(-600, 10), (-540, 9), (-120, 5), (-60, 4)], 5, id="both (published)"),
        pytest.param([(-300, 7)], 7, id="at the edge of the window"),
        pytest.param([(-301, 7)], 3, id="just out of the window"),
    ],
)
def test_stabilization(earlier: Sequence[tuple[float, int]], stabilized: int) -> None:
    stabilization = DownscaleStabilization(0, -10_000)
    for at, recommended in earlier:
        stabilization.apply(recommended, 300, at)
    assert stabilization.apply(3, 300, 0) == stabilized


@pytest.mark.parametrize(
    ("running", "least", "most", "value", "replicas", "reason"),
    [
        pytest.param(5, 3, 8, 1.4, 7, Reason.METRIC, id="within (published)"),
        pytest.param(20, 1, 10, 50, 10, Reason.MAX_SCALE, id="maximum (published)"),
        pytest.param(3, 1, 2000, 300, 6, Reason.SCALE_UP_LIMIT, id="limit (published)"),
        pytest.param(3, 1, 5, 300, 5, Reason.MAX_SCALE, id="both"),
        pytest.param(3, 1, 5, 0.1, 3, Reason.STABILIZATION, id="stabilized"),
        pytest.param(1, 2, 5, 0.1, 2, Reason.MIN_SCALE, id="minimum"),
    ],
)
def test_decisions(
    running: int, least: int, most: int, value: float, replicas: int, reason: Reason
) -> None:
    asked = HorizontalSettings(target=1, min_scale=least, max_scale=most)
    autoscaler = HorizontalAutoscaler(asked, 0, running=running)
    decision = autoscaler.decide(15, [value] * autoscaler.replicas)
    assert (decision.replicas, decision.reason) == (replicas, reason)


def test_replicas_go_once_fewer_were_enough_for_a_whole_window() -> None:
    autoscaler = HorizontalAutoscaler(HorizontalSettings(target=100, max_scale=10), 0, running=6)
    decided = {now: autoscaler.decide(now, [40] * 6).replicas for now in range(15, 316, 15)}
    assert {now for now, replicas in decided.items() if replicas == 6} == set(range(15, 301, 15))
    assert decided[315] == 3


def test_a_jump_takes_several_steps() -> None:
    autoscaler = HorizontalAutoscaler(HorizontalSettings(target=100), 0, running=1)
    replicas = 1
    steps = []
    for now in range(15, 76, 15):
        replicas = autoscaler.decide(now, [2000 / replicas] * replicas).replicas
        steps.append(replicas)
    assert steps == [4, 8, 16, 20, 20]


@pytest.mark.parametrize("values", [[], [None], [None, math.nan], [math.inf]], ids=str)
def test_without_a_value_the_number_stays(values: list[float | None]) -> None:
    asked = HorizontalSettings(target=1, max_scale=10)
    autoscaler = HorizontalAutoscaler(asked, 0, running=7)
    decision = autoscaler.decide(1000, values)
    assert (decision.replicas, decision.reason, decision.valid) == (7, Reason.NO_DATA, False)
    autoscaler.update(HorizontalSettings(target=1, max_scale=5))
    assert autoscaler.decide(1015, values).replicas == 5


def test_a_decision_tells_the_numbers_behind_it() -> None:
    autoscaler = HorizontalAutoscaler(HorizontalSettings(target=100), 0, running=2)
    decision = autoscaler.decide(15, [150, None, 250], starting=0)
    assert decision.valid
    assert decision.recommendation is not None
    assert decision.recommendation.average == 200
    assert decision.recommendation.target == 100
    assert decision.recommendation.desired == 4


@pytest.mark.parametrize(
    "wrong",
    [
        {"target": 0},
        {"target": math.nan},
        {"target": 1, "min_scale": 0},
        {"target": 1, "min_scale": 3, "max_scale": 2},
        {"target": 1, "tolerance": 1},
        {"target": 1, "tolerance": -0.1},
        {"target": 1, "downscale_stabilization_s": -1},
        {"target": 1, "downscale_stabilization_s": math.inf},
    ],
    ids=str,
)
def test_settings_out_of_range_are_refused_by_name(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=list(wrong)[-1]):
        HorizontalSettings(**wrong)


@settings(
    max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
@given(
    values=st.lists(
        st.lists(st.none() | st.floats(allow_nan=True, allow_infinity=True), max_size=6),
        max_size=40,
    ),
    starting=st.integers(0, 5),
    least=st.integers(1, 4),
    more=st.integers(0, 20),
    running=st.integers(0, 30),
)
def test_bounds_hold_whatever_the_replicas_tell(
    values: list[list[float | None]], starting: int, least: int, more: int, running: int
) -> None:
    asked = HorizontalSettings(target=3, min_scale=least, max_scale=least + more)
    autoscaler = HorizontalAutoscaler(asked, 0, running=running)
    for tick, told in enumerate(values, start=1):
        decision = autoscaler.decide(15 * tick, told, starting)
        assert least <= decision.replicas <= least + more
        assert decision.replicas == autoscaler.replicas


@pytest.mark.parametrize(("value", "wanted"), [(1.7e308, 4), (-1.7e308, 1)])
def test_values_whose_sum_is_beyond_numbers_are_as_good_as_any(value: float, wanted: int) -> None:
    scaler = HorizontalAutoscaler(
        HorizontalSettings(target=5, max_scale=9, downscale_stabilization_s=0), 0, running=2
    )
    assert scaler.decide(15, [value] * 2).replicas == wanted
