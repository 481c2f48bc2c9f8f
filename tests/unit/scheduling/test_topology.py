"""Pods of one workload together, as far as asked and possible."""

from dataclasses import replace

from tests.unit.scheduling.building import node, running, workload
from windlass.scheduling import (
    AffinityType,
    Node,
    Pod,
    PodAffinity,
    Request,
    Settings,
    Snapshot,
    Topology,
    plan,
)

LEVELS = ("zone", "rack")
IN_RACK = Topology(LEVELS, required="rack")
IN_ZONE = Topology(LEVELS, required="zone", preferred="rack")
NEAR = Topology(LEVELS, preferred="rack")
SAME_RACK = PodAffinity(AffinityType.REQUIRED, "rack")
RATHER_SAME_RACK = PodAffinity(AffinityType.PREFERRED, "rack")


def racked(name: str, zone: str, rack: str, gpus: int = 2) -> Node:
    return node(name, gpus=gpus, labels={"zone": zone, "rack": rack})


NODES = (
    racked("a1", "z1", "a"),
    racked("a2", "z1", "a"),
    racked("b1", "z1", "b"),
    racked("c1", "z2", "c"),
    racked("c2", "z2", "c"),
    racked("c3", "z2", "c"),
)


def nodes_of(snapshot: Snapshot) -> list[str]:
    return sorted(place.node for place in plan(snapshot).placements.values())


def test_a_required_level_takes_the_fullest_domain_that_has_room() -> None:
    gang = workload("w", Request(devices=2), pods=2, topology=IN_RACK)
    assert nodes_of(Snapshot(NODES, (gang,))) == ["a1", "a2"]


def test_a_fuller_domain_goes_before_an_emptier_one_whatever_their_names() -> None:
    nodes = (racked("a1", "z1", "a", gpus=4), racked("b1", "z1", "b", gpus=3))
    pod = workload("w", Request(devices=2), topology=IN_RACK)
    assert nodes_of(Snapshot(nodes, (pod,))) == ["b1"]


def test_what_fits_no_domain_of_the_required_level_waits_and_is_told_so() -> None:
    gang = workload("w", Request(devices=2), pods=4, topology=IN_RACK)
    decided = plan(Snapshot(NODES, (gang,)))
    assert decided.is_empty
    assert "no rack has room for all" in decided.pending[0].reasons[0].message


def test_a_preferred_level_widens_to_the_required_one() -> None:
    gang = workload("w", Request(devices=2), pods=3, topology=IN_ZONE)
    assert nodes_of(Snapshot(NODES, (gang,))) == ["c1", "c2", "c3"]
    without_c3 = tuple(each for each in NODES if each.name != "c3")
    assert nodes_of(Snapshot(without_c3, (gang,))) == ["a1", "a2", "b1"]


def test_a_preferred_level_alone_never_keeps_pods_waiting() -> None:
    gang = workload("w", Request(devices=2), pods=6, topology=NEAR)
    assert len(nodes_of(Snapshot(NODES, (gang,)))) == 6


def test_pods_that_come_later_join_the_domain_of_those_that_run() -> None:
    first = running("w", ("b1", 0), gpus=1)
    later = replace(workload("w", Request(devices=1), pods=2).pods[1], id="w-later")
    both = replace(first, pods=(*first.pods, later), min_members=1, topology=IN_RACK)
    assert nodes_of(Snapshot(NODES, (both,))) == ["b1"]


def test_nodes_without_the_labels_are_in_no_domain() -> None:
    gang = workload("w", Request(devices=2), pods=2, topology=IN_RACK)
    assert plan(Snapshot((node("x", gpus=8),), (gang,))).is_empty


def test_required_pod_affinity_keeps_replicas_in_one_domain_of_its_key() -> None:
    replicas = workload("w", Request(devices=2), pods=2, pod_affinity=SAME_RACK)
    assert nodes_of(Snapshot(NODES, (replicas,))) == ["a1", "a2"]
    four = workload("w", Request(devices=2), pods=4, pod_affinity=SAME_RACK)
    decided = plan(Snapshot(NODES, (four,)))
    assert decided.is_empty
    assert "no rack has room for all" in decided.pending[0].reasons[0].message


def test_replicas_that_start_one_by_one_go_where_all_have_room() -> None:
    replicas = workload("w", Request(devices=2), pods=3, min_members=1, pod_affinity=SAME_RACK)
    assert nodes_of(Snapshot(NODES, (replicas,))) == ["c1", "c2", "c3"]


def test_preferred_pod_affinity_draws_replicas_together_as_far_as_there_is_room() -> None:
    replicas = workload("w", Request(devices=2), pods=2, pod_affinity=RATHER_SAME_RACK)
    assert nodes_of(Snapshot(NODES, (replicas,))) == ["a1", "a2"]
    four = workload("w", Request(devices=2), pods=4, pod_affinity=RATHER_SAME_RACK)
    assert len(nodes_of(Snapshot(NODES, (four,)))) == 4


def test_a_later_replica_rather_joins_those_that_run_and_must_where_required() -> None:
    first = running("w", ("c1", 0), gpus=2)
    later = Pod("w-later", Request(devices=2))
    for affinity, elsewhere in ((SAME_RACK, []), (RATHER_SAME_RACK, ["b1"])):
        both = replace(first, pods=(*first.pods, later), min_members=1, pod_affinity=affinity)
        with_room = Snapshot((racked("b1", "z1", "b"), *NODES[3:5]), (both,))
        assert nodes_of(with_room) == ["c2"]
        without_room = Snapshot((racked("b1", "z1", "b"), NODES[3]), (both,))
        assert nodes_of(without_room) == elsewhere


def test_pod_affinity_and_topology_hold_together() -> None:
    both = workload(
        "w",
        Request(devices=2),
        pods=2,
        pod_affinity=PodAffinity(AffinityType.REQUIRED, "zone"),
        topology=Topology(("row",), required="row"),
    )
    rows = tuple(
        replace(each, labels={**each.labels, "row": row})
        for each, row in zip(NODES, ("1", "2", "3", "1", "3", "3"), strict=True)
    )
    assert nodes_of(Snapshot(rows, (both,))) == ["c2", "c3"]


def test_an_aged_gang_is_kept_room_in_one_domain() -> None:
    gang = workload("gang", Request(devices=2), pods=3, pod_affinity=SAME_RACK)
    holds = running("holds", ("c1", 0), gpus=2)
    small = tuple(
        workload(f"s{index}", Request(devices=1), submitted_at=19.0) for index in range(8)
    )
    settings = {"default": Settings(reserve_after=10.0)}
    snapshot = Snapshot(NODES, (gang, holds, *small), settings=settings, now=20.0)
    assert set(nodes_of(snapshot)) == {"a1", "a2", "b1"}
