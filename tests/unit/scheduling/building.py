"""Short ways to write snapshots in tests."""

from windlass.scheduling import (
    WHOLE_DEVICE,
    Device,
    DeviceShare,
    Node,
    Placement,
    Plan,
    Pod,
    Queue,
    Quota,
    Request,
    Workload,
)

GIB = 1024**3
DEVICE_MEMORY = 80 * GIB


def node(name: str, gpus: int = 0, cores: int = 64, memory_gib: int = 256, **more: object) -> Node:
    """A node with devices `<name>-gpu<index>` of 80 GiB."""
    devices = tuple(Device(f"{name}-gpu{index}", DEVICE_MEMORY) for index in range(gpus))
    return Node(name, cores * 1000, memory_gib * GIB, devices, **more)  # type: ignore[arg-type]


def workload(name: str, request: Request, pods: int = 1, **more: object) -> Workload:
    """A waiting workload of equal pods `<name>-<index>`."""
    made = tuple(Pod(f"{name}-{index}", request) for index in range(pods))
    return Workload(name, made, **more)  # type: ignore[arg-type]


def running(name: str, *devices: tuple[str, int], gpus: int = 1, **more: object) -> Workload:
    """A workload with one pod for each (node, first device), of `gpus` whole devices each."""
    pods = tuple(
        Pod(f"{name}-{index}", Request(devices=gpus), whole(on, range(first, first + gpus)))
        for index, (on, first) in enumerate(devices)
    )
    return Workload(name, pods, **more)  # type: ignore[arg-type]


def whole(on: str, indexes: range) -> Placement:
    """Whole devices of a node."""
    shares = (DeviceShare(f"{on}-gpu{index}", WHOLE_DEVICE, DEVICE_MEMORY) for index in indexes)
    return Placement(on, tuple(shares))


def queue(name: str, deserved: int | None, parent: str | None = None, **more: object) -> Queue:
    """A queue that deserves so many GPUs; further words are of its GPU quota or of itself."""
    limit = more.pop("limit", None)
    weight = more.pop("weight", 1.0)
    gpu = Quota(
        deserved=None if deserved is None else deserved * WHOLE_DEVICE,
        limit=limit * WHOLE_DEVICE if isinstance(limit, int) else None,
        over_quota_weight=weight if isinstance(weight, float) else 1.0,
    )
    return Queue(name, parent=parent, gpu=gpu, **more)  # type: ignore[arg-type]


def evicted(decided: Plan) -> set[str]:
    """Pods that lose their place."""
    return {eviction.pod_id for eviction in decided.evictions if not eviction.moves}


def moved(decided: Plan) -> set[str]:
    """Pods that are moved."""
    return {eviction.pod_id for eviction in decided.evictions if eviction.moves}
