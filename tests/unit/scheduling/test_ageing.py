"""Large gangs among a stream of small workloads, in simulated time."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from tests.unit.scheduling.building import node, queue, running, workload
from windlass.scheduling import (
    WHOLE_DEVICE,
    Node,
    PendingReason,
    ReasonCode,
    Request,
    Resource,
    Settings,
    Snapshot,
    Workload,
    carried_out,
    plan,
)

NODES = (node("a", gpus=4), node("b", gpus=4))
STEPS = 40
RUNS_FOR = 3


def simulate(
    settings: Settings, gangs: Sequence[Workload], nodes: tuple[Node, ...] = NODES
) -> Mapping[str, int]:
    """The step at which each workload starts: small ones come all the time, more than there is room
    for, and each runs a while; a gang comes when it was submitted, and runs for a while, too."""
    snapshot = Snapshot(nodes, (), settings={"default": settings})
    started: dict[str, int] = {}
    for step in range(STEPS):
        arrived = [
            workload(f"small{step:02}-{index}", Request(devices=1), submitted_at=float(step))
            for index in range(2 * len(nodes))
        ]
        arrived += [gang for gang in gangs if gang.submitted_at == step]
        ended = {name for name, at in started.items() if at + seconds_of(name) <= step}
        kept = [each for each in snapshot.workloads if each.id not in ended]
        snapshot = replace(snapshot, workloads=(*kept, *arrived), now=float(step))
        snapshot = carried_out(snapshot, plan(snapshot))
        for each in snapshot.workloads:
            if runs(each):
                started.setdefault(each.id, step)
    return started


def seconds_of(name: str) -> int:
    """How long a workload runs: small ones differ, so that they do not end all at once."""
    return RUNS_FOR - 1 if name[-1] in "13579" else RUNS_FOR


def runs(made: Workload) -> bool:
    return all(pod.placement is not None for pod in made.pods)


def gang_of(name: str, pods: int, submitted_at: float, devices: int = 4) -> Workload:
    return workload(
        name, Request(devices=devices), pods=pods, preemptible=True, submitted_at=submitted_at
    )


def small_ones(started: Mapping[str, int]) -> int:
    return sum(name.startswith("small") for name in started)


def test_without_ageing_a_stream_of_small_ones_starves_a_large_gang() -> None:
    assert "gang" not in simulate(Settings(), [gang_of("gang", 2, 1.0)])


@pytest.mark.parametrize("patience", [5.0, 10.0])
def test_with_ageing_the_gang_starts_soon_after_its_patience_ends(patience: float) -> None:
    step = simulate(Settings(reserve_after=patience), [gang_of("gang", 2, 1.0)])["gang"]
    assert 1 + patience <= step <= 1 + patience + RUNS_FOR + 1


def test_several_aged_gangs_start_side_by_side_where_there_is_room_for_them() -> None:
    nodes = tuple(node(name, gpus=4) for name in "abcd")
    gangs = [gang_of(f"gang{index}", 1, 5.0) for index in range(4)]
    started = simulate(Settings(reserve_after=5.0), gangs, nodes)
    for gang in gangs:
        patient_until = gang.submitted_at + 5.0
        assert patient_until <= started[gang.id] <= patient_until + RUNS_FOR + 1


def test_aged_gangs_that_need_the_same_nodes_start_in_the_order_of_age() -> None:
    gangs = [gang_of("younger", 2, 2.0), gang_of("older", 2, 1.0), gang_of("youngest", 2, 3.0)]
    started = simulate(Settings(reserve_after=5.0), gangs)
    assert started["older"] < started["younger"] < started["youngest"] < STEPS / 2


def test_no_more_of_a_node_is_kept_than_the_aged_gang_needs_there() -> None:
    nodes = (node("a", gpus=8), node("b", gpus=8))
    gang = workload("gang", Request(devices=5), pods=2, submitted_at=0.0)
    holds = running("holds", ("b", 0), gpus=4, submitted_at=0.0)
    small = [workload(f"small{index}", Request(devices=1), submitted_at=19.0) for index in range(5)]
    settings = {"default": Settings(reserve_after=10.0)}
    decided = plan(Snapshot(nodes, (gang, holds, *small), settings=settings, now=20.0))
    assert [place.node for place in decided.placements.values()] == ["a"] * 3


def test_with_a_gang_among_them_the_small_ones_go_on() -> None:
    nodes = tuple(node(name, gpus=4) for name in "abcd")
    alone = simulate(Settings(reserve_after=5.0), [], nodes)
    among = simulate(Settings(reserve_after=5.0), [gang_of("gang", 1, 5.0)], nodes)
    # One node of four drains for as long as a small one runs, and is held for as long.
    lost_seconds = 4 * 2 * RUNS_FOR
    assert small_ones(alone) - small_ones(among) <= lost_seconds / (RUNS_FOR - 1)


def test_no_queue_keeps_more_than_its_fair_share() -> None:
    queues = (queue("a", 4), queue("b", 4, created_at=1.0))
    aged = [
        workload(name, Request(devices=4), queue="a", preemptible=True) for name in ("g0", "g1")
    ]
    holds = [
        running(f"h-{on}", (on, 0), queue="b", preemptible=True, submitted_at=1.0) for on in "ab"
    ]
    small = workload("small", Request(devices=1), queue="b", preemptible=True, submitted_at=19.0)
    settings = {"default": Settings(reserve_after=10.0)}
    snapshot = Snapshot(NODES, (*aged, *holds, small), queues, settings=settings, now=20.0)
    assert "small-0" in plan(snapshot).placements


def test_those_who_wait_for_kept_room_are_told_for_whom() -> None:
    gang = workload("gang", Request(devices=4), pods=2, submitted_at=0.0)
    holds = workload("holds", Request(devices=1), submitted_at=0.0)
    settings = {"default": Settings(reserve_after=10.0)}
    before = Snapshot(NODES, (holds,), settings=settings)
    snapshot = carried_out(before, plan(before))
    small = workload("small", Request(devices=1), submitted_at=19.0)
    decided = plan(replace(snapshot, workloads=(*snapshot.workloads, gang, small), now=20.0))
    reasons = {pending.workload_id: pending.reasons[0] for pending in decided.pending}
    assert reasons["small"] == PendingReason(
        "default",
        ReasonCode.NO_ROOM,
        "Room is kept in node pool default for workload gang, which has waited for long and needs "
        "much at once. This one asks for 1 GPU; of 8 GPUs there, 7 GPUs free.",
        Resource.GPU,
        asked=WHOLE_DEVICE,
        free=7 * WHOLE_DEVICE,
        total=8 * WHOLE_DEVICE,
        free_on_one_node=4 * WHOLE_DEVICE,
        waits_for=("gang",),
    )


def test_a_higher_priority_of_the_same_queue_goes_before_the_reservation() -> None:
    gang = workload("gang", Request(devices=4), pods=2, submitted_at=0.0)
    holds = workload("holds", Request(devices=1), submitted_at=0.0)
    urgent = workload("urgent", Request(devices=1), priority=90, submitted_at=19.0)
    settings = {"default": Settings(reserve_after=10.0)}
    decided = plan(Snapshot(NODES, (gang, holds, urgent), settings=settings, now=20.0))
    assert "urgent-0" in decided.placements
