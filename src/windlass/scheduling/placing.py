"""Which node and which devices one pod gets.

Source of the order: KAI-Scheduler's node scores (`pkg/scheduler/plugins/{gpusharingorder,
nodeplacement,resourcetype,gpupack}`) and its tie-break by node name.
"""

from collections.abc import Container, Iterator

from windlass.scheduling.cluster import Cluster, DeviceState, NodeState
from windlass.scheduling.model import (
    DeviceShare,
    Placement,
    PlacementStrategy,
    Request,
    Settings,
)
from windlass.scheduling.quantities import WHOLE_DEVICE


def find_place(
    cluster: Cluster,
    request: Request,
    settings: Settings,
    allowed: Container[int] | None = None,
    home: Placement | None = None,
) -> Placement | None:
    """The first node in order of preference that can take the pod now, or None.

    `allowed` restricts nodes by rank. A pod evicted on trial keeps the devices of its `home` where
    the choice falls on its own node and they are free.
    """
    if request.devices == 0:
        return _find_cpu_place(cluster, request, settings.cpu_strategy, allowed)
    for state in preferred_nodes(cluster, request, settings.gpu_strategy):
        if allowed is not None and state.rank not in allowed:
            continue
        if state.free_cpu < request.cpu_millicores or state.free_memory < request.memory_bytes:
            continue
        if home is not None and home.node == state.node.name and state.has_free(home.devices):
            return home
        shares = choose_devices(state, request)
        if shares is not None:
            return Placement(state.node.name, shares)
    return None


def share_of(device: DeviceState, request: Request) -> DeviceShare:
    """What the pod would hold of this device.

    A portion comes with that part of the memory, and memory with that part of the device, both
    rounded down; both are checked, so that together pods never hold more than the device has.
    """
    if request.mig_profile is not None or not request.shares_devices:
        return device.whole
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
    if request.mig_profile is None and not request.shares_devices:
        return _whole_devices(state, request.devices)
    fitting = [device for device in state.devices if device_fits(device, request)]
    if len(fitting) < request.devices:
        return None
    if request.shares_devices:
        fitting.sort(key=lambda device: device.free_portion)
    return tuple(share_of(device, request) for device in fitting[: request.devices])


def _whole_devices(state: NodeState, count: int) -> tuple[DeviceShare, ...] | None:
    if state.free_devices < count:
        return None
    free = [
        device.whole for device in state.devices if device.is_free and device.mig_profile is None
    ]
    return tuple(free[:count])


def device_fits(device: DeviceState, request: Request) -> bool:
    """Whether the device can give what the pod asks of each device now."""
    if device.mig_profile != request.mig_profile:
        return False
    if not request.shares_devices or request.mig_profile is not None:
        return device.is_free
    share = share_of(device, request)
    return share.portion <= device.free_portion and share.memory_bytes <= device.free_memory


def could_suit(device: DeviceState, request: Request) -> bool:
    """Whether the device could give what the pod asks of each device if nobody held any of it."""
    if device.mig_profile != request.mig_profile:
        return False
    return request.device_memory_bytes is None or device.memory >= request.device_memory_bytes


def preferred_nodes(
    cluster: Cluster, request: Request, strategy: PlacementStrategy
) -> Iterator[NodeState]:
    """Nodes that may have the devices asked for, the most preferred first."""
    if request.mig_profile is not None:
        return iter(cluster.nodes)
    if request.shares_devices:
        return _joining_first(cluster, request, strategy)
    return _by_free_devices(cluster, request.devices, strategy)


def _find_cpu_place(
    cluster: Cluster,
    request: Request,
    strategy: PlacementStrategy,
    allowed: Container[int] | None,
) -> Placement | None:
    """A place for a pod without devices: nodes without GPUs are preferred."""
    fitting = (
        state
        for state in cluster.nodes
        if state.free_cpu >= request.cpu_millicores
        and state.free_memory >= request.memory_bytes
        and (allowed is None or state.rank in allowed)
    )
    packed = strategy is PlacementStrategy.BINPACK
    best = min(fitting, key=_fullest_in_cpu if packed else _emptiest_in_cpu, default=None)
    return None if best is None else Placement(best.node.name)


def _fullest_in_cpu(state: NodeState) -> tuple[bool, float, int]:
    return bool(state.devices), state.free_cpu, state.rank


def _emptiest_in_cpu(state: NodeState) -> tuple[bool, float, int]:
    return (
        bool(state.devices),
        -state.free_cpu / max(1, state.node.cpu_millicores),
        state.rank,
    )


def _by_free_devices(
    cluster: Cluster, at_least: int, strategy: PlacementStrategy
) -> Iterator[NodeState]:
    counts = range(at_least, cluster.most_devices + 1)
    if strategy is PlacementStrategy.SPREAD:
        yield from _emptiest_in_devices(cluster, counts)
        return
    for count in counts:
        for rank in cluster.with_free_devices(count):
            yield cluster.nodes[rank]


def _emptiest_in_devices(cluster: Cluster, counts: range) -> Iterator[NodeState]:
    states = [cluster.nodes[rank] for count in counts for rank in cluster.with_free_devices(count)]
    states.sort(key=lambda state: (-state.free_devices / max(1, len(state.devices)), state.rank))
    return iter(states)


def _joining_first(
    cluster: Cluster, request: Request, strategy: PlacementStrategy
) -> Iterator[NodeState]:
    joining = [
        state
        for state in (cluster.nodes[rank] for rank in cluster.with_shared_devices())
        if any(not device.is_free and device_fits(device, request) for device in state.devices)
    ]
    if strategy is PlacementStrategy.BINPACK:
        joining.sort(key=lambda state: (state.free_devices, state.rank))
    else:
        joining.sort(key=lambda state: (-state.free_devices, state.rank))
    yield from joining
    joined = {state.rank for state in joining}
    for state in _by_free_devices(cluster, request.devices, strategy):
        if state.rank not in joined:
            yield state
