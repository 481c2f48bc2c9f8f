"""Within a queue: higher priority evicts lower.

Source: KAI-Scheduler, `pkg/scheduler/actions/preempt`.
"""

from collections.abc import Sequence
from functools import partial

from windlass.scheduling.allocate import claiming_jobs, shape_of
from windlass.scheduling.capacity import non_preemptible_over_quota
from windlass.scheduling.decisions import Action, Cause
from windlass.scheduling.jobs import Job, PodState, total_asked
from windlass.scheduling.making_room import RoomMaker
from windlass.scheduling.order import Claimed, PendingOrder
from windlass.scheduling.session import Session
from windlass.scheduling.victims import Running, VictimOrder


def preempt(session: Session, running: Running) -> None:
    """Let every waiting job evict those of lower priority in its own queue."""
    room = RoomMaker(session, running)
    failed: set[object] = set()
    order = PendingOrder(claiming_jobs(session))
    while order:
        job = order.pop()
        pods = job.next_pods()
        if not pods or non_preemptible_over_quota(job, total_asked(pods)) is not None:
            continue
        group = (job.queue.id, job.priority, job.preemptible)
        attempt = (group, shape_of(session, job, pods))
        if attempt in failed or not has_lower(running, job):
            continue
        mark = session.checkpoint()
        victims = partial(_victims_of, session, running, job)
        if room.make_room(job, group, victims, _whoever_it_is):
            room.settle(job, mark, partial(_cause, job))
        else:
            failed.add(attempt)


def may_preempt(job: Job, victim: Job) -> bool:
    """Whether the job outranks the victim of its queue."""
    return victim.priority < job.priority


def has_lower(running: Running, job: Job) -> bool:
    """Whether anyone runs whom the job may preempt."""
    listed = running.by_queue.get(job.queue.id)
    return listed is not None and bool(listed) and may_preempt(job, listed[-1][1])


def _victims_of(session: Session, running: Running, job: Job) -> VictimOrder:
    return VictimOrder(session, running, [job.queue.id], partial(may_preempt, job))


def _whoever_it_is(_claim: Claimed, _victims: Sequence[PodState]) -> bool:
    return True


def _cause(job: Job, _victim: PodState) -> Cause:
    return Cause(Action.PREEMPT, job.id, job.priority)
