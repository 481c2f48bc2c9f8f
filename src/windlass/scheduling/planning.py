"""A snapshot in, a plan out, over all node pools.

A workload that waits in one of its pools is tried in the next of them, in its order.
"""

from collections.abc import Iterable, Mapping

from windlass.kit.garbage import collector_paused
from windlass.scheduling.cycle import open_session, run_to_rest
from windlass.scheduling.decisions import Cause, Eviction, PendingReason, PendingWorkload, Plan
from windlass.scheduling.evicting import eviction_of
from windlass.scheduling.jobs import Job
from windlass.scheduling.model import Placement, Pod, Snapshot, Workload
from windlass.scheduling.reasons import Explainer

MOST_ROUNDS = 8
"""How often waiting workloads are offered to all their pools."""


def plan(snapshot: Snapshot) -> Plan:
    """Decide what runs where, who has to give way, and why the rest waits."""
    with collector_paused():
        return _planned(snapshot)


def _planned(snapshot: Snapshot) -> Plan:
    pools = _Pools(snapshot)
    pools.run_to_rest()
    decided = pools.result()
    pools.close()
    return decided


class _Pools:
    """All pools of a snapshot, and which of them each workload is in."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._workloads = sorted(snapshot.workloads, key=lambda workload: workload.id)
        names = {pool for workload in snapshot.workloads for pool in workload.pools}
        names.update(node.pool for node in snapshot.nodes)
        self._sessions = {pool: open_session(snapshot, pool) for pool in sorted(names)}
        self._pool_of_node = {node.name: node.pool for node in snapshot.nodes}
        self._pool_of: dict[str, str] = {}
        self._times_tried: dict[str, int] = {}
        self._fixed: dict[str, Placement] = {}
        """Pods that stay, whatever is planned: their project has no share of their pool."""
        for workload in self._workloads:
            self._enter(workload)

    def run_to_rest(self) -> None:
        """Run every pool to rest, and offer what still waits to its other pools.

        What went to another pool may have left room in the one before, for others that tried there
        already: so all of it is done again until nothing changes.
        """
        changed = set(self._sessions)
        for _ in range(MOST_ROUNDS):
            before = self._places()
            while changed:
                for pool in sorted(changed):
                    run_to_rest(self._sessions[pool])
                changed = {
                    self._enter_next_pool(workload)
                    for workload in self._workloads
                    if self._may_try_another(workload)
                }
            if self._places() == before:
                return
            self._times_tried.clear()
            changed = {pool for each in self._workloads for pool in self._start_again(each)}

    def result(self) -> Plan:
        """The difference between the snapshot and the pools as they are now."""
        before = dict(_placements(self._workloads))
        after = {**self._fixed, **self._places()}
        return Plan(
            placements={
                pod: place for pod, place in sorted(after.items()) if before.get(pod) != place
            },
            pending=tuple(self._pending(after)),
            evictions=tuple(self._evictions(before, after)),
            fair_shares={
                pool: {state.id: state.fair_share for state in session.queues.all()}
                for pool, session in self._sessions.items()
            },
        )

    def close(self) -> None:
        """Free what the sessions hold."""
        for session in self._sessions.values():
            session.close()

    def _enter(self, workload: Workload) -> None:
        pool = self._first_pool(workload)
        self._pool_of[workload.id] = pool
        job = self._sessions[pool].add(workload)
        for pod in workload.pods:
            place = pod.placement
            if place is None:
                continue
            node_pool = self._pool_of_node.get(place.node, pool)
            if job is None:
                self._fixed[pod.id] = place
            if job is None or node_pool != pool:
                self._sessions[node_pool].cluster.take(pod.request, place)

    def _first_pool(self, workload: Workload) -> str:
        for pod in workload.pods:
            if pod.placement is not None and pod.placement.node in self._pool_of_node:
                return self._pool_of_node[pod.placement.node]
        return workload.pools[0]

    def _may_try_another(self, workload: Workload) -> bool:
        if self._times_tried.get(workload.id, 0) >= len(workload.pools) - 1:
            return False
        job = self._job_of(workload)
        if job is None:
            return not any(pod.id in self._fixed for pod in workload.pods)
        return not job.placed

    def _enter_next_pool(self, workload: Workload) -> str:
        pool = self._pool_of[workload.id]
        position = workload.pools.index(pool) if pool in workload.pools else -1
        following = workload.pools[(position + 1) % len(workload.pools)]
        self._times_tried[workload.id] = self._times_tried.get(workload.id, 0) + 1
        self._enter_pool(workload, following)
        return following

    def _start_again(self, workload: Workload) -> Iterable[str]:
        """Let it wait in the first of its pools, if it waits: the pools that this changes."""
        old, first = self._pool_of[workload.id], workload.pools[0]
        if old == first or not self._may_try_another(workload):
            return ()
        self._enter_pool(workload, first)
        return old, first

    def _enter_pool(self, workload: Workload, pool: str) -> None:
        self._sessions[self._pool_of[workload.id]].remove(workload.id)
        self._sessions[pool].add(workload, as_waiting=True)
        self._pool_of[workload.id] = pool

    def _places(self) -> dict[str, Placement]:
        return {
            pod: place
            for session in self._sessions.values()
            for pod, place in session.places().items()
        }

    def _job_of(self, workload: Workload) -> Job | None:
        return self._sessions[self._pool_of[workload.id]].jobs.get(workload.id)

    def _evictions(
        self, before: Mapping[str, Placement], after: Mapping[str, Placement]
    ) -> Iterable[Eviction]:
        causes = {
            pod: cause
            for session in self._sessions.values()
            for pod, cause in session.causes.items()
        }
        by_id = {workload.id: workload for workload in self._workloads}
        for workload in self._workloads:
            for pod in workload.pods:
                if pod.id in before and after.get(pod.id) != before[pod.id]:
                    cause = causes[pod.id]
                    last = _last_beneficiary(cause, causes, by_id, after)
                    yield eviction_of(
                        workload,
                        pod.id,
                        cause,
                        moves=pod.id in after,
                        passed_on_to=None if last == cause.beneficiary else last,
                    )

    def _pending(self, after: Mapping[str, Placement]) -> Iterable[PendingWorkload]:
        explainers = {pool: Explainer(session, pool) for pool, session in self._sessions.items()}
        for workload in self._workloads:
            waiting = tuple(pod.id for pod in workload.pods if pod.id not in after)
            if waiting:
                reasons = tuple(
                    self._reason(explainers[pool], workload, pool) for pool in workload.pools
                )
                yield PendingWorkload(workload.id, waiting, reasons)

    def _reason(self, explainer: Explainer, workload: Workload, pool: str) -> PendingReason:
        session = self._sessions[pool]
        job = session.jobs.get(workload.id) or session.new_job(workload)
        return explainer.no_queue(workload.queue) if job is None else explainer.reason(job)


def _last_beneficiary(
    cause: Cause,
    causes: Mapping[str, Cause],
    workloads: Mapping[str, Workload],
    after: Mapping[str, Placement],
) -> str | None:
    """Who has the room in the end: each who lost it again lost it to the next."""
    passed = set()
    while cause.beneficiary is not None and cause.beneficiary not in passed:
        pods = [pod.id for pod in workloads[cause.beneficiary].pods]
        following = [causes[pod] for pod in pods if pod in causes]
        if not following or any(pod in after for pod in pods):
            break
        passed.add(cause.beneficiary)
        cause = following[0]
    return cause.beneficiary


def _placements(workloads: Iterable[Workload]) -> Iterable[tuple[str, Placement]]:
    pods: Iterable[Pod] = (pod for workload in workloads for pod in workload.pods)
    return ((pod.id, pod.placement) for pod in pods if pod.placement is not None)
