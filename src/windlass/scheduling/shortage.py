"""Why pods that must run together have no room, in numbers and in a sentence."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from windlass.scheduling.cluster import NodeState
from windlass.scheduling.decisions import MOST_NAMED, PendingReason, ReasonCode
from windlass.scheduling.jobs import Job, PodState
from windlass.scheduling.model import LabelRule, Request
from windlass.scheduling.placing import choose_devices, could_suit, find_place
from windlass.scheduling.quantities import WHOLE_DEVICE, Resource, describe
from windlass.scheduling.session import Session
from windlass.scheduling.topology import topologies_of


def explain_no_room(
    session: Session, pool: str, job: Job, on_node: Mapping[str, Sequence[PodState]]
) -> PendingReason:
    """The dominant reason why the job's next pods have no room now.

    The dominant resource is the one that most nodes lack for the first pod without a place; at a
    tie GPUs come before device memory, CPU and memory. Of nodes that could take it if they were
    empty, the one on which the fewest workloads would have to end tells whom it waits for.
    """
    pods = job.next_pods()
    suited = session.cluster.suited(job.workload)
    nodes = [state for state in session.cluster.nodes if suited is None or state.rank in suited]
    if not nodes:
        has_nodes = bool(session.cluster.nodes)
        message = _no_match(pool, job) if has_nodes else f"Node pool {pool} has no nodes."
        return PendingReason(pool, ReasonCode.NO_ROOM, message)
    found = _first_without_place(session, nodes, pods, suited)
    request = pods[found.fitted].request
    never = [_lacks_when_empty(state, request) for state in nodes]
    too_large = None not in never
    resource = _dominant(Counter(filter(None, never)) if too_large else found.lacking)
    free = [_free(state, resource) for state in nodes]
    total = [_total(state, resource) for state in nodes]
    if too_large:
        message = _never_fits(pool, request, resource, max(total))
    elif found.all_fitted:
        message = _not_together(pool, job)
    else:
        message = _does_not_fit(pool, found.fitted, pods, resource, free, sum(total))
    return PendingReason(
        pool,
        ReasonCode.NO_ROOM,
        message,
        resource,
        asked=sum(_asked(pod.request, resource) for pod in pods),
        free=sum(free),
        total=sum(total),
        free_on_one_node=max(free),
        waits_for=() if too_large else _in_the_way(nodes, request, on_node),
    )


@dataclass(frozen=True, slots=True)
class _Found:
    """How many pods found a place before one did not, and what nodes lacked for that one."""

    fitted: int
    lacking: Counter[Resource]
    all_fitted: bool = False


def _first_without_place(
    session: Session,
    nodes: Sequence[NodeState],
    pods: Sequence[PodState],
    suited: frozenset[int] | None,
) -> _Found:
    """Where pods find no place one by one; all may find one and still not be together enough."""
    mark = session.checkpoint()
    fitted = 0
    for pod in pods:
        place = find_place(session.cluster, pod.request, session.settings, suited)
        if place is None:
            break
        session.place(pod, place)
        fitted += 1
    all_fitted = fitted == len(pods)
    fitted -= all_fitted
    lacking = Counter(_lacks(state, pods[fitted].request) for state in nodes)
    session.rollback(mark)
    return _Found(fitted, lacking, all_fitted)


def _dominant(lacking: Counter[Resource]) -> Resource:
    order = list(Resource)
    return max(lacking, key=lambda resource: (lacking[resource], -order.index(resource)))


def _lacks(state: NodeState, request: Request) -> Resource:
    if choose_devices(state, request) is None:
        return _kind_of_device_ask(request)
    if state.free_cpu < request.cpu_millicores:
        return Resource.CPU
    if state.free_memory < request.memory_bytes:
        return Resource.MEMORY
    return _kind_of_device_ask(request) if request.devices else Resource.CPU


def _lacks_when_empty(state: NodeState, request: Request) -> Resource | None:
    suited = sum(could_suit(device, request) for device in state.devices)
    if suited < request.devices:
        return _kind_of_device_ask(request)
    if state.node.cpu_millicores < request.cpu_millicores:
        return Resource.CPU
    if state.node.memory_bytes < request.memory_bytes:
        return Resource.MEMORY
    return None


def _kind_of_device_ask(request: Request) -> Resource:
    return Resource.GPU if request.device_memory_bytes is None else Resource.GPU_MEMORY


def _in_the_way(
    nodes: Sequence[NodeState], request: Request, on_node: Mapping[str, Sequence[PodState]]
) -> tuple[str, ...]:
    """The fewest workloads whose end would let one pod in, on one node."""
    best: tuple[str, ...] = ()
    for state in nodes:
        if _lacks_when_empty(state, request) is not None:
            continue
        named = _to_end_on(state, request, on_node.get(state.node.name, ()))
        if named and (not best or len(named) < len(best)):
            best = named
        if len(best) == 1:
            break
    return best[:MOST_NAMED]


def _to_end_on(state: NodeState, request: Request, pods: Sequence[PodState]) -> tuple[str, ...]:
    cpu, memory, devices = state.free_cpu, state.free_memory, state.free_devices
    parts = {device.id: device.free_portion for device in state.devices}
    named: dict[str, None] = {}
    for pod in sorted(pods, key=lambda pod: (-pod.request.devices, -pod.asked[0], pod.id)):
        cpu += pod.request.cpu_millicores
        memory += pod.request.memory_bytes
        for share in () if pod.place is None else pod.place.devices:
            parts[share.device_id] = parts.get(share.device_id, 0) + share.portion
            devices += parts[share.device_id] == WHOLE_DEVICE
        named[pod.job.id] = None
        needed = 1 if request.shares_devices else request.devices
        if cpu >= request.cpu_millicores and memory >= request.memory_bytes and devices >= needed:
            break
    return tuple(named)


def _asked(request: Request, resource: Resource) -> int:
    match resource:
        case Resource.GPU:
            return request.devices * request.portion
        case Resource.GPU_MEMORY:
            return request.devices * (request.device_memory_bytes or 0)
        case Resource.CPU:
            return request.cpu_millicores
        case Resource.MEMORY:
            return request.memory_bytes


def _free(state: NodeState, resource: Resource) -> int:
    match resource:
        case Resource.GPU:
            return sum(device.free_portion for device in state.devices)
        case Resource.GPU_MEMORY:
            return sum(device.free_memory for device in state.devices)
        case Resource.CPU:
            return state.free_cpu
        case Resource.MEMORY:
            return state.free_memory


def _total(state: NodeState, resource: Resource) -> int:
    match resource:
        case Resource.GPU:
            return WHOLE_DEVICE * len(state.devices)
        case Resource.GPU_MEMORY:
            return sum(device.memory for device in state.devices)
        case Resource.CPU:
            return state.node.cpu_millicores
        case Resource.MEMORY:
            return state.node.memory_bytes


def _no_match(pool: str, job: Job) -> str:
    wanted = [f"{key}={value}" for key, value in sorted(job.workload.node_labels.items())]
    terms = [" and ".join(map(_rule, term)) for term in job.workload.node_affinity]
    if terms:
        wanted.append(" or ".join(terms))
    if not wanted:
        return f"Every node of node pool {pool} has a taint that the workload does not tolerate."
    return (
        f"No node of node pool {pool} that lets the workload in has the labels: "
        f"{'; '.join(wanted)}."
    )


def _rule(rule: LabelRule) -> str:
    return f"{rule.key} {rule.operator} {', '.join(sorted(rule.values))}".strip()


def _not_together(pool: str, job: Job) -> str:
    levels = [topology.required for topology in topologies_of(job.workload) if topology.required]
    return (
        f"Node pool {pool} has room for each of its pods, but no "
        f"{' and '.join(levels) or 'group of nodes'} has room for all that must be together."
    )


def _never_fits(pool: str, request: Request, resource: Resource, largest: int) -> str:
    return (
        f"A pod asks for {_ask(request, resource)} on one node, and no node of node pool {pool} "
        f"has that even when empty: the most that one has is {describe(resource, largest)}."
    )


def _does_not_fit(
    pool: str,
    fitted: int,
    pods: Sequence[PodState],
    resource: Resource,
    free: Sequence[int],
    total: int,
) -> str:
    who = "A pod"
    if len(pods) > 1:
        who = f"{len(pods)} pods have to start together; {fitted} of them have room, and the next"
    return (
        f"{who} asks for {_ask(pods[fitted].request, resource)} on one node. Node pool {pool} has "
        f"{describe(resource, total)}, of which {describe(resource, sum(free))} free, at most "
        f"{describe(resource, max(free))} on one node."
    )


def _ask(request: Request, resource: Resource) -> str:
    if resource in (Resource.CPU, Resource.MEMORY):
        return describe(resource, _asked(request, resource))
    if request.mig_profile is not None:
        return f"{request.devices} MIG devices of profile {request.mig_profile}"
    devices = "one GPU" if request.devices == 1 else f"each of {request.devices} GPUs"
    if request.device_memory_bytes is not None:
        memory = describe(Resource.GPU_MEMORY, request.device_memory_bytes)
        return f"{memory} on {devices}"
    if request.shares_devices:
        return f"{request.portion / WHOLE_DEVICE:g} of {devices}"
    return describe(Resource.GPU, request.devices * WHOLE_DEVICE)
