"""One pool's cycle: allocate, consolidate, reclaim, preempt, stale gangs; and cycles until rest.

The order is KAI-Scheduler's (`pkg/scheduler/conf_util`). What one cycle evicts waits in the next.
"""

from collections.abc import Iterable

from windlass.scheduling.allocate import allocate, claiming_jobs, waiting_jobs
from windlass.scheduling.cluster import Cluster
from windlass.scheduling.consolidate import consolidate
from windlass.scheduling.model import Queue, Settings, Snapshot
from windlass.scheduling.preempt import preempt
from windlass.scheduling.queues import QueueTree
from windlass.scheduling.reclaim import reclaim
from windlass.scheduling.reserving import reserve
from windlass.scheduling.returning import return_to_origin
from windlass.scheduling.session import Session
from windlass.scheduling.stale_gangs import evict_stale_gangs
from windlass.scheduling.victims import Running

MOST_CYCLES = 20
"""Cycles after which a pool counts as one that goes round in circles."""


def open_session(snapshot: Snapshot, pool: str) -> Session:
    """The pool of the snapshot, without workloads."""
    cluster = Cluster(node for node in snapshot.nodes if node.pool == pool)
    queues: Iterable[Queue] = (queue for queue in snapshot.queues if queue.pool == pool)
    if not snapshot.queues:
        ids = sorted({workload.queue for workload in snapshot.workloads})
        queues = (Queue(queue_id, pool) for queue_id in ids)
    settings = snapshot.settings.get(pool, Settings())
    return Session(cluster, QueueTree(queues, cluster.total), settings, snapshot.now)


def run_to_rest(session: Session) -> None:
    """Cycles until nothing changes.

    Rarely the rules go round in circles, in KAI too: one workload evicts another, which then evicts
    the first, and so on without end. Those for whom pods are evicted on the way round then evict
    nobody, and everything is planned again. What that leads to is planned again with all of them,
    since it may lie outside the circle, until it stays.
    """
    for _ in range(MOST_CYCLES):
        start = session.places()
        session.barred.clear()
        while circling := _claimants_in_a_circle(session):
            session.go_back_to(start)
            session.barred |= circling
        if not session.barred or session.places() == start:
            return


def _claimants_in_a_circle(session: Session) -> set[str]:
    """Run cycles to rest; or else the workloads for whom pods were evicted without end."""
    seen = [session.places()]
    claimants: list[set[str]] = []
    for _ in range(MOST_CYCLES):
        run_cycle(session)
        if not session.causes and not waiting_jobs(session):
            # Everybody has a place, and nobody lost one: another cycle would find nothing to do.
            return set()
        claimants.append(session.claimants)
        now = session.places()
        if now == seen[-1]:
            return set()
        if now in seen:
            return set().union(*claimants[seen.index(now) :])
        seen.append(now)
    return set().union(*claimants)


def run_cycle(session: Session) -> None:
    """All actions once."""
    session.begin_cycle()
    return_to_origin(session)
    reserve(session)
    allocate(session)
    if claiming_jobs(session):
        running = Running(session.jobs.values())
        consolidate(session, running)
        reclaim(session, running)
        preempt(session, running)
    evict_stale_gangs(session)
    session.end_cycle()
