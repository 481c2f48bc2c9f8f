"""What the scheduler is told: an immutable snapshot of nodes, queues and workloads.

All ids are strings and unique among their kind. Units are those of
`windlass.scheduling.quantities`; times are seconds since the epoch.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from windlass.scheduling.quantities import WHOLE_DEVICE

DEFAULT_POOL = "default"
DEFAULT_QUEUE = "default"
FIRST_NON_PREEMPTIBLE_PRIORITY = 100
"""Where nobody says otherwise, workloads of this priority and higher ones are not preemptible.

Source: KAI-Scheduler, `pkg/common/podgroup/preemptible.go`."""


@dataclass(frozen=True, slots=True)
class Device:
    """One GPU of a node, or one MIG instance of a GPU."""

    id: str
    memory_bytes: int
    mig_profile: str | None = None
    """Such as `1g.10gb`: then it is given whole, and only to pods that ask for this profile."""


class TaintEffect(StrEnum):
    """What a taint does to pods that do not tolerate it, in Kubernetes' words."""

    NO_SCHEDULE = "NoSchedule"
    PREFER_NO_SCHEDULE = "PreferNoSchedule"
    """The node is taken only where no other has room."""
    NO_EXECUTE = "NoExecute"
    """As `NO_SCHEDULE` here: what runs there already is not the scheduler's to end."""


@dataclass(frozen=True, slots=True)
class Taint:
    """Keeps pods off a node unless they tolerate it."""

    key: str
    value: str = ""
    effect: TaintEffect = TaintEffect.NO_SCHEDULE


class TolerationOperator(StrEnum):
    """How a toleration's value is compared with a taint's."""

    EQUAL = "Equal"
    EXISTS = "Exists"
    """Any value will do."""


@dataclass(frozen=True, slots=True)
class Toleration:
    """Taints that do not keep a workload off. No key: of every key; no effect: of every effect."""

    key: str = ""
    operator: TolerationOperator = TolerationOperator.EQUAL
    value: str = ""
    effect: TaintEffect | None = None


@dataclass(frozen=True, slots=True)
class Node:
    """One machine. `cpu_millicores` and `memory_bytes` are what pods may use in all."""

    name: str
    cpu_millicores: int
    memory_bytes: int
    devices: tuple[Device, ...] = ()
    pool: str = DEFAULT_POOL
    labels: Mapping[str, str] = field(default_factory=dict)
    taints: tuple[Taint, ...] = ()


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


class LabelOperator(StrEnum):
    """How a node's label is compared, in Kubernetes' words."""

    IN = "In"
    NOT_IN = "NotIn"
    EXISTS = "Exists"
    DOES_NOT_EXIST = "DoesNotExist"
    GT = "Gt"
    LT = "Lt"


@dataclass(frozen=True, slots=True)
class LabelRule:
    """What a node's label must be to take a pod. `GT` and `LT` compare whole numbers, with the one
    value there is."""

    key: str
    operator: LabelOperator
    values: frozenset[str] = frozenset()


LabelTerm = tuple[LabelRule, ...]
"""Rules that must all hold. A term without rules holds nowhere, as in Kubernetes."""


@dataclass(frozen=True, slots=True)
class Topology:
    """Where pods of one workload must or should be together.

    `levels` are node label keys from the widest to the narrowest, such as zone, rack, host. Pods
    placed together go to one domain of the `required` level, and if they can, of the `preferred`.
    """

    levels: tuple[str, ...]
    required: str | None = None
    preferred: str | None = None


class AffinityType(StrEnum):
    """How strongly pods are drawn to each other, in Run:ai's words."""

    REQUIRED = "Required"
    PREFERRED = "Preferred"


@dataclass(frozen=True, slots=True)
class PodAffinity:
    """That pods of one workload run on nodes with the same value of a label, its topology key."""

    type: AffinityType
    key: str


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
    """Node pools in order of preference, at least one."""
    node_labels: Mapping[str, str] = field(default_factory=dict)
    """Labels a node must have to take its pods."""
    preemptible: bool = False
    """Whether it may be evicted for others, and may in return go over quota."""
    node_affinity: tuple[LabelTerm, ...] = ()
    """Terms of which a node must meet one to take its pods; without terms, none."""
    tolerations: tuple[Toleration, ...] = ()
    pod_affinity: PodAffinity | None = None
    topology: Topology | None = None
    started_at: float | None = None
    """When its minimum came to run; guards its guaranteed runtime."""
    below_minimum_since: float | None = None
    """When pods of it were left running without enough of the others."""
    evicted_at: float | None = None
    """When it last lost its place, for the ageing of what waits."""

    @property
    def is_grouped(self) -> bool:
        """Whether its pods must or should be together in some domain."""
        return self.topology is not None or self.pod_affinity is not None

    @property
    def minimum(self) -> int:
        """How many pods must run together."""
        return len(self.pods) if self.min_members is None else self.min_members


@dataclass(frozen=True, slots=True)
class Quota:
    """What a queue may have of one resource, in that resource's unit.

    `deserved` is guaranteed and `limit` never exceeded; None is unlimited. What nobody's
    guarantee covers is shared by `over_quota_weight`. `usage` is the part of the pool's capacity
    that the queue used in the past, decayed, for time-weighted sharing.
    """

    deserved: int | None = None
    limit: int | None = None
    over_quota_weight: float = 1.0
    usage: float = 0.0


@dataclass(frozen=True, slots=True)
class Queue:
    """A department or project in one node pool. A higher `rank` gets surplus first."""

    id: str
    pool: str = DEFAULT_POOL
    parent: str | None = None
    created_at: float = 0.0
    rank: int = 100
    gpu: Quota = Quota()
    cpu: Quota = Quota()
    memory: Quota = Quota()
    name: str = ""
    """What messages call it, such as `project research`; `queue` and its id unless given."""


class PlacementStrategy(StrEnum):
    """How pods are laid out over nodes."""

    BINPACK = "binpack"
    SPREAD = "spread"


@dataclass(frozen=True, slots=True)
class Settings:
    """How one node pool is scheduled. Defaults are KAI-Scheduler's; times in seconds."""

    gpu_strategy: PlacementStrategy = PlacementStrategy.BINPACK
    cpu_strategy: PlacementStrategy = PlacementStrategy.BINPACK
    usage_strength: float = 1.0
    """How much past usage counts against a queue when surplus is shared; 0 ignores it."""
    guaranteed_runtime: float = 0.0
    """How long a preemptible workload runs before it can be evicted for others."""
    stale_gang_grace: float = 60.0
    """How long pods may run below their workload's minimum before they are evicted."""
    most_consolidated: int = 16
    """How many workloads may be moved to make room for one."""
    most_scenarios: int = 256
    """How many sets of victims are tried for one waiting workload."""
    reserve_after: float | None = None
    """How long a workload waits until room is kept free for it; None: never."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything a plan depends on. The order of nodes, queues and workloads does not matter.

    Without queues there are no quotas. `settings` holds pools that differ from the default.
    """

    nodes: tuple[Node, ...]
    workloads: tuple[Workload, ...]
    queues: tuple[Queue, ...] = ()
    settings: Mapping[str, Settings] = field(default_factory=dict)
    now: float = 0.0
