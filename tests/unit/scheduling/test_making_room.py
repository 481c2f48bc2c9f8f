"""Who has to give way for whom, and what they are told."""

import pytest

from tests.unit.scheduling.building import (
    DEVICE_MEMORY,
    evicted,
    moved,
    node,
    queue,
    running,
    workload,
)
from windlass.scheduling import (
    Action,
    DeviceShare,
    Placement,
    PlacementStrategy,
    Pod,
    Request,
    Settings,
    Snapshot,
    Workload,
    plan,
)

TWO_QUEUES = (queue("a", 2), queue("b", 2, created_at=1.0))


def test_higher_priority_preempts_lower_in_its_queue() -> None:
    low = running("low", ("n", 0), priority=50, preemptible=True)
    high = workload("high", Request(devices=1), priority=75)
    decided = plan(Snapshot((node("n", gpus=1),), (low, high)))
    assert evicted(decided) == {"low-0"}
    assert set(decided.placements) == {"high-0"}
    (eviction,) = decided.evictions
    assert eviction.cause.action is Action.PREEMPT
    assert eviction.cause.beneficiary == "high"
    assert eviction.message == (
        "Pod low-0 loses its place to workload high of the same queue, whose priority 75 is "
        "higher than 50."
    )


def test_equal_priority_and_what_is_not_preemptible_stay() -> None:
    same = running("same", ("n", 0), priority=75, preemptible=True)
    fixed = running("fixed", ("n", 1), priority=50)
    high = workload("high", Request(devices=1), priority=75)
    assert plan(Snapshot((node("n", gpus=2),), (same, fixed, high))).is_empty


def test_priority_does_not_reach_into_another_queue() -> None:
    low = running("low", ("n", 0), ("n", 1), min_members=1, preemptible=True, queue="a")
    high = workload("high", Request(devices=1), priority=150, queue="c")
    queues = (*TWO_QUEUES, queue("c", 0, weight=0.0, created_at=2.0))
    assert plan(Snapshot((node("n", gpus=2),), (low, high), queues)).is_empty


def test_a_queue_reclaims_its_share_from_one_above_its_own() -> None:
    taken = running("taken", *[("n", index) for index in range(4)], min_members=1)
    taken = Workload("taken", taken.pods, min_members=1, queue="a", preemptible=True)
    claim = workload("claim", Request(devices=1), pods=2, queue="b", preemptible=True)
    decided = plan(Snapshot((node("n", gpus=4),), (taken, claim), TWO_QUEUES))
    assert evicted(decided) == {"taken-2", "taken-3"}
    assert set(decided.placements) == {"claim-0", "claim-1"}
    cause = decided.evictions[0].cause
    assert cause.action is Action.RECLAIM
    assert [numbers.queue_id for numbers in cause.queues] == ["a", "b"]
    assert "Queue a held 4 GPUs, deserves 2 GPUs, and its fair share is 2 GPUs." in (
        decided.evictions[0].message
    )


def test_nobody_reclaims_beyond_its_own_share() -> None:
    taken = running("taken", *[("n", index) for index in range(4)], queue="a", preemptible=True)
    claim = workload("claim", Request(devices=3), queue="b", preemptible=True)
    assert plan(Snapshot((node("n", gpus=4),), (taken, claim), TWO_QUEUES)).is_empty


def test_departments_are_compared_before_projects() -> None:
    queues = (
        queue("d0", 4),
        queue("d1", 4, created_at=1.0),
        queue("d0-p", 1, parent="d0", created_at=2.0),
        queue("d1-p", 4, parent="d1", created_at=3.0),
    )
    above = running("above", *[("n", index) for index in range(4)], queue="d0-p", preemptible=True)
    other = running("other", *[("n", index) for index in range(4, 8)], queue="d1-p")
    claim = workload("claim", Request(devices=1), queue="d1-p")
    assert plan(Snapshot((node("n", gpus=8),), (above, other, claim), queues)).is_empty


def test_two_departments_without_any_share_do_not_take_from_each_other_without_end() -> None:
    queues = (
        queue("d0", 0, weight=0.0),
        queue("d1", 0, weight=0.0, created_at=1.0),
        queue("d0-p", 3, parent="d0", created_at=2.0),
        queue("d1-p", 3, parent="d1", created_at=3.0),
    )
    one = running("one", ("n", 0), queue="d0-p", preemptible=True)
    three = running("three", *[("n", index) for index in (1, 2, 3)], queue="d1-p")
    three = Workload("three", three.pods, min_members=1, queue="d1-p", preemptible=True)
    gang = workload("gang", Request(devices=1), pods=2, queue="d0-p", preemptible=True)
    assert plan(Snapshot((node("n", gpus=4),), (one, three, gang), queues)).is_empty


def test_work_behind_one_that_can_never_run_still_claims_its_share() -> None:
    taken = running("taken", *[("n", index) for index in range(4)], min_members=1)
    taken = Workload("taken", taken.pods, min_members=1, queue="a", preemptible=True)
    never = workload("never", Request(devices=8), queue="b", preemptible=True)
    small = workload("small", Request(devices=1), queue="b", preemptible=True, submitted_at=1.0)
    decided = plan(Snapshot((node("n", gpus=4),), (taken, never, small), TWO_QUEUES))
    assert set(decided.placements) == {"small-0"}


def test_extras_of_elastic_work_go_before_minimums_then_the_newest() -> None:
    elastic = running("elastic", ("n", 0), ("n", 1), min_members=1, preemptible=True)
    newest = running("newest", ("n", 2), preemptible=True, submitted_at=9.0)
    high = workload("high", Request(devices=1), priority=75)
    snapshot = Snapshot((node("n", gpus=3),), (elastic, newest, high))
    assert evicted(plan(snapshot)) == {"elastic-1"}
    without_extra = Workload("elastic", elastic.pods[:1], preemptible=True)
    snapshot = Snapshot((node("n", gpus=2),), (without_extra, _on(newest, 1), high))
    assert evicted(plan(snapshot)) == {"newest-0"}


def test_a_gang_at_its_minimum_goes_whole() -> None:
    gang = running("gang", ("n", 0), ("n", 1), preemptible=True)
    high = workload("high", Request(devices=1), priority=75)
    assert evicted(plan(Snapshot((node("n", gpus=2),), (gang, high)))) == {"gang-0", "gang-1"}


def test_what_waits_of_an_evicted_gang_does_not_run_alone() -> None:
    queues = (queue("a", 1), queue("b", 3, created_at=1.0))
    gang = running("gang", ("n", 0), ("n", 1))
    extra = Pod("gang-2", Request(devices=1))
    gang = Workload(
        "gang", (*gang.pods, extra), min_members=2, priority=75, queue="a", preemptible=True
    )
    low = running("low", ("n", 2), queue="a", preemptible=True)
    holds = running("holds", ("n", 3), queue="b")
    claim = workload("claim", Request(devices=2), queue="b", preemptible=True)
    decided = plan(Snapshot((node("n", gpus=4),), (gang, low, holds, claim), queues))
    assert evicted(decided) == {"gang-0", "gang-1"}
    assert set(decided.placements) == {"claim-0"}


def test_consolidation_moves_pods_so_that_free_devices_lie_together() -> None:
    left = running("left", ("a", 0), preemptible=True)
    right = running("right", ("b", 0), preemptible=True)
    large = workload("large", Request(devices=2), preemptible=True)
    decided = plan(Snapshot((node("a", gpus=2), node("b", gpus=2)), (left, right, large)))
    assert evicted(decided) == set()
    assert len(moved(decided)) == 1
    assert "large-0" in decided.placements
    assert decided.evictions[0].cause.action is Action.CONSOLIDATE
    assert "is moved to make room for workload large" in decided.evictions[0].message


def test_no_consolidation_for_work_that_is_not_preemptible_nor_where_pods_are_spread() -> None:
    left = running("left", ("a", 0), preemptible=True, priority=75)
    right = running("right", ("b", 0), preemptible=True, priority=75)
    nodes = (node("a", gpus=2), node("b", gpus=2))
    fixed = workload("large", Request(devices=2))
    assert plan(Snapshot(nodes, (left, right, fixed))).is_empty
    spread = {"default": Settings(gpu_strategy=PlacementStrategy.SPREAD)}
    large = workload("large", Request(devices=2), preemptible=True)
    assert plan(Snapshot(nodes, (left, right, large), settings=spread)).is_empty


def test_guaranteed_runtime_protects_the_minimum_but_not_extras() -> None:
    low = running("low", ("n", 0), ("n", 1), min_members=1, preemptible=True, started_at=100.0)
    high = workload("high", Request(devices=1), pods=2, priority=75)
    guaranteed = {"default": Settings(guaranteed_runtime=60.0)}
    nodes = (node("n", gpus=2),)
    early = Snapshot(nodes, (low, high), settings=guaranteed, now=159.0)
    assert plan(early).is_empty
    single = workload("high", Request(devices=1), priority=75)
    extra = Snapshot(nodes, (low, single), settings=guaranteed, now=159.0)
    assert evicted(plan(extra)) == {"low-1"}
    late = Snapshot(nodes, (low, high), settings=guaranteed, now=160.0)
    assert evicted(plan(late)) == {"low-0", "low-1"}


@pytest.mark.parametrize(("now", "gone"), [(159.0, set()), (160.0, {"gang-0"})])
def test_a_gang_left_in_part_is_evicted_after_its_grace(now: float, gone: set[str]) -> None:
    left = running("gang", ("n", 0))
    missing = Pod("gang-1", Request(devices=1))
    gang = Workload("gang", (*left.pods, missing), below_minimum_since=100.0)
    decided = plan(Snapshot((node("n", gpus=1),), (gang,), now=now))
    assert evicted(decided) == gone
    if gone:
        assert decided.evictions[0].cause.action is Action.STALE_GANG


def test_pods_that_stay_keep_their_devices() -> None:
    first = running("first", ("n", 0), preemptible=True, submitted_at=1.0)
    second = running("second", ("n", 1), preemptible=True, submitted_at=2.0)
    high = workload("high", Request(devices=1), priority=75)
    decided = plan(Snapshot((node("n", gpus=2),), (first, second, high)))
    assert evicted(decided) == {"second-0"}
    assert decided.placements["high-0"].devices[0].device_id == "n-gpu1"


def test_a_pod_that_comes_back_gets_its_own_device_again() -> None:
    newest = running("newest", ("n", 0), preemptible=True, submitted_at=9.0)
    wide = running("wide", ("n", 1), gpus=2, preemptible=True, submitted_at=1.0)
    high = workload("high", Request(devices=2), priority=75)
    decided = plan(Snapshot((node("n", gpus=3),), (newest, wide, high)))
    assert {eviction.pod_id for eviction in decided.evictions} == {"wide-0"}
    given = {share.device_id for share in decided.placements["high-0"].devices}
    assert given == {"n-gpu1", "n-gpu2"}


def test_at_its_limit_a_queue_still_preempts_within_itself() -> None:
    low = running("low", ("n", 0), preemptible=True, queue="a")
    high = workload("high", Request(devices=1), priority=75, queue="a", preemptible=True)
    limited = (queue("a", 1, limit=1),)
    assert evicted(plan(Snapshot((node("n", gpus=2),), (low, high), limited))) == {"low-0"}


def test_a_pod_that_moved_for_one_claim_is_still_counted_where_it_was_found_for_the_next() -> None:
    """`newest` moves from a to b for the first claim. For the second, b has as much to give as
    before: what runs there goes, and not the oldest, on c."""
    newest = running("newest", ("a", 0), preemptible=True, submitted_at=9.0)
    second = running("second", ("b", 0), preemptible=True, submitted_at=8.0)
    third = running("third", ("b", 1), preemptible=True, submitted_at=7.0)
    oldest = running("oldest", ("c", 0), gpus=2, preemptible=True)
    claims = [
        workload(f"claim{index}", Request(devices=2), priority=75, submitted_at=10.0 + index)
        for index in range(2)
    ]
    nodes = (node("a", gpus=2), node("b", gpus=3), node("c", gpus=2))
    decided = plan(Snapshot(nodes, (newest, second, third, oldest, *claims)))
    assert moved(decided) == {"newest-0"}
    assert evicted(decided) == {"second-0", "third-0"}


@pytest.mark.parametrize(("most", "gone"), [(1, set()), (2, set()), (3, {"oldest-0"})])
def test_no_more_sets_of_victims_are_tried_than_set(most: int, gone: set[str]) -> None:
    """Without the gang, a and b would have one device whole and half of one, tried in vain."""
    gang = running("gang", ("a", 0), ("b", 0), preemptible=True, submitted_at=9.0)
    half = [
        Workload(name, (Pod(name, Request(1, 500_000), Placement(on, (_half_of(on),))),))
        for name, on in (("half-a", "a"), ("half-b", "b"))
    ]
    oldest = running("oldest", ("c", 0), gpus=2, preemptible=True)
    claim = workload("claim", Request(devices=2), priority=75)
    nodes = tuple(node(name, gpus=2) for name in "abc")
    limited = {"default": Settings(most_scenarios=most)}
    decided = plan(Snapshot(nodes, (gang, *half, oldest, claim), settings=limited))
    assert evicted(decided) == gone


def _half_of(on: str) -> DeviceShare:
    return DeviceShare(f"{on}-gpu1", 500_000, DEVICE_MEMORY // 2)


def _on(moved_workload: Workload, index: int) -> Workload:
    placed = running(moved_workload.id, ("n", index), preemptible=True, submitted_at=9.0)
    assert isinstance(placed.pods[0].placement, Placement)
    return placed
