"""Several node pools: each with its own nodes, queues and settings."""

from tests.unit.scheduling.building import node, queue, running, workload
from windlass.scheduling import ReasonCode, Request, Snapshot, plan

BOTH = ("default", "other")
NODES = (node("a", gpus=1), node("b", gpus=2, pool="other"))


def test_a_workload_takes_the_first_of_its_pools_that_has_room() -> None:
    first = workload("first", Request(devices=1), pools=BOTH)
    second = workload("second", Request(devices=1), pools=BOTH, submitted_at=1.0)
    placements = plan(Snapshot(NODES, (first, second))).placements
    assert (placements["first-0"].node, placements["second-0"].node) == ("a", "b")


def test_who_is_evicted_in_one_pool_runs_on_in_the_next() -> None:
    low = running("low", ("a", 0), preemptible=True, pools=BOTH)
    high = workload("high", Request(devices=1), priority=75)
    decided = plan(Snapshot(NODES, (low, high)))
    assert decided.placements["low-0"].node == "b"
    (eviction,) = decided.evictions
    assert eviction.moves


def test_every_pool_has_its_own_reason() -> None:
    queues = (queue("p", 4), queue("p", 4, pool="other", limit=0))
    wants = workload("wants", Request(devices=2), queue="p", pools=BOTH)
    (pending,) = plan(Snapshot(NODES, (wants,), queues)).pending
    assert [(reason.pool, reason.code) for reason in pending.reasons] == [
        ("default", ReasonCode.NO_ROOM),
        ("other", ReasonCode.OVER_LIMIT),
    ]


def test_a_pod_of_a_project_that_lost_its_share_keeps_its_place() -> None:
    stays = running("stays", ("a", 0), queue="gone")
    wants = workload("wants", Request(devices=1), queue="p")
    decided = plan(Snapshot(NODES[:1], (stays, wants), (queue("p", 4),)))
    assert decided.is_empty


def test_a_pod_on_a_node_that_is_gone_holds_nothing() -> None:
    lost = running("lost", ("gone", 0))
    wants = workload("wants", Request(devices=1))
    assert set(plan(Snapshot(NODES[:1], (lost, wants))).placements) == {"wants-0"}
