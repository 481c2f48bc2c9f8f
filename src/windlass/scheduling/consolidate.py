"""Move preemptible pods together, so that a preemptible job that waits gets its place.

Nobody loses its place by it. Source: KAI-Scheduler, `pkg/scheduler/actions/consolidation`.
"""

from collections.abc import Sequence
from functools import partial

from windlass.scheduling.allocate import claiming_jobs, shape_of
from windlass.scheduling.capacity import is_allowed
from windlass.scheduling.decisions import Action, Cause
from windlass.scheduling.jobs import Job, PodState, PodStatus, total_asked
from windlass.scheduling.making_room import RoomMaker
from windlass.scheduling.model import PlacementStrategy
from windlass.scheduling.order import Claimed, PendingOrder
from windlass.scheduling.returning import has_moved
from windlass.scheduling.session import Session
from windlass.scheduling.victims import Running, VictimOrder


def consolidate(session: Session, running: Running) -> None:
    """Move others for every preemptible job that waits, where pods are packed."""
    if session.settings.gpu_strategy is PlacementStrategy.SPREAD:
        return
    waiting = [job for job in claiming_jobs(session) if job.preemptible]
    if not any(could_be_consolidated(session, job, job.next_pods()) for job in waiting):
        return
    room = RoomMaker(session, running)
    failed: set[object] = set()
    order = PendingOrder(waiting)
    judge = partial(everyone_has_a_place, session.settings.most_consolidated)
    while order:
        job = order.pop()
        pods = job.next_pods()
        shape = shape_of(session, job, pods)
        if not pods or shape in failed or not could_be_consolidated(session, job, pods):
            continue
        mark = session.checkpoint()
        victims = partial(_victims_of, session, running, job)
        if room.make_room(job, job.id, victims, judge):
            room.settle(job, mark, partial(_cause, job))
        else:
            failed.add(shape)


def could_be_consolidated(session: Session, job: Job, pods: Sequence[PodState]) -> bool:
    """Whether queues allow the job, and enough is free in all, wherever it is."""
    asked = total_asked(pods)
    free = session.cluster.free()
    return is_allowed(job, asked) and all(asked[index] <= free[index] for index in range(3))


def everyone_has_a_place(most: int, _claim: Claimed, victims: Sequence[PodState]) -> bool:
    """Whether every pod that had to move runs again, and no more workloads than `most` move."""
    moved = {pod.job.id for pod in victims if has_moved(pod)}
    return len(moved) <= most and all(pod.status is not PodStatus.EVICTED for pod in victims)


def _victims_of(session: Session, running: Running, job: Job) -> VictimOrder:
    return VictimOrder(
        session, running, running.by_queue, lambda victim: victim is not job, spare_protected=False
    )


def _cause(job: Job, _victim: PodState) -> Cause:
    return Cause(Action.CONSOLIDATE, job.id, job.priority)
