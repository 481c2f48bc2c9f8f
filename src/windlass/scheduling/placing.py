"""Which node and which devices one pod gets.

Source of the order: KAI-Scheduler's node scores (`pkg/scheduler/plugins/{gpusharingorder,
nodeplacement,resourcetype,gpupack}`) and tie-break by node name.
"""

from collections.abc import Iterator, Mapping

from windlass.scheduling.cluster import Cluster, DeviceState, NodeState
from windlass.scheduling.model import DeviceShare, Placement, Request
from windlass.scheduling.quantities import WHOLE_DEVICE


def find_place(
    cluster: Cluster, request: Request, node_labels: Mapping[str, str]
) -> Placement | None:
    """The first node in order of preference that can take the pod now, or None."""
    for state in _preferred_nodes(cluster, request):
        if not matches(state, node_labels) or not _has_room(state, request):
            continue
        shares = choose_devices(state, request)
        if shares is not None:
            return Placement(state.node.name, shares)
    return None


def matches(state: NodeState, node_labels: Mapping[str, str]) -> bool:
    """Whether the node has all these labels."""
    labels = state.node.labels
    return all(labels.get(key) == value for key, value in node_labels.items())


def share_of(device: DeviceState, request: Request) -> DeviceShare:
    """What the pod would hold of this device.

    A portion comes with that part of the memory, and memory with that part of the device, both
    rounded down; both are checked, so that together pods never hold more than the device has.
    """
    if request.mig_profile is not None:
        return DeviceShare(device.id, WHOLE_DEVICE, device.memory)
    if request.device_memory_bytes is None:
        return DeviceShare(
            device.id, request.portion, device.memory * request.portion // WHOLE_DEVICE
        )
    if device.memory == 0:
        return DeviceShare(device.id, WHOLE_DEVICE, request.device_memory_bytes)
    portion = request.device_memory_bytes * WHOLE_DEVICE // device.memory
    return DeviceShare(device.id, max(1, portion), request.device_memory_bytes)


def choose_devices(state: NodeState, request: Request) -> tuple[DeviceShare, ...] | None:
    """Devices of this node for the pod, or None where they do not suffice.

    Shared devices are filled before a new one is opened, the fullest that fits first.
    """
    if request.devices == 0:
        return ()
    fitting = [device for device in state.devices if _device_fits(device, request)]
    if len(fitting) < request.devices:
        return None
    if request.shares_devices:
        fitting.sort(key=lambda device: device.free_portion)
    return tuple(share_of(device, request) for device in fitting[: request.devices])


def _device_fits(device: DeviceState, request: Request) -> bool:
    if device.mig_profile != request.mig_profile:
        return False
    if not request.shares_devices or request.mig_profile is not None:
        return device.is_free
    share = share_of(device, request)
    return share.portion <= device.free_portion and share.memory_bytes <= device.free_memory


def _has_room(state: NodeState, request: Request) -> bool:
    return state.free_cpu >= request.cpu_millicores and state.free_memory >= request.memory_bytes


def _preferred_nodes(cluster: Cluster, request: Request) -> Iterator[NodeState]:
    if request.devices == 0:
        yield from sorted(cluster.nodes, key=_fullest_in_cpu)
    elif request.mig_profile is not None:
        yield from cluster.nodes
    elif request.shares_devices:
        yield from _sharing_first(cluster, request)
    else:
        yield from _fewest_free_devices(cluster, request.devices)


def _fullest_in_cpu(state: NodeState) -> tuple[bool, int, int]:
    return bool(state.devices), state.free_cpu, state.rank


def _fewest_free_devices(cluster: Cluster, at_least: int) -> Iterator[NodeState]:
    for free_devices in range(at_least, cluster.most_free_devices() + 1):
        for rank in cluster.by_free_devices(free_devices):
            yield cluster.nodes[rank]


def _sharing_first(cluster: Cluster, request: Request) -> Iterator[NodeState]:
    by_free_devices = list(_fewest_free_devices(cluster, 0))
    joining = [state for state in by_free_devices if _can_join(state, request)]
    yield from joining
    joined = {state.rank for state in joining}
    yield from (state for state in by_free_devices if state.rank not in joined)


def _can_join(state: NodeState, request: Request) -> bool:
    return any(not device.is_free and _device_fits(device, request) for device in state.devices)
