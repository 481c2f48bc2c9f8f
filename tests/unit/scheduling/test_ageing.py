"""A large gang among a stream of small workloads, in simulated time."""

from dataclasses import replace

import pytest

from tests.unit.scheduling.building import node, workload
from windlass.scheduling import Request, Settings, Snapshot, Workload, carried_out, plan

NODES = (node("a", gpus=4), node("b", gpus=4))
STEPS = 40
RUNS_FOR = 3


def simulate(settings: Settings) -> int | None:
    """The step at which the gang starts: small workloads come all the time, each runs a while."""
    gang = workload("gang", Request(devices=4), pods=2, preemptible=True, submitted_at=1.0)
    snapshot = Snapshot(NODES, (), settings={"default": settings})
    started: dict[str, int] = {}
    for step in range(STEPS):
        arrived = tuple(
            workload(f"small{step:02}-{index}", Request(devices=1), submitted_at=float(step))
            for index in range(4)
        )
        waiting = (gang,) if step == 1 else ()
        ended = {name for name, at in started.items() if at + RUNS_FOR <= step}
        kept = tuple(each for each in snapshot.workloads if each.id not in ended)
        snapshot = replace(snapshot, workloads=(*kept, *arrived, *waiting), now=float(step))
        decided = plan(snapshot)
        snapshot = carried_out(snapshot, decided)
        for each in snapshot.workloads:
            if runs(each):
                started.setdefault(each.id, step)
        if "gang" in started:
            return step
    return None


def runs(made: Workload) -> bool:
    return all(pod.placement is not None for pod in made.pods)


def test_without_ageing_a_stream_of_small_ones_starves_a_large_gang() -> None:
    assert simulate(Settings()) is None


@pytest.mark.parametrize("patience", [5.0, 10.0])
def test_with_ageing_the_gang_starts_soon_after_its_patience_ends(patience: float) -> None:
    step = simulate(Settings(reserve_after=patience))
    assert step is not None
    assert 1 + patience <= step <= 1 + patience + RUNS_FOR + 1


def test_those_who_wait_for_kept_room_are_told_for_whom() -> None:
    gang = workload("gang", Request(devices=4), pods=2, submitted_at=0.0)
    holds = workload("holds", Request(devices=1), submitted_at=0.0)
    settings = {"default": Settings(reserve_after=10.0)}
    before = Snapshot(NODES, (holds,), settings=settings)
    snapshot = carried_out(before, plan(before))
    small = workload("small", Request(devices=1), submitted_at=19.0)
    decided = plan(replace(snapshot, workloads=(*snapshot.workloads, gang, small), now=20.0))
    reasons = {pending.workload_id: pending.reasons[0] for pending in decided.pending}
    assert reasons["small"].waits_for == ("gang",)
    assert "Room is kept" in reasons["small"].message


def test_a_higher_priority_of_the_same_queue_goes_before_the_reservation() -> None:
    gang = workload("gang", Request(devices=4), pods=2, submitted_at=0.0)
    holds = workload("holds", Request(devices=1), submitted_at=0.0)
    urgent = workload("urgent", Request(devices=1), priority=90, submitted_at=19.0)
    settings = {"default": Settings(reserve_after=10.0)}
    decided = plan(Snapshot(NODES, (gang, holds, urgent), settings=settings, now=20.0))
    assert "urgent-0" in decided.placements
