"""The last action of a cycle: pods left running without enough of their workload are evicted.

Source: KAI-Scheduler, `pkg/scheduler/actions/stalegangeviction`.
"""

from windlass.scheduling.decisions import Action, Cause
from windlass.scheduling.jobs import Job, PodStatus
from windlass.scheduling.session import Session


def evict_stale_gangs(session: Session) -> None:
    """Evict what ran below its minimum for longer than the grace."""
    for job in session.jobs.values():
        if not is_stale(job, session.settings.stale_gang_grace, session.now):
            continue
        mark = session.checkpoint()
        for pod in job.pods:
            if pod.status is PodStatus.PLACED:
                session.evict(pod)
                session.causes[pod.id] = Cause(Action.STALE_GANG)
        session.commit(mark)


def is_stale(job: Job, grace: float, now: float) -> bool:
    """Whether some, but too few, of its pods have run for longer than the grace."""
    since = job.workload.below_minimum_since
    return 0 < job.placed < job.minimum and since is not None and now >= since + grace
