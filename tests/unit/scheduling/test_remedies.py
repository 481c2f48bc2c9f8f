"""What would make a waiting workload run."""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings

from tests.unit.scheduling import extra_pods
from tests.unit.scheduling.building import GIB, node, queue, running, workload
from tests.unit.scheduling.snapshots import busy
from windlass.scheduling import (
    AffinityType,
    LabelOperator,
    LabelRule,
    PodAffinity,
    RemedyKind,
    Request,
    Snapshot,
    Taint,
    plan,
    remedies,
)
from windlass.scheduling.what_if import apply, served


def offered(snapshot: Snapshot, workload_id: str = "wants") -> dict[tuple[str, ...], str]:
    """Messages by the kinds of change, each tried here again."""
    found = remedies(snapshot, workload_id)
    for remedy in found:
        changed = apply(snapshot, remedy.changes)
        assert workload_id in served(changed, plan(changed)), remedy
    return {tuple(map(str, remedy.kinds)): remedy.message for remedy in found}


def test_smaller_requests_fewer_pods_other_pools_and_more_nodes_are_offered() -> None:
    taken = running("taken", ("a", 0))
    wants = workload("wants", Request(devices=2), pods=2)
    nodes = (node("a", gpus=3), node("b", gpus=8, pool="other"))
    found = offered(Snapshot(nodes, (taken, wants)), "wants")
    assert found == {
        ("smaller-request",): ("It would run now with a smaller GPU request: 1 GPU for each pod."),
        ("fewer-together",): (
            "It would run now with 1 of its 2 pods, if these need not wait for the others."
        ),
        ("other-pool",): "It would run now in node pool other.",
        ("more-nodes",): "It would run now with 1 more node like a in node pool default.",
    }


def test_a_raised_limit_says_by_how_much_at_every_level() -> None:
    queues = (queue("d", 8, limit=2), queue("p", 8, parent="d", limit=2, created_at=1.0))
    holds = running("holds", ("n", 0), ("n", 1), queue="p")
    wants = workload("wants", Request(devices=2), queue="p")
    found = offered(Snapshot((node("n", gpus=8),), (holds, wants), queues), "wants")
    assert found[("raise-limit",)] == (
        "It would run now with a higher limit: of queue p to 4 GPUs, of queue d to 4 GPUs."
    )


def test_smaller_device_memory_is_offered_in_bytes() -> None:
    half = workload("half", Request(devices=1, device_memory_bytes=50 * GIB))
    wants = workload("wants", Request(devices=1, device_memory_bytes=40 * GIB), submitted_at=1.0)
    found = offered(Snapshot((node("n", gpus=1),), (half, wants)), "wants")
    assert "20 GiB of GPU memory for each pod" in found[("smaller-request",)]


def test_what_runs_needs_no_remedy_and_an_unknown_workload_is_an_error() -> None:
    snapshot = Snapshot((node("n", gpus=1),), (workload("runs", Request(devices=1)),))
    assert remedies(snapshot, "runs") == ()
    with pytest.raises(KeyError):
        remedies(snapshot, "unknown")


def test_non_preemptible_work_over_quota_may_be_preemptible_or_get_more_quota() -> None:
    holds = running("holds", ("n", 0), ("n", 1), queue="p")
    wants = workload("wants", Request(devices=1), queue="p")
    found = offered(Snapshot((node("n", gpus=4),), (holds, wants), (queue("p", 2),)))
    assert found[("preemptible",)] == (
        "It would run now as preemptible work, which may go over quota."
    )
    assert found[("raise-quota",)] == "It would run now with a higher quota: of queue p to 3 GPUs."


def test_a_request_that_no_node_can_hold_gets_smaller_or_a_larger_node() -> None:
    wants = workload("wants", Request(devices=4, cpu_millicores=8000, memory_bytes=GIB))
    assert offered(Snapshot((node("n", gpus=2),), (wants,))) == {
        ("smaller-request",): "It would run now with a smaller GPU request: 2 GPUs for each pod.",
        ("larger-nodes",): (
            "It would run now with 1 more node with 4 GPUs, 8 CPU cores and 1 GiB of memory for "
            "each pod in node pool default."
        ),
    }


def test_too_much_cpu_is_told_as_such() -> None:
    wants = workload("wants", Request(cpu_millicores=16_000))
    found = offered(Snapshot((node("n", cores=4),), (wants,)))
    assert found[("less-cpu-or-memory",)] == (
        "It would run now with a smaller request: 4 CPU cores for each pod."
    )


def test_changes_are_combined_where_no_single_one_helps() -> None:
    """The pool it asks for is full, and in the other its project has a limit of one GPU."""
    queues = (queue("p", 1, limit=1), queue("p", 0, pool="other", limit=1))
    gang = workload("gang", Request(devices=1), pods=2, queue="p", preemptible=True)
    holds = running("holds", ("a", 0), queue="p")
    nodes = (node("a", gpus=1), node("b", gpus=2, pool="other"))
    found = offered(Snapshot(nodes, (gang, holds), queues), "gang")
    assert ("fewer-together", "other-pool") in found
    assert found[("other-pool", "raise-limit")] == (
        "It would run now in node pool other; and with a higher limit: of queue p to 2 GPUs in "
        "node pool other."
    )
    assert all(len(kinds) == 2 for kinds in found)


def test_a_smaller_request_and_preemptible() -> None:
    wants = workload("wants", Request(devices=2), queue="p")
    snapshot = Snapshot((node("n", gpus=1),), (wants,), (queue("p", 0),))
    found = offered(snapshot)
    assert found[("smaller-request", "preemptible")] == (
        "It would run now with a smaller GPU request: 1 GPU for each pod; and as preemptible work, "
        "which may go over quota."
    )


def test_a_project_without_a_share_of_any_pool_gets_one() -> None:
    wants = workload("wants", Request(devices=1), queue="stranger", preemptible=True)
    assert offered(Snapshot((node("n", gpus=4),), (wants,), (queue("p", 2),))) == {
        ("pool-share",): (
            "It would run now with a share of node pool default for project stranger."
        )
    }


def test_fewer_constraints_on_nodes_and_on_being_together() -> None:
    nodes = tuple(node(name, gpus=2, labels={"rack": name}) for name in ("a", "b"))
    together = workload(
        "wants",
        Request(devices=2),
        pods=2,
        pod_affinity=PodAffinity(AffinityType.REQUIRED, "rack"),
    )
    found = offered(Snapshot(nodes, (together,)))
    assert found[("fewer-constraints",)] == (
        "It would run now with pods that need not be together."
    )
    elsewhere = workload(
        "wants",
        Request(devices=1),
        node_affinity=((LabelRule("gpu", LabelOperator.IN, frozenset({"h100"})),),),
    )
    found = offered(Snapshot(nodes, (elsewhere,)))
    assert found[("fewer-constraints",)] == "It would run now on nodes with other labels."


def test_a_toleration_for_the_taints_in_the_way_and_no_others() -> None:
    nodes = (
        node("a", gpus=1, taints=(Taint("dedicated", "tests"),)),
        node("b", gpus=2, taints=(Taint("dedicated", "research"), Taint("old"))),
        node("c", gpus=4, taints=(Taint("dedicated", "research"),)),
    )
    wants = workload("wants", Request(devices=4))
    found = offered(Snapshot(nodes, (wants,)))
    assert found[("toleration",)] == (
        "It would run now with a toleration for this taint: dedicated=research:NoSchedule."
    )
    both = workload("wants", Request(devices=2), node_labels={"kubernetes.io/hostname": "b"})
    labelled = replace(nodes[1], labels={"kubernetes.io/hostname": "b"})
    found = offered(Snapshot((nodes[0], labelled, nodes[2]), (both,)))
    assert found[("toleration",)] == (
        "It would run now with a toleration for these taints: dedicated=research:NoSchedule, "
        "old:NoSchedule."
    )


def test_extra_pods_that_wait_have_remedies_of_their_own() -> None:
    queues = (queue("p", 1, limit=1),)
    elastic = workload("wants", Request(devices=1), pods=3, min_members=1, queue="p")
    snapshot = Snapshot((node("n", gpus=2),), (elastic,), queues)
    found = {remedy.kinds: remedy for remedy in remedies(snapshot, "wants")}
    remedy = found[RemedyKind.RAISE_LIMIT, RemedyKind.RAISE_QUOTA]
    assert remedy.message == (
        "One more of its pods would run now with a higher limit: of queue p to 2 GPUs; and with a "
        "higher quota: of queue p to 2 GPUs."
    )
    decided = plan(apply(snapshot, remedy.changes))
    assert set(decided.placements) == {"wants-0", "wants-1"}


def test_no_more_plans_are_made_than_allowed() -> None:
    wants = workload("wants", Request(devices=2), queue="p")
    snapshot = Snapshot((node("n", gpus=1),), (wants,), (queue("p", 0),))
    assert remedies(snapshot, "wants", most_plans=0) == ()
    assert remedies(snapshot, "wants", most_plans=1) == ()


@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(busy())
def test_every_waiting_workload_has_a_remedy_and_every_remedy_helps(snapshot: Snapshot) -> None:
    decided = plan(snapshot)
    runs = served(snapshot, decided)
    sizes: Counter[int] = Counter()
    for pending in [item for item in decided.pending if item.workload_id not in runs][:3]:
        found = remedies(snapshot, pending.workload_id, decided)
        sizes[min((len(remedy.kinds) for remedy in found), default=0)] += 1
        for remedy in found:
            changed = apply(snapshot, remedy.changes)
            assert pending.workload_id in served(changed, plan(changed)), remedy
    assert sizes[0] == 0, "without any remedy"


@settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(busy())
def test_every_extra_pod_that_waits_has_a_remedy_and_every_remedy_helps(snapshot: Snapshot) -> None:
    extra_pods.require_remedies(snapshot)
