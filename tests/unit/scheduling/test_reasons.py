"""Why something waits, for whom, and what would help."""

from tests.unit.scheduling.building import GIB, node, queue, running, workload
from windlass.scheduling import (
    WHOLE_DEVICE,
    Changes,
    Quota,
    ReasonCode,
    Request,
    Resource,
    Snapshot,
    plan,
    what_if,
)

GPU = WHOLE_DEVICE


def test_over_the_limit_of_the_project_then_of_the_department() -> None:
    queues = (queue("d", 8, limit=3), queue("p", 8, parent="d", limit=2, created_at=1.0))
    holds = running("holds", ("n", 0), ("n", 1), queue="p")
    wants = workload("wants", Request(devices=1), queue="p")
    reason = plan(Snapshot((node("n", gpus=8),), (holds, wants), queues)).pending[0].reasons[0]
    assert reason.code is ReasonCode.OVER_LIMIT
    assert (reason.queue_id, reason.resource) == ("p", Resource.GPU)
    assert (reason.asked, reason.free, reason.total) == (GPU, 0, 2 * GPU)
    assert reason.waits_for == ("holds",)
    assert reason.message == (
        "Asks for 1 GPU, but the limit of queue p is 2 GPUs, of which 2 GPUs are in use."
    )
    more = workload("more", Request(devices=2), queue="p")
    wide = (queues[0], queue("p", 8, parent="d", created_at=1.0))
    reason = plan(Snapshot((node("n", gpus=8),), (holds, more), wide)).pending[0].reasons[0]
    assert reason.queue_id == "d"


def test_non_preemptible_over_quota_names_the_holders() -> None:
    queues = (queue("p", 2),)
    holds = running("holds", ("n", 0), ("n", 1), queue="p")
    wants = workload("wants", Request(devices=1), queue="p")
    snapshot = Snapshot((node("n", gpus=4),), (holds, wants), queues)
    reason = plan(snapshot).pending[0].reasons[0]
    assert reason.code is ReasonCode.NON_PREEMPTIBLE_OVER_QUOTA
    assert reason.waits_for == ("holds",)


def test_limits_and_quotas_of_cpu_and_memory_hold_like_those_of_gpus() -> None:
    queues = (
        queue("d", None, cpu=Quota(limit=4000)),
        queue("p", None, parent="d", created_at=1.0, memory=Quota(deserved=GIB)),
    )
    fits = workload("fits", Request(cpu_millicores=3000, memory_bytes=GIB), queue="p")
    cpu = workload("cpu", Request(cpu_millicores=2000), queue="p", submitted_at=1.0)
    memory = workload("memory", Request(memory_bytes=1), queue="p", submitted_at=1.0)
    decided = plan(Snapshot((node("n"),), (fits, cpu, memory), queues))
    assert set(decided.placements) == {"fits-0"}
    reasons = {pending.workload_id: pending.reasons[0] for pending in decided.pending}
    over_limit, over_quota = reasons["cpu"], reasons["memory"]
    assert (over_limit.code, over_limit.resource) == (ReasonCode.OVER_LIMIT, Resource.CPU)
    assert (over_limit.queue_id, over_limit.free, over_limit.total) == ("d", 1000, 4000)
    assert over_quota.code is ReasonCode.NON_PREEMPTIBLE_OVER_QUOTA
    assert (over_quota.resource, over_quota.queue_id) == (Resource.MEMORY, "p")


def test_a_project_without_a_share_of_the_pool_is_told_so() -> None:
    wants = workload("wants", Request(devices=1), queue="stranger")
    reason = plan(Snapshot((node("n", gpus=4),), (wants,), (queue("p", 2),))).pending[0].reasons[0]
    assert reason.code is ReasonCode.NO_QUEUE


def test_what_has_no_room_waits_for_the_fewest_that_would_have_to_end() -> None:
    one = running("one", ("a", 0), ("a", 1))
    two = running("two", ("b", 0), gpus=2)
    wants = workload("wants", Request(devices=2))
    nodes = (node("a", gpus=2), node("b", gpus=2))
    reason = plan(Snapshot(nodes, (one, two, wants))).pending[0].reasons[0]
    assert reason.code is ReasonCode.NO_ROOM
    assert reason.waits_for in (("one",), ("two",))


def test_what_if_a_workload_came() -> None:
    low = running("low", ("n", 0), preemptible=True)
    snapshot = Snapshot((node("n", gpus=1),), (low,))
    urgent = workload("urgent", Request(devices=1), priority=90)
    outcome = what_if(snapshot, Changes(add_workloads=(urgent,)))
    assert set(outcome.plan.placements) == {"urgent-0"}
    assert outcome.newly_waiting == ("low",)


def test_what_if_a_node_went_and_another_came() -> None:
    on_a = running("on-a", ("a", 0))
    snapshot = Snapshot((node("a", gpus=1), node("b")), (on_a,))
    gone = what_if(snapshot, Changes(remove_nodes=frozenset({"a"})))
    assert gone.newly_waiting == ("on-a",)
    replaced = what_if(
        snapshot, Changes(remove_nodes=frozenset({"a"}), add_nodes=(node("c", gpus=1),))
    )
    assert replaced.plan.placements["on-a-0"].node == "c"
    assert replaced.newly_waiting == ()


def test_what_if_a_quota_were_raised_or_a_workload_ended() -> None:
    holds = running("holds", ("n", 0), queue="p")
    waits = workload("waits", Request(devices=1), queue="p")
    snapshot = Snapshot((node("n", gpus=2),), (holds, waits), (queue("p", 1),))
    assert what_if(snapshot, Changes(add_queues=(queue("p", 2),))).newly_running == ("waits",)
    ended = what_if(snapshot, Changes(remove_workloads=frozenset({"holds"})))
    assert ended.newly_running == ("waits",)
    without = what_if(snapshot, Changes(remove_queues=frozenset({("default", "p")})))
    assert without.newly_running == ("waits",)
