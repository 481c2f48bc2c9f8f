"""Where the rules go round in circles, nobody is evicted for those on the way round.

Found by the property tests: queue `a` has no share of the GPUs and `b` a lower rank, and each
claims CPU from the other in turn.
"""

from dataclasses import replace

from tests.unit.scheduling.building import evicted, node, queue, running, workload
from windlass.scheduling import (
    Placement,
    Pod,
    Request,
    Snapshot,
    Workload,
    carried_out,
    plan,
)
from windlass.scheduling.cycle import open_session, run_cycle

ONE_CORE = Request(cpu_millicores=1000)


def on_node(name: str, queue_id: str, submitted_at: float) -> Workload:
    pod = Pod(f"{name}-0", ONE_CORE, Placement("n"))
    return Workload(name, (pod,), queue=queue_id, preemptible=True, submitted_at=submitted_at)


CIRCLE = Snapshot(
    nodes=(node("n", gpus=4, cores=4),),
    queues=(
        queue("d", 3),
        queue("a", 0, parent="d", created_at=1.0),
        queue("b", 2, parent="d", created_at=2.0, rank=90),
    ),
    workloads=(
        on_node("a-core", "a", 1.0),
        on_node("b-core", "b", 4.0),
        workload(
            "a-large",
            Request(devices=2, cpu_millicores=500),
            queue="a",
            preemptible=True,
            submitted_at=105.0,
        ),
        workload(
            "b-urgent",
            Request(devices=1),
            queue="b",
            priority=75,
            preemptible=True,
            submitted_at=105.0,
        ),
        workload(
            "b-fixed",
            Request(devices=1, cpu_millicores=1000),
            pods=2,
            min_members=1,
            queue="b",
            priority=100,
            submitted_at=104.0,
        ),
    ),
)


def test_the_rules_alone_evict_one_for_the_other_without_end() -> None:
    session = open_session(CIRCLE, "default")
    for each in CIRCLE.workloads:
        session.add(each)
    after = []
    for _ in range(6):
        run_cycle(session)
        after.append(session.places())
    assert after[0] == after[2] == after[4]
    assert after[1] == after[3] == after[5]
    taking_turns = {"a-large-0", "b-core-0"}
    assert taking_turns & set(after[0]) == {"a-large-0"}
    assert taking_turns & set(after[1]) == {"b-core-0"}


def test_a_plan_evicts_neither_and_stays_with_that() -> None:
    decided = plan(CIRCLE)
    assert decided.evictions == ()
    assert set(decided.placements) == {"b-fixed-0", "b-fixed-1", "b-urgent-0"}
    assert plan(carried_out(CIRCLE, decided)).is_empty


def test_claims_beside_the_circle_are_served() -> None:
    """A pair of workloads that would evict each other takes nothing from a third."""
    on_m = {"host": "m"}
    low = running("low", ("m", 0), queue="other", preemptible=True, node_labels=on_m)
    high = workload(
        "high", Request(devices=1), queue="other", priority=75, preemptible=True, node_labels=on_m
    )
    snapshot = replace(
        CIRCLE,
        nodes=(*CIRCLE.nodes, node("m", gpus=1, cores=0, labels=on_m)),
        queues=(*CIRCLE.queues, queue("other", 1, created_at=3.0)),
        workloads=(*CIRCLE.workloads, low, high),
    )
    decided = plan(snapshot)
    assert evicted(decided) == {"low-0"}
    assert "high-0" in decided.placements
