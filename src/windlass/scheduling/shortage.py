"""Why pods that must run together have no room, in numbers and in a sentence."""

from collections import Counter
from collections.abc import Mapping, Sequence

from windlass.scheduling.cluster import Cluster, DeviceState, NodeState
from windlass.scheduling.decisions import PendingReason, ReasonCode
from windlass.scheduling.model import Pod, Request
from windlass.scheduling.placing import choose_devices, find_place, matches
from windlass.scheduling.quantities import WHOLE_DEVICE, Resource, describe


def explain_no_room(
    cluster: Cluster, pool: str, pods: Sequence[Pod], node_labels: Mapping[str, str]
) -> PendingReason:
    """The dominant reason why these pods, which are placed together, have no room now.

    The dominant resource is the one that most nodes lack for the first pod without a place; at a
    tie GPUs come before device memory, CPU and memory. Leaves the cluster as it was.
    """
    nodes = [state for state in cluster.nodes if matches(state, node_labels)]
    if not nodes:
        message = (
            _no_node(pool, node_labels) if cluster.nodes else f"Node pool {pool} has no nodes."
        )
        return PendingReason(pool, ReasonCode.NO_ROOM, message)
    fitted, lacking = _first_without_place(cluster, nodes, pods, node_labels)
    request = pods[fitted].request
    never = [_lacks_when_empty(state, request) for state in nodes]
    too_large = None not in never
    resource = _dominant(Counter(filter(None, never)) if too_large else lacking)
    free = [_free(state, resource) for state in nodes]
    total = [_total(state, resource) for state in nodes]
    if too_large:
        message = (
            f"A pod asks for {_ask(request, resource)} on one node, and no node of node pool "
            f"{pool} has that even when empty: the most that one has is "
            f"{describe(resource, max(total))}."
        )
    else:
        message = (
            f"{_who_asks(fitted, len(pods))} asks for {_ask(request, resource)} on one node. "
            f"Node pool {pool} has {describe(resource, sum(total))}, of which "
            f"{describe(resource, sum(free))} free, at most {describe(resource, max(free))} "
            "on one node."
        )
    return PendingReason(
        pool,
        ReasonCode.NO_ROOM,
        message,
        resource,
        asked=sum(_asked(pod.request, resource) for pod in pods),
        free=sum(free),
        total=sum(total),
        free_on_one_node=max(free),
    )


def _first_without_place(
    cluster: Cluster,
    nodes: Sequence[NodeState],
    pods: Sequence[Pod],
    node_labels: Mapping[str, str],
) -> tuple[int, Counter[Resource]]:
    """How many of the pods found a place before one did not, and what nodes lacked for that one."""
    mark = cluster.checkpoint()
    fitted = 0
    for pod in pods[:-1]:
        place = find_place(cluster, pod.request, node_labels)
        if place is None:
            break
        cluster.place(pod.request, place)
        fitted += 1
    lacking = Counter(_lacks(state, pods[fitted].request) for state in nodes)
    cluster.rollback(mark)
    return fitted, lacking


def _dominant(lacking: Counter[Resource]) -> Resource:
    order = list(Resource)
    return max(lacking, key=lambda resource: (lacking[resource], -order.index(resource)))


def _lacks(state: NodeState, request: Request) -> Resource:
    if choose_devices(state, request) is None:
        return _kind_of_device_ask(request)
    if state.free_cpu < request.cpu_millicores:
        return Resource.CPU
    return Resource.MEMORY


def _lacks_when_empty(state: NodeState, request: Request) -> Resource | None:
    suited = sum(_device_suits(device, request) for device in state.devices)
    if suited < request.devices:
        return _kind_of_device_ask(request)
    if state.node.cpu_millicores < request.cpu_millicores:
        return Resource.CPU
    if state.node.memory_bytes < request.memory_bytes:
        return Resource.MEMORY
    return None


def _kind_of_device_ask(request: Request) -> Resource:
    return Resource.GPU if request.device_memory_bytes is None else Resource.GPU_MEMORY


def _device_suits(device: DeviceState, request: Request) -> bool:
    if device.mig_profile != request.mig_profile:
        return False
    return request.device_memory_bytes is None or device.memory >= request.device_memory_bytes


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


def _no_node(pool: str, node_labels: Mapping[str, str]) -> str:
    wanted = ", ".join(f"{key}={value}" for key, value in sorted(node_labels.items()))
    return f"No node of node pool {pool} has the labels asked for: {wanted}."


def _who_asks(fitted: int, pods: int) -> str:
    if pods == 1:
        return "A pod"
    return f"{pods} pods have to start together; {fitted} of them have room, and the next"


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
