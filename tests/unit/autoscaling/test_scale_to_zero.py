"""Bounds, and how the last replica goes.

Cases marked "published" have the numbers of Knative Serving v0.50,
`pkg/reconciler/autoscaling/kpa/scaler_test.go`: a stable window of 60 seconds, a grace of 30.
"""

from dataclasses import replace
from typing import Any

import pytest

from windlass.autoscaling import Reason, Settings
from windlass.autoscaling.bounds import active_threshold, scale_bounds
from windlass.autoscaling.scale_to_zero import Activity, ScaleToZero

ACTIVATING, ACTIVE, INACTIVE = Activity.ACTIVATING, Activity.ACTIVE, Activity.INACTIVE
TIMEOUT_S = 630.0


@pytest.mark.parametrize(
    ("changed", "initialized", "wanted", "bounded"),
    [
        pytest.param({"min_scale": 2}, True, 0, 2, id="minimum (published)"),
        pytest.param(
            {"min_scale": 2, "reachable": False}, True, 0, 0, id="unreachable (published)"
        ),
        pytest.param({}, True, 10, 10, id="no maximum (published)"),
        pytest.param({"max_scale": 8}, True, 10, 8, id="maximum (published)"),
        pytest.param({"max_scale": 8, "reachable": False}, True, 10, 8, id="always a maximum"),
        pytest.param({"initial_scale": 2}, True, 0, 0, id="initial scale attained (published)"),
        pytest.param({"initial_scale": 2}, False, 1, 2, id="initial scale (published)"),
        pytest.param({"initial_scale": 5}, False, 1, 5, id="initial scale of five (published)"),
        pytest.param(
            {"initial_scale": 2, "reachable": False},
            False,
            0,
            0,
            id="initial, unreachable (published)",
        ),
        pytest.param({"initial_scale": 1}, False, 0, 0, id="an initial scale of one holds nothing"),
        pytest.param(
            {"initial_scale": 2, "min_scale": 3}, False, 1, 3, id="the greater of the two"
        ),
    ],
)
def test_bounds(changed: dict[str, Any], initialized: bool, wanted: int, bounded: int) -> None:
    settings = replace(Settings(min_scale=0), **changed)
    assert scale_bounds(settings, initialized).apply(wanted) == bounded


@pytest.mark.parametrize(
    ("changed", "initialized", "threshold"),
    [
        ({"min_scale": 3}, True, 3),
        ({"min_scale": 0}, True, 1),
        ({"min_scale": 3, "reachable": False}, True, 1),
        ({"min_scale": 3, "initial_scale": 5}, False, 5),
        ({"min_scale": 0, "initial_scale": 0}, False, 0),
    ],
)
def test_how_many_ready_make_a_revision_active(
    changed: dict[str, Any], initialized: bool, threshold: int
) -> None:
    assert active_threshold(Settings(**changed), initialized) == threshold


@pytest.mark.parametrize(
    ("activity", "elapsed", "running", "changed", "kept", "reason"),
    [
        pytest.param(
            *(ACTIVE, 59, 1, {}, 1, Reason.RECENTLY_ACTIVATED), id="just woken (published)"
        ),
        pytest.param(
            *(ACTIVE, 59, 10, {}, 1, Reason.RECENTLY_ACTIVATED), id="ten, just woken (published)"
        ),
        pytest.param(
            *(ACTIVE, 19, 1, {"stable_window_s": 20}, 1, Reason.RECENTLY_ACTIVATED),
            id="own window (published)",
        ),
        pytest.param(
            *(ACTIVE, 20, 1, {"stable_window_s": 20}, 1, Reason.LAST_REPLICA),
            id="own window over (published)",
        ),
        pytest.param(*(ACTIVE, 60, 1, {}, 1, Reason.LAST_REPLICA), id="idle now (published)"),
        pytest.param(*(INACTIVE, 29, 1, {}, 1, Reason.LAST_REPLICA), id="in grace (published)"),
        pytest.param(*(INACTIVE, 30, 1, {}, 0, Reason.NO_TRAFFIC), id="after grace (published)"),
        pytest.param(
            *(INACTIVE, 30, 1, {"scale_to_zero_retention_s": 60}, 1, Reason.LAST_REPLICA),
            id="retained (published)",
        ),
        pytest.param(
            *(INACTIVE, 59, 1, {"scale_to_zero_retention_s": 60}, 1, Reason.LAST_REPLICA),
            id="retained to the end",
        ),
        pytest.param(
            *(INACTIVE, 60, 1, {"scale_to_zero_retention_s": 60}, 0, Reason.NO_TRAFFIC),
            id="after retention",
        ),
        pytest.param(
            *(INACTIVE, 30, 1, {"scale_to_zero_retention_s": 30}, 0, Reason.NO_TRAFFIC),
            id="retention no longer than grace (published)",
        ),
        pytest.param(
            *(INACTIVE, 30, 1, {"scale_to_zero_retention_s": 300, "reachable": False}),
            *(0, Reason.NO_TRAFFIC),
            id="unreachable is not retained (published)",
        ),
        pytest.param(
            *(INACTIVE, 29, 1, {"scale_to_zero_retention_s": 300, "reachable": False}),
            *(1, Reason.LAST_REPLICA),
            id="unreachable has its grace (published)",
        ),
        pytest.param(
            *(ACTIVATING, TIMEOUT_S / 2, 3, {}, 3, Reason.ACTIVATING), id="starting (published)"
        ),
        pytest.param(
            *(ACTIVATING, TIMEOUT_S, 3, {}, 0, Reason.ACTIVATION_TIMEOUT),
            id="never became ready (published)",
        ),
        pytest.param(
            *(ACTIVATING, 36, 3, {"activation_timeout_s": 35}, 0, Reason.ACTIVATION_TIMEOUT),
            id="own time-out (published)",
        ),
        pytest.param(*(INACTIVE, 0, 0, {}, 0, Reason.NO_TRAFFIC), id="nothing to keep (published)"),
    ],
)
def test_without_traffic(
    activity: Activity,
    elapsed: float,
    running: int,
    changed: dict[str, Any],
    kept: int,
    reason: Reason,
) -> None:
    settings = replace(Settings(min_scale=0, activation_timeout_s=TIMEOUT_S), **changed)
    scale_to_zero = ScaleToZero(activity, 1000)
    assert scale_to_zero.apply(0, running, settings, 1000 + elapsed) == (kept, reason)


@pytest.mark.parametrize("activity", list(Activity))
def test_what_traffic_wants_it_gets(activity: Activity) -> None:
    assert ScaleToZero(activity, 0).apply(10, 1, Settings(min_scale=0), 5) == (10, None)


def test_grace_begins_when_the_revision_is_found_idle() -> None:
    settings = Settings(min_scale=0)
    scale_to_zero = ScaleToZero(ACTIVE, 0)
    kept = {}
    for now in (100, 129, 130):
        kept[now], _ = scale_to_zero.apply(0, 1, settings, now)
        scale_to_zero.observe(0, 1, 1, now)
    assert kept == {100: 1, 129: 1, 130: 0}


def test_a_request_in_the_grace_period_begins_it_all_again() -> None:
    settings = Settings(min_scale=0)
    scale_to_zero = ScaleToZero(INACTIVE, 0)
    scale_to_zero.observe(1, 1, 1, 29)
    assert scale_to_zero.apply(0, 1, settings, 88) == (1, Reason.RECENTLY_ACTIVATED)
    assert scale_to_zero.apply(0, 1, settings, 89) == (1, Reason.LAST_REPLICA)
    assert scale_to_zero.apply(0, 1, settings, 118) == (1, Reason.LAST_REPLICA)
    assert scale_to_zero.apply(0, 1, settings, 119) == (0, Reason.NO_TRAFFIC)


def test_a_replica_that_starts_again_is_waited_for() -> None:
    settings = Settings(min_scale=0, activation_timeout_s=100)
    scale_to_zero = ScaleToZero(ACTIVE, 0)
    scale_to_zero.observe(1, 0, 1, 200)
    assert scale_to_zero.apply(0, 1, settings, 299) == (1, Reason.ACTIVATING)
    scale_to_zero.observe(0, 1, 1, 299)
    assert scale_to_zero.apply(0, 1, settings, 300) == (1, Reason.RECENTLY_ACTIVATED)


@pytest.mark.parametrize("ready", [0, 1])
@pytest.mark.parametrize("activity", [ACTIVE, INACTIVE])
def test_silence_is_measured_anew_after_a_time_without_data(activity: Activity, ready: int) -> None:
    scale_to_zero = ScaleToZero(activity, 0)
    scale_to_zero.lose_sight(1, ready, 1, 500)
    kept, reason = scale_to_zero.apply(0, 1, Settings(min_scale=0), 559)
    assert kept == 1
    assert reason is (Reason.RECENTLY_ACTIVATED if ready else Reason.ACTIVATING)
