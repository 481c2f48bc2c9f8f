"""What would make a waiting workload run: each remedy is tried before it is offered."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from windlass.scheduling.amounts import SHARED_RESOURCES
from windlass.scheduling.decisions import Plan, ReasonCode
from windlass.scheduling.jobs import asked_by
from windlass.scheduling.model import Pod, Queue, Quota, Request, Snapshot, Workload
from windlass.scheduling.planning import plan
from windlass.scheduling.quantities import WHOLE_DEVICE, Resource, describe
from windlass.scheduling.what_if import Changes, apply, carried_out, served


class RemedyKind(StrEnum):
    """In what way a workload is helped."""

    SMALLER_REQUEST = "smaller-request"
    FEWER_TOGETHER = "fewer-together"
    OTHER_POOL = "other-pool"
    PREEMPTIBLE = "preemptible"
    RAISE_LIMIT = "raise-limit"
    RAISE_QUOTA = "raise-quota"
    MORE_NODES = "more-nodes"


@dataclass(frozen=True, slots=True)
class Remedy:
    """A change after which the workload runs, and what it is in words."""

    kind: RemedyKind
    changes: Changes
    message: str


def remedies(
    snapshot: Snapshot, workload_id: str, decided: Plan | None = None
) -> tuple[Remedy, ...]:
    """What would make the workload run, each on its own; none where it runs or nothing helps.

    `decided` is the plan of this snapshot, if it was made already. Every candidate costs one plan.
    Raises KeyError for an unknown workload.
    """
    workloads = {workload.id: workload for workload in snapshot.workloads}
    workload = workloads[workload_id]
    decided = decided or plan(snapshot)
    pending = {item.workload_id: item for item in decided.pending}.get(workload_id)
    if pending is None or workload_id in served(snapshot, decided):
        return ()
    codes = {reason.code for reason in pending.reasons}
    then = carried_out(snapshot, decided)
    found = []
    for kind in _kinds_for(codes):
        for candidate in _CANDIDATES[kind](then, workload):
            if _helps(snapshot, candidate, workload_id):
                found.append(candidate)
                break
    return tuple(found)


def _kinds_for(codes: set[ReasonCode]) -> Iterable[RemedyKind]:
    """What may help: nobody is told to ask for a higher limit who has no room, nor the reverse."""
    kinds = [RemedyKind.SMALLER_REQUEST, RemedyKind.FEWER_TOGETHER, RemedyKind.OTHER_POOL]
    if ReasonCode.OVER_LIMIT in codes:
        kinds.append(RemedyKind.RAISE_LIMIT)
    if ReasonCode.NON_PREEMPTIBLE_OVER_QUOTA in codes:
        kinds.append(RemedyKind.PREEMPTIBLE)
    if ReasonCode.NO_ROOM in codes:
        kinds.append(RemedyKind.MORE_NODES)
    return [*kinds, RemedyKind.RAISE_QUOTA]


def _helps(snapshot: Snapshot, remedy: Remedy, workload_id: str) -> bool:
    changed = apply(snapshot, remedy.changes)
    return workload_id in served(changed, plan(changed))


def _smaller_requests(_snapshot: Snapshot, workload: Workload) -> Iterator[Remedy]:
    """Fewer devices, then smaller parts of one, from large to small."""
    request = workload.pods[0].request
    if request.mig_profile is not None or not request.devices:
        return
    for smaller in _device_steps(request):
        pods = tuple(_asking(pod, smaller) for pod in workload.pods)
        size = "GPU memory" if smaller.device_memory_bytes is not None else "GPU"
        amount = (
            describe(Resource.GPU_MEMORY, smaller.device_memory_bytes)
            if smaller.device_memory_bytes is not None
            else describe(Resource.GPU, smaller.devices * smaller.portion)
        )
        yield Remedy(
            RemedyKind.SMALLER_REQUEST,
            Changes(add_workloads=(replace(workload, pods=pods),)),
            f"It would run now with a smaller {size} request: {amount} for each pod.",
        )


def _device_steps(request: Request) -> Iterator[Request]:
    if request.device_memory_bytes is not None:
        for part in (2, 4, 8):
            yield replace(request, device_memory_bytes=request.device_memory_bytes // part)
        return
    for devices in range(request.devices - 1, 0, -1):
        yield replace(request, devices=devices)
    for percent in (75, 50, 25, 10):
        smaller = WHOLE_DEVICE * percent // 100
        if smaller < request.portion:
            yield replace(request, devices=1, portion=smaller)


def _fewer_together(_snapshot: Snapshot, workload: Workload) -> Iterator[Remedy]:
    for members in range(workload.minimum - 1, 0, -1):
        yield Remedy(
            RemedyKind.FEWER_TOGETHER,
            Changes(add_workloads=(replace(workload, min_members=members),)),
            f"{members} of its {len(workload.pods)} pods could run now, if they need not wait for "
            "the others.",
        )


def _other_pools(snapshot: Snapshot, workload: Workload) -> Iterator[Remedy]:
    for pool in sorted({node.pool for node in snapshot.nodes} - set(workload.pools)):
        yield Remedy(
            RemedyKind.OTHER_POOL,
            Changes(add_workloads=(replace(workload, pools=(*workload.pools, pool)),)),
            f"It would run now in node pool {pool}.",
        )


def _as_preemptible(_snapshot: Snapshot, workload: Workload) -> Iterator[Remedy]:
    yield Remedy(
        RemedyKind.PREEMPTIBLE,
        Changes(add_workloads=(replace(workload, preemptible=True),)),
        "It would run now as preemptible work, which may go over quota.",
    )


def _more_nodes(snapshot: Snapshot, workload: Workload) -> Iterator[Remedy]:
    """More nodes like the largest of its first pool."""
    pool = workload.pools[0]
    nodes = [node for node in snapshot.nodes if node.pool == pool]
    if not nodes:
        return
    like = max(nodes, key=lambda node: (len(node.devices), node.cpu_millicores, node.name))
    for count in range(1, min(len(workload.pods), MOST_NODES_ADDED) + 1):
        added = tuple(replace(like, name=f"{like.name}+{number}") for number in range(count))
        yield Remedy(
            RemedyKind.MORE_NODES,
            Changes(add_nodes=added),
            f"It would run with {count} more node{'s' if count > 1 else ''} like {like.name} in "
            f"node pool {pool}.",
        )


MOST_NODES_ADDED = 16
"""Up to how many more nodes are thought of."""


def _raised_limits(snapshot: Snapshot, workload: Workload) -> Iterator[Remedy]:
    yield from _raised(snapshot, workload, RemedyKind.RAISE_LIMIT, _with_higher_limit)


def _raised_quotas(snapshot: Snapshot, workload: Workload) -> Iterator[Remedy]:
    yield from _raised(snapshot, workload, RemedyKind.RAISE_QUOTA, _with_higher_quota)


def _raised(
    snapshot: Snapshot,
    workload: Workload,
    kind: RemedyKind,
    raise_quota: Callable[[Quota, int], Quota],
) -> Iterator[Remedy]:
    """Raise every queue on the workload's line, in its first pool, by as little as lets it in.

    That much is what non-preemptible work holds and the workload asks for, or else what all do.
    """
    pool = workload.pools[0]
    asked = _asked(snapshot, workload, pool)
    for non_preemptible in (True, False):
        if not (non_preemptible and workload.preemptible):
            yield from _raised_to_hold(
                snapshot, workload, kind, raise_quota, asked, non_preemptible=non_preemptible
            )


def _raised_to_hold(
    snapshot: Snapshot,
    workload: Workload,
    kind: RemedyKind,
    raise_quota: Callable[[Quota, int], Quota],
    asked: Sequence[int],
    *,
    non_preemptible: bool,
) -> Iterator[Remedy]:
    pool = workload.pools[0]
    line = _line(snapshot, workload.queue, pool)
    held = {
        queue.id: _held_below(snapshot, queue.id, pool, non_preemptible=non_preemptible)
        for queue in line
    }
    raised, words = [], []
    for queue in line:
        quotas = [queue.gpu, queue.cpu, queue.memory]
        for index, resource in enumerate(SHARED_RESOURCES):
            needed = held[queue.id][index] + asked[index]
            higher = raise_quota(quotas[index], needed) if asked[index] else quotas[index]
            if higher != quotas[index]:
                quotas[index] = higher
                words.append(f"of queue {queue.id} to {describe(resource, needed)}")
        changed = replace(queue, gpu=quotas[0], cpu=quotas[1], memory=quotas[2])
        if changed != queue:
            raised.append(changed)
    if raised:
        what = "limit" if kind is RemedyKind.RAISE_LIMIT else "quota"
        yield Remedy(
            kind,
            Changes(add_queues=tuple(raised)),
            f"It would run now with a higher {what}: {', '.join(words)}.",
        )


def _with_higher_limit(quota: Quota, needed: int) -> Quota:
    if quota.limit is None or quota.limit >= needed:
        return quota
    return replace(quota, limit=needed)


def _with_higher_quota(quota: Quota, needed: int) -> Quota:
    if quota.deserved is None or quota.deserved >= needed:
        return quota
    return replace(quota, deserved=needed)


def _line(snapshot: Snapshot, queue_id: str, pool: str) -> list[Queue]:
    by_id = {queue.id: queue for queue in snapshot.queues if queue.pool == pool}
    line: list[Queue] = []
    current = by_id.get(queue_id)
    while current is not None:
        line.append(current)
        current = None if current.parent is None else by_id.get(current.parent)
    return line


def _asked(snapshot: Snapshot, workload: Workload, pool: str) -> list[int]:
    least = min(
        (
            device.memory_bytes
            for node in snapshot.nodes
            if node.pool == pool
            for device in node.devices
        ),
        default=0,
    )
    waiting = [pod for pod in workload.pods if pod.placement is None]
    amounts = [asked_by(pod.request, least) for pod in waiting[: workload.minimum]]
    return [sum(amount[index] for amount in amounts) for index in range(3)]


def _held_below(
    snapshot: Snapshot, queue_id: str, pool: str, *, non_preemptible: bool
) -> list[int]:
    """What all work, or all non-preemptible work, of the queue and of those below it holds."""
    nodes = {node.name for node in snapshot.nodes if node.pool == pool}
    held = [0, 0, 0]
    for workload in snapshot.workloads:
        if non_preemptible and workload.preemptible:
            continue
        if all(queue.id != queue_id for queue in _line(snapshot, workload.queue, pool)):
            continue
        for pod in workload.pods:
            if pod.placement is None or pod.placement.node not in nodes:
                continue
            held[0] += sum(share.portion for share in pod.placement.devices)
            held[1] += pod.request.cpu_millicores
            held[2] += pod.request.memory_bytes
    return held


def _asking(pod: Pod, request: Request) -> Pod:
    return replace(pod, request=request) if pod.placement is None else pod


_CANDIDATES: dict[RemedyKind, Callable[[Snapshot, Workload], Iterator[Remedy]]] = {
    RemedyKind.SMALLER_REQUEST: _smaller_requests,
    RemedyKind.FEWER_TOGETHER: _fewer_together,
    RemedyKind.OTHER_POOL: _other_pools,
    RemedyKind.PREEMPTIBLE: _as_preemptible,
    RemedyKind.MORE_NODES: _more_nodes,
    RemedyKind.RAISE_LIMIT: _raised_limits,
    RemedyKind.RAISE_QUOTA: _raised_quotas,
}
