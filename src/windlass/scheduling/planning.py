"""A snapshot in, a plan out."""

from collections.abc import Sequence

from windlass.scheduling.cluster import Cluster
from windlass.scheduling.decisions import PendingReason, PendingWorkload, Plan
from windlass.scheduling.gangs import next_pods, place_together
from windlass.scheduling.model import Placement, Snapshot, Workload
from windlass.scheduling.shortage import explain_no_room


def plan(snapshot: Snapshot) -> Plan:
    """Decide what runs where.

    First every workload gets its minimum, then extras are placed one at a time, in the order of
    workloads. What cannot be placed in the first of a workload's pools is tried in the next.
    """
    clusters = _clusters_with_what_runs(snapshot)
    placed = {
        pod.id: pod.placement
        for workload in snapshot.workloads
        for pod in workload.pods
        if pod.placement is not None
    }
    running = set(placed)
    in_order = sorted(snapshot.workloads, key=_order)
    for workload in in_order:
        _place_next(clusters, workload, placed)
    _place_extras(clusters, in_order, placed)
    return Plan(
        placements={pod: place for pod, place in placed.items() if pod not in running},
        pending=tuple(
            _explain(clusters, workload, placed)
            for workload in sorted(snapshot.workloads, key=lambda workload: workload.id)
            if next_pods(workload, placed)
        ),
    )


def _clusters_with_what_runs(snapshot: Snapshot) -> dict[str, Cluster]:
    pools = {pool for workload in snapshot.workloads for pool in workload.pools}
    pools.update(node.pool for node in snapshot.nodes)
    clusters = {
        pool: Cluster(node for node in snapshot.nodes if node.pool == pool) for pool in pools
    }
    pool_of = {node.name: node.pool for node in snapshot.nodes}
    for workload in snapshot.workloads:
        for pod in workload.pods:
            if pod.placement is not None and pod.placement.node in pool_of:
                clusters[pool_of[pod.placement.node]].place(pod.request, pod.placement)
    return clusters


def _order(workload: Workload) -> tuple[int, float, str]:
    """Higher priority first, then older first. Source: KAI-Scheduler, plugins/priority."""
    return -workload.priority, workload.submitted_at, workload.id


def _place_extras(
    clusters: dict[str, Cluster], in_order: Sequence[Workload], placed: dict[str, Placement]
) -> None:
    for workload in in_order:
        if workload.minimum > sum(pod.id in placed for pod in workload.pods):
            continue
        while _place_next(clusters, workload, placed):
            pass


def _place_next(
    clusters: dict[str, Cluster], workload: Workload, placed: dict[str, Placement]
) -> bool:
    """Place what has to be placed together next, in the first pool that has room."""
    pods = next_pods(workload, placed)
    if not pods:
        return False
    for pool in workload.pools:
        places = place_together(clusters[pool], pods, workload.node_labels)
        if places is not None:
            placed.update(places)
            return True
    return False


def _explain(
    clusters: dict[str, Cluster], workload: Workload, placed: dict[str, Placement]
) -> PendingWorkload:
    pods = next_pods(workload, placed)
    reasons: list[PendingReason] = [
        explain_no_room(clusters[pool], pool, pods, workload.node_labels) for pool in workload.pools
    ]
    waiting = tuple(pod.id for pod in workload.pods if pod.id not in placed)
    return PendingWorkload(workload.id, waiting, tuple(reasons))
