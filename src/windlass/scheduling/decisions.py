"""What the scheduler answers: a plan, with the reason for every eviction and for all that waits."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from windlass.scheduling.amounts import Amounts, Bounds
from windlass.scheduling.model import Placement
from windlass.scheduling.quantities import Resource


class ReasonCode(StrEnum):
    """Why a workload waits, in KAI-Scheduler's words (`pkg/apis/scheduling/v2alpha2`)."""

    NO_ROOM = "PodSchedulingErrors"
    """No node has room, or none could ever take it: `message` says which."""
    OVER_LIMIT = "OverLimit"
    """It would exceed the limit of its project or department."""
    NON_PREEMPTIBLE_OVER_QUOTA = "NonPreemptibleOverQuota"
    """Non-preemptible work would exceed the quota of its project or department."""
    NO_QUEUE = "QueueDoesNotExist"
    """Its project has no share of this node pool."""


@dataclass(frozen=True, slots=True)
class PendingReason:
    """The dominant reason why a workload does not run in one node pool.

    `asked` is what those of its pods ask that have to be placed together. Where there is no room,
    `free` and `total` are what the nodes that match its constraints have of `resource`, and
    `free_on_one_node` is the most that one of them has free. Where a queue does not allow it,
    `queue_id` names the queue, `total` is its limit or quota, and `free` what is left of it.
    Units are those of `resource`.
    """

    pool: str
    code: ReasonCode
    message: str
    resource: Resource | None = None
    asked: int = 0
    free: int = 0
    total: int = 0
    free_on_one_node: int = 0
    queue_id: str | None = None
    waits_for: tuple[str, ...] = ()
    """Workloads that hold what it lacks, at most `MOST_NAMED` of them."""


MOST_NAMED = 10
"""How many workloads a reason names at most."""


@dataclass(frozen=True, slots=True)
class PendingWorkload:
    """A workload of which pods wait, with one reason per node pool in its order of pools."""

    workload_id: str
    pod_ids: tuple[str, ...]
    reasons: tuple[PendingReason, ...]


class Action(StrEnum):
    """By which rule a pod lost its place."""

    CONSOLIDATE = "consolidation"
    RECLAIM = "reclaim"
    PREEMPT = "preempt"
    STALE_GANG = "stalegangeviction"


@dataclass(frozen=True, slots=True)
class QueueNumbers:
    """What a queue held, deserves and may have, of GPU, CPU and memory."""

    queue_id: str
    allocated: Amounts
    deserved: Bounds
    fair_share: Amounts


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a pod lost its place: by which rule and for whom.

    `queues` are the two that a reclaim compared, the victim's first, as they stood before.
    """

    action: Action
    beneficiary: str | None = None
    beneficiary_priority: int = 0
    queues: tuple[QueueNumbers, ...] = ()


@dataclass(frozen=True, slots=True)
class Eviction:
    """A running pod to stop. Where it `moves`, the plan also places it elsewhere.

    Whom it had to make room for may have lost that room again within the plan: `passed_on_to` is
    then who has it in the end.
    """

    pod_id: str
    workload_id: str
    cause: Cause
    moves: bool
    message: str
    passed_on_to: str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do. Pods that run and are not mentioned stay where they are.

    Evictions come first: placements may need what they free.
    """

    placements: Mapping[str, Placement]
    """Pods to start, by pod id."""
    pending: tuple[PendingWorkload, ...]
    """Workloads with pods that cannot be placed now, by id."""
    evictions: tuple[Eviction, ...] = ()
    """Pods to stop, by pod id."""
    fair_shares: Mapping[str, Mapping[str, Amounts]] | None = None
    """Of every queue: pool, then queue id."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing is to be done."""
        return not self.placements and not self.evictions
