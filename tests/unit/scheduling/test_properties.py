"""What holds of every plan, on random snapshots in which some workloads run and others wait."""

from random import Random

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.unit.scheduling.snapshots import (
    Maker,
    below_minimum,
    busy,
    for_nobody,
    over_bounds,
    oversubscribed,
    places_after,
    shuffled,
    without_need,
)
from windlass.scheduling import Snapshot, carried_out, plan

EXAMPLES = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def check_soundness(snapshot: Snapshot) -> None:
    decided = plan(snapshot)
    places = places_after(snapshot, decided)
    assert oversubscribed(snapshot, places) == []
    assert over_bounds(snapshot, places) == []
    assert below_minimum(snapshot, places) == []
    assert without_need(snapshot, decided) == []
    assert for_nobody(snapshot, decided) == []
    assert plan(carried_out(snapshot, decided)).is_empty


@EXAMPLES
@given(busy())
def test_nothing_is_oversubscribed(snapshot: Snapshot) -> None:
    assert oversubscribed(snapshot, places_after(snapshot, plan(snapshot))) == []


@EXAMPLES
@given(busy())
def test_limits_and_quota_of_non_preemptible_work_hold_at_every_level(snapshot: Snapshot) -> None:
    assert over_bounds(snapshot, places_after(snapshot, plan(snapshot))) == []


@EXAMPLES
@given(busy())
def test_no_workload_runs_in_part(snapshot: Snapshot) -> None:
    assert below_minimum(snapshot, places_after(snapshot, plan(snapshot))) == []


@EXAMPLES
@example(Maker(Random(3033)).busy())
@example(Maker(Random(4477656)).busy())
@given(busy())
def test_nobody_is_evicted_who_could_have_stayed(snapshot: Snapshot) -> None:
    assert without_need(snapshot, plan(snapshot)) == []


@EXAMPLES
@example(Maker(Random(810361)).busy())
@example(Maker(Random(810391)).busy())
@given(busy())
def test_every_eviction_is_for_somebody_who_runs(snapshot: Snapshot) -> None:
    assert for_nobody(snapshot, plan(snapshot)) == []


@EXAMPLES
@example(Maker(Random(3000096)).busy())
@given(busy())
def test_a_plan_carried_out_and_planned_again_is_empty(snapshot: Snapshot) -> None:
    assert plan(carried_out(snapshot, plan(snapshot))).is_empty


@EXAMPLES
@given(busy(), st.lists(st.integers(0, 100), min_size=3, max_size=7))
def test_the_order_of_the_snapshot_does_not_matter(snapshot: Snapshot, order: list[int]) -> None:
    assert plan(shuffled(snapshot, order)) == plan(snapshot)


@pytest.mark.long
@settings(EXAMPLES, max_examples=5000)
@given(busy())
def test_all_of_it_on_many_more_snapshots(snapshot: Snapshot) -> None:
    check_soundness(snapshot)
