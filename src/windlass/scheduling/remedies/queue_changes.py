"""What the queues of a waiting workload may have instead, from little to much."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from windlass.scheduling.amounts import NOTHING, SHARED_RESOURCES, Amounts, plus
from windlass.scheduling.jobs import asked_by
from windlass.scheduling.model import Pod, Queue, Quota, Snapshot, Workload
from windlass.scheduling.quantities import describe
from windlass.scheduling.remedies.steps import Step, open_pools
from windlass.scheduling.what_if import Changes


def pool_shares(then: Snapshot, workload: Workload) -> Sequence[Step]:
    """A queue for the project, and for those above it, in each pool where it has none.

    As in Run:ai they deserve no GPUs there at first, but may go over quota.
    """
    missing = [pool for pool in workload.pools if not _line(then, workload.queue, pool)]
    if not missing or not then.queues:
        return ()
    above = next(
        (line[1:] for pool in _pools(then) if (line := _line(then, workload.queue, pool))), []
    )
    added = []
    for pool in missing:
        there = {queue.id for queue in then.queues if queue.pool == pool}
        names = [workload.queue, *(queue.id for queue in above)]
        parents = [*names[1:], None]
        added += [
            Queue(name, pool, parent, gpu=Quota(deserved=0))
            for name, parent in zip(names, parents, strict=True)
            if name not in there
        ]
    words = f"with a share of node pool {', '.join(missing)} for project {workload.queue}"
    return (Step(Changes(add_queues=tuple(added)), words),)


def raised_limits(then: Snapshot, workload: Workload) -> Sequence[Step]:
    """Limits, at every level, that let it in beside all that runs; then beside all that waits."""
    return _raised(then, workload, "limit", _with_higher_limit, _held_by_all, _asked_by_all)


def raised_quotas(then: Snapshot, workload: Workload) -> Sequence[Step]:
    """Quotas, at every level, that let it in beside all non-preemptible work; then beside all that
    runs, and beside all that waits."""
    first: Sequence[Holding] = () if workload.preemptible else (_held_by_non_preemptible,)
    holdings = (*first, _held_by_all, _asked_by_all)
    return _raised(then, workload, "quota", _with_higher_quota, *holdings)


Holding = Callable[[Snapshot, Workload, str, str], Amounts]
"""What counts against a queue of a pool beside the workload."""

Raise = Callable[[Quota, int], Quota]
"""A quota with its bound raised to an amount, or as it is where that is enough."""


def _raised(
    then: Snapshot, workload: Workload, what: str, raise_bound: Raise, *holdings: Holding
) -> Sequence[Step]:
    """Raise every queue on the workload's line by what lets it in: in one of its pools, in the last
    of them first, then in all."""
    pools = open_pools(then, workload)
    choices = [(pool,) for pool in reversed(pools)] + [pools] * (len(pools) > 1)
    steps: list[Step] = []
    for holding in holdings:
        for chosen in choices:
            raised, words = [], []
            for pool in chosen:
                for queue, word in _higher(then, workload, pool, raise_bound, holding):
                    raised.append(queue)
                    words.append(word + f" in node pool {pool}" * (len(pools) > 1))
            changes = Changes(add_queues=tuple(raised))
            step = Step(changes, f"with a higher {what}: {', '.join(words)}")
            if raised and step not in steps:
                steps.append(step)
    return steps


def _higher(
    then: Snapshot, workload: Workload, pool: str, raise_bound: Raise, holding: Holding
) -> Iterator[tuple[Queue, str]]:
    """The queues on the workload's line in a pool that have to be raised, and to what."""
    asked = _asked(then, workload, pool)
    for queue in _line(then, workload.queue, pool):
        needed = plus(holding(then, workload, queue.id, pool), asked)
        higher, words = _with_bounds(queue, needed, asked, raise_bound)
        if higher != queue:
            yield higher, words


def _with_bounds(
    queue: Queue, needed: Amounts, asked: Amounts, raise_bound: Raise
) -> tuple[Queue, str]:
    quotas = [queue.gpu, queue.cpu, queue.memory]
    amounts = []
    for index, resource in enumerate(SHARED_RESOURCES):
        higher = raise_bound(quotas[index], needed[index]) if asked[index] else quotas[index]
        if higher != quotas[index]:
            quotas[index] = higher
            amounts.append(describe(resource, needed[index]))
    raised = replace(queue, gpu=quotas[0], cpu=quotas[1], memory=quotas[2])
    return raised, f"of queue {queue.id} to {' and '.join(amounts)}"


def _with_higher_limit(quota: Quota, needed: int) -> Quota:
    if quota.limit is None or quota.limit >= needed:
        return quota
    return replace(quota, limit=needed)


def _with_higher_quota(quota: Quota, needed: int) -> Quota:
    if quota.deserved is None or quota.deserved >= needed:
        return quota
    return replace(quota, deserved=needed)


def _pools(then: Snapshot) -> list[str]:
    return sorted({queue.pool for queue in then.queues})


def _line(then: Snapshot, queue_id: str, pool: str) -> list[Queue]:
    by_id = {queue.id: queue for queue in then.queues if queue.pool == pool}
    line: list[Queue] = []
    current = by_id.get(queue_id)
    while current is not None:
        line.append(current)
        current = None if current.parent is None else by_id.get(current.parent)
    return line


def _asked(then: Snapshot, workload: Workload, pool: str) -> Amounts:
    """What those pods ask that have to be placed together next."""
    placed = sum(pod.placement is not None for pod in workload.pods)
    waiting = [pod for pod in workload.pods if pod.placement is None]
    return _sum_asked(then, waiting[: max(1, workload.minimum - placed)], pool)


def _sum_asked(then: Snapshot, pods: Iterable[Pod], pool: str) -> Amounts:
    least = min(
        (
            device.memory_bytes
            for node in then.nodes
            if node.pool == pool
            for device in node.devices
        ),
        default=0,
    )
    total = NOTHING
    for pod in pods:
        total = plus(total, asked_by(pod.request, least))
    return total


def _held_by_non_preemptible(
    then: Snapshot, _workload: Workload, queue_id: str, pool: str
) -> Amounts:
    workloads = (each for each in _below(then, queue_id, pool) if not each.preemptible)
    return _held(then, workloads, pool)


def _held_by_all(then: Snapshot, _workload: Workload, queue_id: str, pool: str) -> Amounts:
    return _held(then, _below(then, queue_id, pool), pool)


def _asked_by_all(then: Snapshot, workload: Workload, queue_id: str, pool: str) -> Amounts:
    total = NOTHING
    for each in _below(then, queue_id, pool):
        if pool in each.pools:
            itself = each.id == workload.id
            pods = (pod for pod in each.pods if pod.placement is not None or not itself)
            total = plus(total, _sum_asked(then, pods, pool))
    return total


def _below(then: Snapshot, queue_id: str, pool: str) -> Iterator[Workload]:
    """The workloads of the queue and of those below it."""
    belongs: dict[str, bool] = {}
    for workload in then.workloads:
        name = workload.queue
        if name not in belongs:
            belongs[name] = any(queue.id == queue_id for queue in _line(then, name, pool))
        if belongs[name]:
            yield workload


def _held(then: Snapshot, workloads: Iterable[Workload], pool: str) -> Amounts:
    nodes = {node.name for node in then.nodes if node.pool == pool}
    held = NOTHING
    for workload in workloads:
        for pod in workload.pods:
            if pod.placement is None or pod.placement.node not in nodes:
                continue
            gpu = sum(share.portion for share in pod.placement.devices)
            held = plus(held, (gpu, pod.request.cpu_millicores, pod.request.memory_bytes))
    return held
