"""Between queues: a queue below its fair share takes back what others hold above theirs.

Priorities of workloads play no part. Source: KAI-Scheduler, `pkg/scheduler/actions/reclaim` and
`pkg/scheduler/plugins/proportion/reclaimable`.
"""

from collections.abc import Mapping, Sequence
from functools import partial

from windlass.scheduling.allocate import claiming_jobs, shape_of
from windlass.scheduling.amounts import Amounts, plus, within
from windlass.scheduling.decisions import Action, Cause, QueueNumbers
from windlass.scheduling.jobs import Job, PodState, total_asked
from windlass.scheduling.making_room import RoomMaker
from windlass.scheduling.order import Claimed, PendingOrder
from windlass.scheduling.queues import QueueState
from windlass.scheduling.reclaim_rules import (
    below_common_ancestor,
    may_take,
    might_take_from,
)
from windlass.scheduling.session import Session
from windlass.scheduling.victims import Running, VictimOrder


def reclaim(session: Session, running: Running) -> None:
    """Let every waiting job that may claim take what it needs from other queues."""
    room = RoomMaker(session, running)
    failed: set[object] = set()
    order = PendingOrder(claiming_jobs(session))
    while order:
        job = order.pop()
        pods = job.next_pods()
        if not pods or not may_claim(job, total_asked(pods)):
            continue
        group = (job.queue.id, job.preemptible)
        attempt = (group, shape_of(session, job, pods))
        if attempt in failed:
            continue
        mark = session.checkpoint()
        held = {state.id: state.allocated for state in session.queues.all()}
        judge = partial(_may_take, held)
        victims = partial(_victims_of, session, running, job, held)
        if room.make_room(job, group, victims, judge):
            room.settle(job, mark, partial(_cause, job, held))
        else:
            failed.add(attempt)


def may_claim(job: Job, asked: Amounts) -> bool:
    """Whether its queue stays within its fair share, and non-preemptible work within quota."""
    state = job.queue
    if not within(plus(state.allocated, asked), state.fair_share):
        return False
    return job.preemptible or within(plus(state.non_preemptible, asked), state.deserved)


def _may_take(held: Mapping[str, Amounts], claim: Claimed, victims: Sequence[PodState]) -> bool:
    return may_take(claim, victims, held)


def _victims_of(
    session: Session, running: Running, job: Job, held: Mapping[str, Amounts]
) -> VictimOrder:
    asked = total_asked(job.next_pods()[:1])
    others = [
        state.id
        for state in running.queues()
        if state is not job.queue and might_take_from(job, asked, state, held)
    ]
    return VictimOrder(session, running, others)


def _cause(job: Job, held: Mapping[str, Amounts], victim: PodState) -> Cause:
    claiming, giving = below_common_ancestor(job.line, victim.job.line)
    numbers = (_numbers(giving, held[giving.id]), _numbers(claiming, held[claiming.id]))
    return Cause(Action.RECLAIM, job.id, job.priority, numbers)


def _numbers(state: QueueState, allocated: Amounts) -> QueueNumbers:
    return QueueNumbers(state.id, allocated, state.deserved, state.fair_share)
