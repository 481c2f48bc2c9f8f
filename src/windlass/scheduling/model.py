"""What the scheduler is told: an immutable snapshot of nodes, queues and workloads.

All ids are strings and unique among their kind. Units are those of
`windlass.scheduling.quantities`; times are seconds since the epoch.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from windlass.scheduling.quantities import WHOLE_DEVICE

DEFAULT_POOL = "default"
DEFAULT_QUEUE = "default"


@dataclass(frozen=True, slots=True)
class Device:
    """One GPU of a node, or one MIG instance of a GPU."""

    id: str
    memory_bytes: int
    mig_profile: str | None = None
    """Such as `1g.10gb`: then it is given whole, and only to pods that ask for this profile."""


@dataclass(frozen=True, slots=True)
class Node:
    """One machine. `cpu_millicores` and `memory_bytes` are what pods may use in all."""

    name: str
    cpu_millicores: int
    memory_bytes: int
    devices: tuple[Device, ...] = ()
    pool: str = DEFAULT_POOL
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Request:
    """What one pod asks of its node.

    `devices` GPUs are given on one node, and of each of them `portion` (millionths) or, where it
    is set, `device_memory_bytes`. Asking for a MIG profile asks for whole instances of it.
    """

    devices: int = 0
    portion: int = WHOLE_DEVICE
    device_memory_bytes: int | None = None
    mig_profile: str | None = None
    cpu_millicores: int = 0
    memory_bytes: int = 0

    @property
    def shares_devices(self) -> bool:
        """Whether it asks for less than whole devices."""
        return self.devices > 0 and (
            self.device_memory_bytes is not None or self.portion < WHOLE_DEVICE
        )


@dataclass(frozen=True, slots=True)
class DeviceShare:
    """The part of one device that a pod holds: both numbers are its alone."""

    device_id: str
    portion: int
    """Millionths of the device; `WHOLE_DEVICE` is all of it."""
    memory_bytes: int


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a pod runs or is to run."""

    node: str
    devices: tuple[DeviceShare, ...] = ()


@dataclass(frozen=True, slots=True)
class Pod:
    """One replica. `placement` None: it waits to be placed."""

    id: str
    request: Request
    placement: Placement | None = None


@dataclass(frozen=True, slots=True)
class Workload:
    """Pods that belong together.

    The first `min_members` of them (None: all) run together or not at all; those above are extras,
    placed one at a time when everybody has its minimum. A higher `priority` goes first within a
    queue, an earlier `submitted_at` first within a priority.
    """

    id: str
    pods: tuple[Pod, ...]
    min_members: int | None = None
    priority: int = 50
    submitted_at: float = 0.0
    queue: str = DEFAULT_QUEUE
    pools: tuple[str, ...] = (DEFAULT_POOL,)
    """Node pools in order of preference."""
    node_labels: Mapping[str, str] = field(default_factory=dict)
    """Labels a node must have to take its pods."""

    @property
    def minimum(self) -> int:
        """How many pods must run together."""
        return len(self.pods) if self.min_members is None else self.min_members


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything a plan depends on. The order of nodes and workloads does not matter."""

    nodes: tuple[Node, ...]
    workloads: tuple[Workload, ...]
