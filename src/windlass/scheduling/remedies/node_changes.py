"""Nodes that would take a waiting workload, from one to many."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from windlass.scheduling.cluster import NodeState
from windlass.scheduling.matching import lets_in
from windlass.scheduling.model import Device, Node, Request, Snapshot, Workload
from windlass.scheduling.placing import choose_devices
from windlass.scheduling.quantities import WHOLE_DEVICE, Resource, describe
from windlass.scheduling.remedies.steps import Step, open_pools, waiting_pod
from windlass.scheduling.topology import topologies_of
from windlass.scheduling.what_if import Changes


def more_nodes(then: Snapshot, workload: Workload) -> Sequence[Step]:
    """More nodes like the largest of those that could take one of its pods."""
    request = waiting_pod(workload).request
    suited = [node for node in then.nodes if lets_in(node, workload) and could_hold(node, request)]
    pools = open_pools(then, workload)
    like = max(suited, key=partial(_usefulness, pools), default=None)
    if like is None:
        return ()
    pool = like.pool if like.pool in pools else pools[0]
    return [
        _with_nodes(like, count, pool, f"like {like.name}")
        for count in range(1, MOST_NODES_ADDED + 1)
    ]


def larger_nodes(then: Snapshot, workload: Workload) -> Sequence[Step]:
    """Nodes just large enough for one of its pods each, where there is none that is."""
    request = waiting_pod(workload).request
    if any(lets_in(node, workload) and could_hold(node, request) for node in then.nodes):
        return ()
    sizes = (device.memory_bytes for node in then.nodes for device in node.devices)
    memory = request.device_memory_bytes or max(sizes, default=LEAST_DEVICE_MEMORY)
    node = node_for(workload, request, memory, open_pools(then, workload)[0])
    return [
        _with_nodes(node, count, node.pool, f"with {_size(request)}")
        for count in range(1, MOST_NODES_ADDED + 1)
    ]


MOST_NODES_ADDED = 16
"""Up to how many more nodes are thought of."""


def could_hold(node: Node, request: Request) -> bool:
    """Whether the node would have room for the request if nothing ran there."""
    return choose_devices(NodeState(node, 0), request) is not None and (
        node.cpu_millicores >= request.cpu_millicores and node.memory_bytes >= request.memory_bytes
    )


def node_for(workload: Workload, request: Request, device_memory: int, pool: str) -> Node:
    """A node of the pool that has what the request asks for, and no more."""
    devices = (
        Device(f"gpu{index}", device_memory, request.mig_profile)
        for index in range(request.devices)
    )
    levels = [level for topology in topologies_of(workload) for level in topology.levels]
    return Node(
        "node",
        request.cpu_millicores,
        request.memory_bytes,
        tuple(devices),
        pool,
        {**dict.fromkeys(levels, "added"), **workload.node_labels},
    )


LEAST_DEVICE_MEMORY = 1024**3
"""Memory of the devices of a node that is thought of, where neither request nor nodes say."""


def _usefulness(pools: Sequence[str], node: Node) -> tuple[bool, bool, int, int, str]:
    return (
        node.pool == pools[0],
        node.pool in pools,
        len(node.devices),
        node.cpu_millicores,
        node.name,
    )


def _with_nodes(like: Node, count: int, pool: str, which: str) -> Step:
    added = tuple(_copy(like, f"{like.name}+{number}", pool) for number in range(count))
    nodes = "1 more node" if count == 1 else f"{count} more nodes"
    return Step(Changes(add_nodes=added), f"with {nodes} {which} in node pool {pool}")


def _size(request: Request) -> str:
    parts = [
        describe(Resource.CPU, request.cpu_millicores),
        describe(Resource.MEMORY, request.memory_bytes),
    ]
    if request.devices:
        devices = describe(Resource.GPU, request.devices * WHOLE_DEVICE)
        if request.mig_profile is not None:
            devices = f"{request.devices} MIG devices of profile {request.mig_profile}"
        if request.device_memory_bytes is not None:
            devices += f" of {describe(Resource.GPU_MEMORY, request.device_memory_bytes)}"
        parts.insert(0, devices)
    return f"{', '.join(parts[:-1])} and {parts[-1]} for each pod"


def _copy(node: Node, name: str, pool: str) -> Node:
    labels = {key: name if value == node.name else value for key, value in node.labels.items()}
    return replace(node, name=name, pool=pool, labels=labels)
