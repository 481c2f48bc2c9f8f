"""What queues do not allow, whatever is free: limits, and quota for non-preemptible work.

Source: KAI-Scheduler, `pkg/scheduler/plugins/proportion/capacity_policy`.
"""

from dataclasses import dataclass

from windlass.scheduling.amounts import Amounts, Bounds
from windlass.scheduling.jobs import Job
from windlass.scheduling.queues import QueueState


@dataclass(frozen=True, slots=True)
class Exceeded:
    """A bound that a job would exceed: in which queue, of which resource (index in `Amounts`)."""

    queue: QueueState
    index: int


def over_limit(job: Job, asked: Amounts) -> Exceeded | None:
    """The first limit, from the project upwards, that the job would exceed."""
    for state in job.queue.limited:
        index = exceeded(state.allocated, asked, state.limit)
        if index is not None:
            return Exceeded(state, index)
    return None


def non_preemptible_over_quota(job: Job, asked: Amounts) -> Exceeded | None:
    """The first quota, from the project upwards, that non-preemptible work would exceed."""
    if job.preemptible:
        return None
    for state in job.line:
        index = exceeded(state.non_preemptible, asked, state.deserved)
        if index is not None:
            return Exceeded(state, index)
    return None


def is_allowed(job: Job, asked: Amounts) -> bool:
    """Whether limits and quotas let the job have this much more."""
    return over_limit(job, asked) is None and non_preemptible_over_quota(job, asked) is None


def exceeded(held: Amounts, asked: Amounts, bounds: Bounds) -> int | None:
    """The first resource, by its index in `Amounts`, of which what is asked passes the bound."""
    for index in range(3):
        if asked[index] and held[index] + asked[index] > bounds[index]:
            return index
    return None
