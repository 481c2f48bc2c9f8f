"""More capacity and the work that runs: what it never takes away, and what it has to.

Not every running workload can be safe from more capacity. A plan knows the nodes there are, not
which of them is new, and others' rights reach as far as the nodes do: with another node a gang of
higher priority, or one that its quota guarantees, may fit if one more workload gives way. Whoever
refused it that would break quota and priority for as long as the node is there. The tests below
that `take` show each such right on the smallest cluster; the others show what holds always.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.scheduling.building import evicted, node, queue, running, workload
from tests.unit.scheduling.snapshots import Maker, busy, places_before
from windlass.scheduling import (
    WHOLE_DEVICE,
    Action,
    Node,
    Queue,
    Request,
    Snapshot,
    Workload,
    carried_out,
    plan,
)
from windlass.scheduling.what_if import served

EXAMPLES = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
NEW_NODES = st.integers(0, 2**32).map(lambda seed: Maker(Random(seed)).nodes())


def settled(snapshot: Snapshot) -> Snapshot:
    return carried_out(snapshot, plan(snapshot))


def with_nodes(snapshot: Snapshot, new: Iterable[Node]) -> Snapshot:
    added = tuple(replace(each, name=f"new-{each.name}") for each in new)
    return replace(snapshot, nodes=snapshot.nodes + added)


def gpus_asked(made: Workload) -> int:
    """In millionths; device memory counts as the part of an 80 GiB device that it is."""
    request = made.pods[0].request
    part = request.portion
    if request.device_memory_bytes is not None:
        part = request.device_memory_bytes * WHOLE_DEVICE // (80 * 1024**3)
    return len(made.pods) * request.devices * part


def asked_by_queue(snapshot: Snapshot) -> Mapping[str, int]:
    parents = {each.id: each.parent for each in snapshot.queues}
    asked = dict.fromkeys(parents, 0)
    for made in snapshot.workloads:
        at: str | None = made.queue
        while at is not None:
            asked[at] += gpus_asked(made)
            at = parents[at]
    return asked


def guaranteed_queues(snapshot: Snapshot) -> set[str]:
    """Queues that, like all above them, ask for no more than they deserve."""
    asked = asked_by_queue(snapshot)
    by_id = {each.id: each for each in snapshot.queues}

    def is_guaranteed(at: Queue) -> bool:
        deserved = at.gpu.deserved
        return (deserved is None or asked[at.id] <= deserved) and (
            at.parent is None or is_guaranteed(by_id[at.parent])
        )

    return {each.id for each in snapshot.queues if is_guaranteed(each)}


def with_limits_for_all(snapshot: Snapshot) -> Snapshot:
    """The snapshot with limits raised to what is asked below them."""
    asked = asked_by_queue(snapshot)

    def raised(made: Queue) -> Queue:
        limit = made.gpu.limit
        wide = None if limit is None else max(limit, asked[made.id])
        return replace(made, gpu=replace(made.gpu, limit=wide))

    return replace(snapshot, queues=tuple(map(raised, snapshot.queues)))


@EXAMPLES
@given(busy(), NEW_NODES)
def test_work_within_its_quota_is_lost_to_higher_priority_in_its_project_only(
    snapshot: Snapshot, new: tuple[Node, ...]
) -> None:
    before = settled(snapshot)
    decided = plan(with_nodes(before, new))
    guaranteed = guaranteed_queues(before)
    by_id = {made.id: made for made in before.workloads}
    for eviction in decided.evictions:
        victim = by_id[eviction.workload_id]
        if victim.queue in guaranteed and not eviction.moves:
            assert eviction.cause.action is Action.PREEMPT, eviction
            assert eviction.cause.beneficiary is not None
            claimant = by_id[eviction.cause.beneficiary]
            assert claimant.queue == victim.queue
            assert claimant.priority > victim.priority


@EXAMPLES
@given(busy(), NEW_NODES)
def test_who_is_taken_away_makes_room_for_one_that_could_not_run_before(
    snapshot: Snapshot, new: tuple[Node, ...]
) -> None:
    before = settled(snapshot)
    after = with_nodes(before, new)
    runs_before, runs_after = served(before, plan(before)), served(after, plan(after))
    assert runs_before <= runs_after or runs_after - runs_before


@EXAMPLES
@given(busy(), NEW_NODES)
def test_every_pod_that_is_evicted_or_moved_makes_room_for_one_that_waited(
    snapshot: Snapshot, new: tuple[Node, ...]
) -> None:
    before = settled(snapshot)
    decided = plan(with_nodes(before, new))
    started = set(decided.placements) - set(places_before(before))
    by_id = {made.id: made for made in before.workloads}
    for eviction in decided.evictions:
        claimant = eviction.passed_on_to or eviction.cause.beneficiary
        assert claimant is not None
        assert started & {pod.id for pod in by_id[claimant].pods}, eviction


@EXAMPLES
@given(busy())
def test_room_for_all_that_waits_takes_nobody_away(snapshot: Snapshot) -> None:
    before = settled(with_limits_for_all(snapshot))
    largest = max(before.nodes, key=lambda each: len(each.devices))
    new = [
        replace(largest, name=str(index), cpu_millicores=10**9, memory_bytes=10**15)
        for index in range(sum(len(made.pods) for made in before.workloads))
    ]
    after = with_nodes(before, new)
    assert served(before, plan(before)) <= served(after, plan(after))


@EXAMPLES
@given(busy(), NEW_NODES)
def test_where_nobody_waits_nothing_changes(snapshot: Snapshot, new: tuple[Node, ...]) -> None:
    decided = plan(snapshot)
    waiting = {pending.workload_id for pending in decided.pending}
    kept = tuple(made for made in snapshot.workloads if made.id not in waiting)
    before = settled(replace(snapshot, workloads=kept))
    if not plan(before).pending:
        assert plan(with_nodes(before, new)).is_empty


ONE, TWO = (node("n0", gpus=1),), (node("n0", gpus=1), node("n1", gpus=1))
LOW = running("low", ("n0", 0), queue="a", preemptible=True)


def gang(queue_id: str, **more: object) -> Workload:
    return workload("gang", Request(devices=1), pods=2, queue=queue_id, preemptible=True, **more)


@pytest.mark.parametrize(
    ("claimant", "queues"),
    [
        pytest.param(gang("a", priority=75), (queue("a", 2),), id="priority"),
        pytest.param(gang("b"), (queue("a", 0), queue("b", 2, created_at=1.0)), id="quota"),
        pytest.param(
            gang("b"),
            (queue("a", 0, weight=0.0), queue("b", 0, weight=1.0, created_at=1.0)),
            id="fair share",
        ),
    ],
)
def test_a_gang_that_fits_with_one_more_node_takes_what_is_its_right(
    claimant: Workload, queues: tuple[Queue, ...]
) -> None:
    before = Snapshot(ONE, (LOW, claimant), queues)
    assert plan(before).is_empty
    assert evicted(plan(replace(before, nodes=TWO))) == {"low-0"}


def test_a_limit_lets_more_urgent_work_take_the_place_of_less_urgent() -> None:
    urgent = workload("urgent", Request(devices=2), queue="a", priority=75)
    before = Snapshot(ONE, (LOW, urgent), (queue("a", 2, limit=2),))
    assert plan(before).is_empty
    after = replace(before, nodes=(*ONE, node("n1", gpus=2)))
    assert evicted(plan(after)) == {"low-0"}
    unlimited = replace(after, queues=(queue("a", 2),))
    assert set(plan(unlimited).placements) == {"urgent-0"}
    assert plan(unlimited).evictions == ()


def test_a_workload_beside_takes_its_project_over_its_share_and_so_lays_it_open() -> None:
    """What the new node takes of `a` counts for all of `a`, also for what ran before."""
    queues = (queue("a", 2, weight=0.0), queue("b", 2, weight=0.0, created_at=1.0))
    wide = running("wide", ("n0", 0), gpus=2, queue="a", preemptible=True)
    beside = workload("beside", Request(devices=1), queue="a", preemptible=True)
    claimant = workload("claimant", Request(devices=2), queue="b", preemptible=True)
    before = Snapshot((node("n0", gpus=2),), (wide, beside, claimant), queues)
    assert plan(before).is_empty
    after = replace(before, nodes=(*before.nodes, node("n1", gpus=1)))
    decided = plan(after)
    assert evicted(decided) == {"wide-0"}
    assert set(decided.placements) == {"beside-0", "claimant-0"}
