"""The nodes of one pool as a plan changes them: what is free on which."""

from bisect import bisect_left, insort
from collections.abc import Iterable

from windlass.scheduling.amounts import NOTHING, Amounts, minus
from windlass.scheduling.matching import is_avoided, lets_in
from windlass.scheduling.model import (
    Device,
    DeviceShare,
    Node,
    Placement,
    Request,
    Workload,
)
from windlass.scheduling.quantities import WHOLE_DEVICE


class DeviceState:
    """What is free of one device."""

    __slots__ = (
        "free_memory",
        "free_portion",
        "id",
        "is_free",
        "is_shared",
        "memory",
        "mig_profile",
        "whole",
    )

    def __init__(self, device: Device) -> None:
        self.id = device.id
        self.memory = device.memory_bytes
        self.mig_profile = device.mig_profile
        self.free_portion = WHOLE_DEVICE
        self.free_memory = device.memory_bytes
        self.is_free = True
        """Whether nobody holds any of it."""
        self.is_shared = False
        """Whether it is held in part."""
        self.whole = DeviceShare(device.id, WHOLE_DEVICE, device.memory_bytes)
        """What a pod holds that has all of it."""


class NodeState:
    """What is free of one node. `rank` is its position among the pool's nodes by name."""

    __slots__ = (
        "by_id",
        "devices",
        "free_cpu",
        "free_devices",
        "free_memory",
        "node",
        "rank",
        "shared_devices",
    )

    def __init__(self, node: Node, rank: int) -> None:
        self.node = node
        self.rank = rank
        self.free_cpu = node.cpu_millicores
        self.free_memory = node.memory_bytes
        self.devices = [DeviceState(device) for device in node.devices]
        self.by_id = {device.id: device for device in self.devices}
        self.free_devices = sum(device.mig_profile is None for device in self.devices)
        self.shared_devices = 0
        """How many devices are held in part."""

    def has_free(self, shares: Iterable[DeviceShare]) -> bool:
        """Whether these parts of its devices are free."""
        for share in shares:
            device = self.by_id.get(share.device_id)
            if device is None:
                return False
            if share.portion > device.free_portion or share.memory_bytes > device.free_memory:
                return False
        return True

    def change(self, request: Request, shares: Iterable[DeviceShare], sign: int) -> None:
        """Hold (`sign` 1) or free (-1) what a placed pod uses."""
        self.free_cpu -= sign * request.cpu_millicores
        self.free_memory -= sign * request.memory_bytes
        for share in shares:
            device = self.by_id.get(share.device_id)
            if device is None:
                continue
            was_free, was_shared = device.is_free, device.is_shared
            device.free_portion = portion = device.free_portion - sign * share.portion
            device.free_memory = memory = device.free_memory - sign * share.memory_bytes
            device.is_free = is_free = portion == WHOLE_DEVICE and memory == device.memory
            device.is_shared = is_shared = portion > 0 and not is_free
            self.shared_devices += is_shared - was_shared
            if device.mig_profile is None:
                self.free_devices += is_free - was_free


class Cluster:
    """All nodes of one pool."""

    def __init__(self, nodes: Iterable[Node]) -> None:
        ordered = sorted(nodes, key=lambda node: node.name)
        self.nodes = [NodeState(node, rank) for rank, node in enumerate(ordered)]
        self.by_name = {state.node.name: state for state in self.nodes}
        self.least_device_memory = min(
            (device.memory for state in self.nodes for device in state.devices), default=0
        )
        self.most_devices = max((state.free_devices for state in self.nodes), default=0)
        self._by_free_devices: list[list[int]] = [[] for _ in range(self.most_devices + 1)]
        for state in self.nodes:
            self._by_free_devices[state.free_devices].append(state.rank)
        self._with_shared_devices: list[int] = []
        self.total: Amounts = (
            sum(len(state.devices) for state in self.nodes) * WHOLE_DEVICE,
            sum(state.node.cpu_millicores for state in self.nodes),
            sum(state.node.memory_bytes for state in self.nodes),
        )
        """What the nodes have in all."""
        self._held: Amounts = NOTHING
        self._is_tainted = any(node.taints for node in ordered)
        self._suited: dict[object, frozenset[int]] = {}
        self._avoided: dict[object, frozenset[int]] = {}

    def with_free_devices(self, count: int) -> list[int]:
        """Ranks, ascending, of the nodes with exactly so many wholly free devices."""
        return self._by_free_devices[count]

    def may_have_devices_for(self, request: Request, pods: int = 1) -> bool:
        """False where so many pods with this request would find too few whole devices free on one
        node: cheap to ask before nodes are looked at one by one."""
        if not request.devices or request.shares_devices or request.mig_profile is not None:
            return True
        for count in range(request.devices, self.most_devices + 1):
            pods -= len(self._by_free_devices[count]) * (count // request.devices)
            if pods <= 0:
                return True
        return False

    def with_shared_devices(self) -> list[int]:
        """Ranks, ascending, of the nodes with devices that are held in part."""
        return self._with_shared_devices

    def suited(self, workload: Workload) -> frozenset[int] | None:
        """Ranks of the nodes whose labels and taints let the workload in; None: all."""
        if not workload.node_labels and not workload.node_affinity and not self._is_tainted:
            return None
        key = (
            frozenset(workload.node_labels.items()),
            workload.node_affinity,
            workload.tolerations,
        )
        ranks = self._suited.get(key)
        if ranks is None:
            ranks = frozenset(state.rank for state in self.nodes if lets_in(state.node, workload))
            self._suited[key] = ranks
        return ranks

    def avoided(self, workload: Workload) -> frozenset[int]:
        """Ranks of the nodes that the workload takes only where no other has room."""
        if not self._is_tainted:
            return frozenset()
        ranks = self._avoided.get(workload.tolerations)
        if ranks is None:
            ranks = frozenset(
                state.rank for state in self.nodes if is_avoided(state.node, workload)
            )
            self._avoided[workload.tolerations] = ranks
        return ranks

    def free(self) -> Amounts:
        """What is free in all, wherever it is."""
        return minus(self.total, self._held)

    def can_hold(self, request: Request, placement: Placement) -> bool:
        """Whether exactly this place is free."""
        state = self.by_name.get(placement.node)
        return (
            state is not None
            and state.free_cpu >= request.cpu_millicores
            and state.free_memory >= request.memory_bytes
            and state.has_free(placement.devices)
        )

    def take(self, request: Request, placement: Placement) -> None:
        """Let a pod hold its place. A node or device that is not here any more holds nothing."""
        self._change(request, placement, 1)

    def give_back(self, request: Request, placement: Placement) -> None:
        """Free a pod's place."""
        self._change(request, placement, -1)

    def _change(self, request: Request, placement: Placement, sign: int) -> None:
        state = self.by_name.get(placement.node)
        if state is None:
            return
        free, shared = state.free_devices, state.shared_devices
        state.change(request, placement.devices, sign)
        gpu, cpu, memory = self._held
        for share in placement.devices:
            gpu += sign * share.portion
        cpu += sign * request.cpu_millicores
        self._held = gpu, cpu, memory + sign * request.memory_bytes
        if state.free_devices != free:
            _remove(self._by_free_devices[free], state.rank)
            insort(self._by_free_devices[state.free_devices], state.rank)
        if bool(state.shared_devices) != bool(shared):
            if shared:
                _remove(self._with_shared_devices, state.rank)
            else:
                insort(self._with_shared_devices, state.rank)


def _remove(ranks: list[int], rank: int) -> None:
    del ranks[bisect_left(ranks, rank)]
