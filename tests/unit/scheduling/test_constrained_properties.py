"""What holds of every plan also with several pools, labels, taints, affinities and CPU quotas."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.scheduling import extra_pods
from tests.unit.scheduling.constrained import constrained, misplaced, over_bounds_by_pool
from tests.unit.scheduling.snapshots import (
    below_minimum,
    for_nobody,
    oversubscribed,
    places_after,
    shuffled,
)
from windlass.scheduling import Snapshot, carried_out, plan, remedies
from windlass.scheduling.what_if import apply, served

EXAMPLES = settings(
    max_examples=100,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def check_soundness(snapshot: Snapshot) -> None:
    decided = plan(snapshot)
    places = places_after(snapshot, decided)
    assert list(misplaced(snapshot, places)) == []
    assert oversubscribed(snapshot, places) == []
    assert list(over_bounds_by_pool(snapshot, places)) == []
    assert below_minimum(snapshot, places) == []
    assert for_nobody(snapshot, decided) == []


@EXAMPLES
@given(constrained())
def test_every_pod_is_where_it_may_be_and_all_bounds_hold_in_every_pool(
    snapshot: Snapshot,
) -> None:
    check_soundness(snapshot)


@EXAMPLES
@given(constrained())
def test_a_plan_carried_out_and_planned_again_is_empty(snapshot: Snapshot) -> None:
    assert plan(carried_out(snapshot, plan(snapshot))).is_empty


@EXAMPLES
@given(constrained(), st.lists(st.integers(0, 100), min_size=3, max_size=7))
def test_the_order_of_the_snapshot_does_not_matter(snapshot: Snapshot, order: list[int]) -> None:
    assert plan(shuffled(snapshot, order)) == plan(snapshot)


@settings(EXAMPLES, max_examples=25)
@given(constrained())
def test_every_waiting_workload_has_a_remedy(snapshot: Snapshot) -> None:
    decided = plan(snapshot)
    runs = served(snapshot, decided)
    for pending in [item for item in decided.pending if item.workload_id not in runs][:2]:
        found = remedies(snapshot, pending.workload_id, decided)
        assert found, pending
        for remedy in found:
            changed = apply(snapshot, remedy.changes)
            assert pending.workload_id in served(changed, plan(changed)), remedy


@settings(EXAMPLES, max_examples=15)
@given(constrained())
def test_every_extra_pod_that_waits_has_a_remedy(snapshot: Snapshot) -> None:
    extra_pods.require_remedies(snapshot)


@pytest.mark.long
@settings(EXAMPLES, max_examples=2000)
@given(constrained())
def test_all_of_it_on_many_more_snapshots(snapshot: Snapshot) -> None:
    check_soundness(snapshot)
    assert plan(carried_out(snapshot, plan(snapshot))).is_empty
