"""What would happen if the snapshot were different: nothing is changed, only planned."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from windlass.scheduling.decisions import Plan
from windlass.scheduling.model import Node, Pod, Queue, Snapshot, Workload
from windlass.scheduling.planning import plan


@dataclass(frozen=True, slots=True)
class Changes:
    """Differences to a snapshot. Adding what exists replaces it; ids are those of the snapshot."""

    add_workloads: tuple[Workload, ...] = ()
    remove_workloads: frozenset[str] = frozenset()
    add_queues: tuple[Queue, ...] = ()
    remove_queues: frozenset[tuple[str, str]] = frozenset()
    """By pool and id."""
    add_nodes: tuple[Node, ...] = ()
    remove_nodes: frozenset[str] = frozenset()
    """Pods on these nodes wait for another place."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What would run where, who would be evicted, what would wait and why."""

    snapshot: Snapshot
    """The snapshot with the changes."""
    plan: Plan
    newly_waiting: tuple[str, ...] = ()
    """Workloads that run, or would without the changes, and would wait with them."""
    newly_running: tuple[str, ...] = ()
    """Workloads that would wait without the changes and reach their minimum with them."""


def what_if(snapshot: Snapshot, changes: Changes) -> Outcome:
    """Plan the snapshot with the changes, and compare with the plan without them."""
    changed = apply(snapshot, changes)
    decided = plan(changed)
    without = served(snapshot, plan(snapshot))
    with_them = served(changed, decided)
    known = {workload.id for workload in snapshot.workloads} - changes.remove_workloads
    return Outcome(
        changed,
        decided,
        newly_waiting=tuple(sorted((without - with_them) & known)),
        newly_running=tuple(sorted((with_them - without) & known)),
    )


def apply(snapshot: Snapshot, changes: Changes) -> Snapshot:
    """The snapshot with the changes."""
    workloads = {workload.id: workload for workload in snapshot.workloads}
    workloads.update((workload.id, workload) for workload in changes.add_workloads)
    queues = {(queue.pool, queue.id): queue for queue in snapshot.queues}
    queues.update(((queue.pool, queue.id), queue) for queue in changes.add_queues)
    nodes = {node.name: node for node in snapshot.nodes}
    nodes.update((node.name, node) for node in changes.add_nodes)
    return replace(
        snapshot,
        nodes=tuple(node for name, node in nodes.items() if name not in changes.remove_nodes),
        queues=tuple(queue for key, queue in queues.items() if key not in changes.remove_queues),
        workloads=tuple(
            _off_nodes(workload, changes.remove_nodes)
            for workload_id, workload in workloads.items()
            if workload_id not in changes.remove_workloads
        ),
    )


def merged(parts: Iterable[Changes]) -> Changes:
    """One change that does what these do one after the other; none of them removes anything that
    an earlier one adds."""
    workloads: dict[str, Workload] = {}
    queues: dict[tuple[str, str], Queue] = {}
    nodes: dict[str, Node] = {}
    removed = Changes()
    for part in parts:
        workloads.update((workload.id, workload) for workload in part.add_workloads)
        queues.update(((queue.pool, queue.id), queue) for queue in part.add_queues)
        nodes.update((node.name, node) for node in part.add_nodes)
        removed = Changes(
            remove_workloads=removed.remove_workloads | part.remove_workloads,
            remove_queues=removed.remove_queues | part.remove_queues,
            remove_nodes=removed.remove_nodes | part.remove_nodes,
        )
    return replace(
        removed,
        add_workloads=tuple(workloads.values()),
        add_queues=tuple(queues.values()),
        add_nodes=tuple(nodes.values()),
    )


def carried_out(snapshot: Snapshot, decided: Plan) -> Snapshot:
    """The snapshot once its plan is carried out."""
    stopped = {eviction.pod_id for eviction in decided.evictions}

    def moved(pod: Pod) -> Pod:
        place = None if pod.id in stopped else pod.placement
        return replace(pod, placement=decided.placements.get(pod.id, place))

    workloads = tuple(
        replace(workload, pods=tuple(map(moved, workload.pods))) for workload in snapshot.workloads
    )
    return replace(snapshot, workloads=workloads)


def served(snapshot: Snapshot, decided: Plan) -> frozenset[str]:
    """Workloads of which at least the minimum runs once the plan is carried out."""
    return frozenset(
        workload.id
        for workload in carried_out(snapshot, decided).workloads
        if sum(pod.placement is not None for pod in workload.pods) >= workload.minimum
    )


def _off_nodes(workload: Workload, nodes: frozenset[str]) -> Workload:
    if not any(pod.placement is not None and pod.placement.node in nodes for pod in workload.pods):
        return workload
    pods = tuple(
        replace(pod, placement=None)
        if pod.placement is not None and pod.placement.node in nodes
        else pod
        for pod in workload.pods
    )
    return replace(workload, pods=pods)
