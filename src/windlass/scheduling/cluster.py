"""Nodes as a plan changes them: what is free, with checkpoints and rollback."""

from bisect import bisect_left, insort
from collections.abc import Iterable

from windlass.scheduling.model import DeviceShare, Node, Placement, Request
from windlass.scheduling.quantities import WHOLE_DEVICE


class DeviceState:
    """What is free of one device."""

    __slots__ = ("free_memory", "free_portion", "id", "memory", "mig_profile")

    def __init__(self, device_id: str, memory: int, mig_profile: str | None) -> None:
        self.id = device_id
        self.memory = memory
        self.mig_profile = mig_profile
        self.free_portion = WHOLE_DEVICE
        self.free_memory = memory

    @property
    def is_free(self) -> bool:
        """Whether nobody holds any of it."""
        return self.free_portion == WHOLE_DEVICE and self.free_memory == self.memory


class NodeState:
    """What is free of one node. `rank` is its position among all nodes by name."""

    __slots__ = (
        "by_id",
        "devices",
        "free_cpu",
        "free_devices",
        "free_memory",
        "node",
        "rank",
    )

    def __init__(self, node: Node, rank: int) -> None:
        self.node = node
        self.rank = rank
        self.free_cpu = node.cpu_millicores
        self.free_memory = node.memory_bytes
        self.devices = [
            DeviceState(device.id, device.memory_bytes, device.mig_profile)
            for device in node.devices
        ]
        self.by_id = {device.id: device for device in self.devices}
        self.free_devices = sum(device.mig_profile is None for device in self.devices)

    def take(self, request: Request, shares: Iterable[DeviceShare]) -> None:
        """Hold what a placed pod uses."""
        self._change(request, shares, 1)

    def give_back(self, request: Request, shares: Iterable[DeviceShare]) -> None:
        """Free what a placed pod used."""
        self._change(request, shares, -1)

    def _change(self, request: Request, shares: Iterable[DeviceShare], sign: int) -> None:
        self.free_cpu -= sign * request.cpu_millicores
        self.free_memory -= sign * request.memory_bytes
        for share in shares:
            device = self.by_id.get(share.device_id)
            if device is None:
                continue
            was_free = device.is_free
            device.free_portion -= sign * share.portion
            device.free_memory -= sign * share.memory_bytes
            if device.mig_profile is None:
                self.free_devices += device.is_free - was_free


class Cluster:
    """All nodes of one pool, and what was changed since a checkpoint."""

    def __init__(self, nodes: Iterable[Node]) -> None:
        ordered = sorted(nodes, key=lambda node: node.name)
        self.nodes = [NodeState(node, rank) for rank, node in enumerate(ordered)]
        self._by_name = {state.node.name: state for state in self.nodes}
        self._by_free_devices: dict[int, list[int]] = {}
        for state in self.nodes:
            self._by_free_devices.setdefault(state.free_devices, []).append(state.rank)
        self._log: list[tuple[Request, Placement, bool]] = []

    def by_free_devices(self, free_devices: int) -> list[int]:
        """Ranks, ascending, of the nodes with exactly so many wholly free devices."""
        return self._by_free_devices.get(free_devices, [])

    def most_free_devices(self) -> int:
        """The most wholly free devices that a node has."""
        return max((count for count, ranks in self._by_free_devices.items() if ranks), default=0)

    def place(self, request: Request, placement: Placement) -> None:
        """Let a pod hold its place. A node or device that is not here any more holds nothing."""
        self._apply(request, placement, placing=True)
        self._log.append((request, placement, True))

    def remove(self, request: Request, placement: Placement) -> None:
        """Free a pod's place."""
        self._apply(request, placement, placing=False)
        self._log.append((request, placement, False))

    def checkpoint(self) -> int:
        """A mark to roll back to."""
        return len(self._log)

    def rollback(self, mark: int) -> None:
        """Undo everything since the mark."""
        while len(self._log) > mark:
            request, placement, placed = self._log.pop()
            self._apply(request, placement, placing=not placed)

    def _apply(self, request: Request, placement: Placement, *, placing: bool) -> None:
        state = self._by_name.get(placement.node)
        if state is None:
            return
        before = state.free_devices
        if placing:
            state.take(request, placement.devices)
        else:
            state.give_back(request, placement.devices)
        if state.free_devices != before:
            ranks = self._by_free_devices[before]
            del ranks[bisect_left(ranks, state.rank)]
            insort(self._by_free_devices.setdefault(state.free_devices, []), state.rank)
