"""The dominant reason why a workload waits in one pool.

What its queues do not allow comes before what nodes lack, limits before quotas, and projects before
departments: KAI-Scheduler's order.
"""

from dataclasses import replace

from windlass.scheduling.allocate import place_together, shape_of
from windlass.scheduling.amounts import SHARED_RESOURCES
from windlass.scheduling.capacity import Exceeded, non_preemptible_over_quota, over_limit
from windlass.scheduling.decisions import MOST_NAMED, PendingReason, ReasonCode
from windlass.scheduling.jobs import Job, PodState, total_asked
from windlass.scheduling.quantities import describe
from windlass.scheduling.reservations import Reservations
from windlass.scheduling.session import Session
from windlass.scheduling.shortage import explain_no_room


class Explainer:
    """Explains what waits in one pool, whose plan is made."""

    def __init__(self, session: Session, pool: str) -> None:
        self._session = session
        self._pool = pool
        self._no_room: dict[object, PendingReason] = {}
        self._on_node: dict[str, list[PodState]] = {}
        for job in session.jobs.values():
            for pod in job.pods:
                if pod.place is not None:
                    self._on_node.setdefault(pod.place.node, []).append(pod)

    def no_queue(self, queue_id: str) -> PendingReason:
        """The reason for a workload whose project has no share of the pool."""
        message = f"Project {queue_id} has no share of node pool {self._pool}."
        return PendingReason(self._pool, ReasonCode.NO_QUEUE, message, queue_id=queue_id)

    def reason(self, job: Job) -> PendingReason:
        """The dominant reason why the job's next pods wait."""
        asked = total_asked(job.next_pods())
        exceeded = over_limit(job, asked)
        if exceeded is not None:
            return self._over_limit(exceeded, asked[exceeded.index])
        exceeded = non_preemptible_over_quota(job, asked)
        if exceeded is not None:
            return self._over_quota(exceeded, asked[exceeded.index])
        shape = shape_of(self._session, job, job.next_pods())
        known = self._no_room.get(shape)
        if known is None:
            known = self._explain_no_room(job)
            self._no_room[shape] = known
        return known

    def _explain_no_room(self, job: Job) -> PendingReason:
        session = self._session
        reason = explain_no_room(session, self._pool, job, self._on_node)
        kept = session.reservations.closed_to(job)
        if kept and self._would_fit_without_reservations(job):
            return _kept_for(kept[:MOST_NAMED], reason)
        return reason

    def _would_fit_without_reservations(self, job: Job) -> bool:
        session = self._session
        mark = session.checkpoint()
        kept, session.reservations = session.reservations, Reservations()
        fits = place_together(session, job, job.next_pods())
        session.rollback(mark)
        session.reservations = kept
        return fits

    def _over_limit(self, exceeded: Exceeded, asked: int) -> PendingReason:
        state, index = exceeded.queue, exceeded.index
        resource = SHARED_RESOURCES[index]
        limit, held = int(state.limit[index]), state.allocated[index]
        message = (
            f"Asks for {describe(resource, asked)}, but the limit of {state.name} is "
            f"{describe(resource, limit)}, of which {describe(resource, held)} are in use."
        )
        return PendingReason(
            self._pool,
            ReasonCode.OVER_LIMIT,
            message,
            resource,
            asked=asked,
            free=max(0, limit - held),
            total=limit,
            queue_id=state.id,
            waits_for=self._holders(exceeded),
        )

    def _over_quota(self, exceeded: Exceeded, asked: int) -> PendingReason:
        state, index = exceeded.queue, exceeded.index
        resource = SHARED_RESOURCES[index]
        quota, held = int(state.deserved[index]), state.non_preemptible[index]
        message = (
            f"Asks for {describe(resource, asked)} as non-preemptible work, but the quota of "
            f"{state.name} is {describe(resource, quota)}, of which {describe(resource, held)} are "
            "held by non-preemptible work. Preemptible work may go over quota."
        )
        return PendingReason(
            self._pool,
            ReasonCode.NON_PREEMPTIBLE_OVER_QUOTA,
            message,
            resource,
            asked=asked,
            free=max(0, quota - held),
            total=quota,
            queue_id=state.id,
            waits_for=self._holders(exceeded, non_preemptible=True),
        )

    def _holders(self, exceeded: Exceeded, *, non_preemptible: bool = False) -> tuple[str, ...]:
        """The newest workloads that hold what the queue is short of."""
        holders = [
            job
            for job in self._session.jobs.values()
            if job.placed
            and exceeded.queue in job.line
            and not (non_preemptible and job.preemptible)
            and any(pod.held[exceeded.index] for pod in job.pods if pod.place is not None)
        ]
        holders.sort(key=lambda job: (-job.submitted_at, job.id))
        return tuple(job.id for job in holders[:MOST_NAMED])


def _kept_for(names: tuple[str, ...], lacking: PendingReason) -> PendingReason:
    """The reason where all that is lacking is room that is kept for these workloads."""
    one = len(names) == 1
    message = (
        f"Room is kept in node pool {lacking.pool} for workload{'' if one else 's'} "
        f"{', '.join(names)}, which {'has' if one else 'have'} waited for long and "
        f"need{'s' if one else ''} much at once."
    )
    if lacking.resource is not None:
        asked, free, total = (
            describe(lacking.resource, amount)
            for amount in (lacking.asked, lacking.free, lacking.total)
        )
        message += f" This one asks for {asked}; of {total} there, {free} free."
    return replace(lacking, message=message, waits_for=names)
