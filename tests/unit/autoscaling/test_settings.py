"""What a revision may ask for, and the target that follows from it.

Targets and panic windows marked so have the numbers of Knative Serving v0.50,
`pkg/reconciler/autoscaling/resources/{target,metric}_test.go`.
"""

import math
from typing import Any

import pytest

from windlass.autoscaling import Metric, Settings, Target, resolve_target

CONCURRENCY = Metric.CONCURRENCY
THROUGHPUT = Metric.THROUGHPUT


@pytest.mark.parametrize(
    ("metric", "threshold", "percentage", "hard_limit", "target", "total"),
    [
        pytest.param(CONCURRENCY, None, 100, 0, 100, 100, id="defaults (published)"),
        pytest.param(CONCURRENCY, None, 80, 0, 80, 100, id="of the default (published)"),
        pytest.param(CONCURRENCY, None, 75, 12, 9, 12, id="of the hard limit (published)"),
        pytest.param(CONCURRENCY, None, 80, 1, 0.8, 1, id="limit of one (published)"),
        pytest.param(CONCURRENCY, 1, 0.1, 0, 0.01, 1, id="never below 0.01 (published)"),
        pytest.param(CONCURRENCY, 10, 75, 0, 7.5, 10, id="of the threshold (published)"),
        pytest.param(CONCURRENCY, 1, 100, 10, 1, 1, id="threshold below limit (published)"),
        pytest.param(CONCURRENCY, 10, 100, 1, 1, 1, id="threshold above limit (published)"),
        pytest.param(CONCURRENCY, 500, 100, 0, 500, 500, id="above the default (published)"),
        pytest.param(THROUGHPUT, None, 70, 1, 140, 200, id="requests a second (published)"),
        pytest.param(THROUGHPUT, 1, 70, 0, 0.7, 1, id="one a second (published)"),
        pytest.param(THROUGHPUT, 300, 70, 5, 210, 300, id="hard limit aside (published)"),
    ],
)
def test_target(
    metric: Metric,
    threshold: float | None,
    percentage: float,
    hard_limit: int,
    target: float,
    total: float,
) -> None:
    found = resolve_target(metric, threshold, percentage, hard_limit)
    assert found.value == pytest.approx(target)
    assert found.total == total


def test_seventy_percent_are_aimed_at_unless_said_otherwise() -> None:
    assert resolve_target(CONCURRENCY, 10) == Target(7, 10)


@pytest.mark.parametrize(
    ("stable_window_s", "percentage", "panic_window_s"),
    [
        pytest.param(60, 10, 6, id="default (published)"),
        pytest.param(10, 10, 1, id="at least a second (published)"),
        pytest.param(6, 1, 1, id="at least a second, rounded up"),
        pytest.param(600, 10, 60, id="longer (published)"),
        pytest.param(60, 51, 31, id="rounded (published)"),
        pytest.param(15, 10, 2, id="half a second rounds up"),
    ],
)
def test_panic_window(stable_window_s: int, percentage: float, panic_window_s: int) -> None:
    settings = Settings(stable_window_s=stable_window_s, panic_window_percentage=percentage)
    assert settings.panic_window_s == panic_window_s


@pytest.mark.parametrize(
    "wrong",
    [
        {"min_scale": -1},
        {"initial_scale": -1},
        {"activation_scale": 0},
        {"max_scale": 0},
        {"min_scale": 3, "max_scale": 2},
        {"initial_scale": 3, "max_scale": 2},
        {"activation_scale": 3, "max_scale": 2},
        {"stable_window_s": 5},
        {"stable_window_s": 3601},
        {"panic_window_percentage": 0.1},
        {"panic_window_percentage": 110.0},
        {"panic_threshold": 1.0},
        {"panic_threshold": math.inf},
        {"max_scale_up_rate": 1.0},
        {"max_scale_down_rate": 0.9},
        {"max_scale_down_rate": math.nan},
        {"scale_down_delay_s": -1},
        {"scale_down_delay_s": 3601},
        {"scale_to_zero_retention_s": 3601},
        {"scale_to_zero_grace_s": -1},
        {"activation_timeout_s": math.inf},
        {"target_burst_capacity": -2},
    ],
    ids=str,
)
def test_settings_out_of_range_are_refused_by_name(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="|".join(wrong)):
        Settings(**wrong)


@pytest.mark.parametrize(("value", "total"), [(0, 1), (1, 0), (math.nan, 1), (1, math.inf)])
def test_targets_that_no_replica_can_have_are_refused(value: float, total: float) -> None:
    with pytest.raises(ValueError, match="a target must be"):
        Target(value, total)
