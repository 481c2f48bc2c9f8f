"""What the scheduler answers: a plan, and the reason for every workload it leaves pending."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from windlass.scheduling.model import Placement
from windlass.scheduling.quantities import Resource


class ReasonCode(StrEnum):
    """Why a workload waits, in the words of KAI-Scheduler (`pkg/scheduler/api/v2alpha2`)."""

    NO_ROOM = "PodSchedulingErrors"
    """No node has room, or none could ever take it: `message` says which."""


@dataclass(frozen=True, slots=True)
class PendingReason:
    """The dominant reason why a workload does not run in one node pool.

    `asked` is what those of its pods ask that would have to be placed together; `free` and `total`
    are what the nodes of the pool that match its constraints have of `resource`;
    `free_on_one_node` is the most that one of them has free. Units are those of `resource`.
    """

    pool: str
    code: ReasonCode
    message: str
    resource: Resource | None = None
    asked: int = 0
    free: int = 0
    total: int = 0
    free_on_one_node: int = 0


@dataclass(frozen=True, slots=True)
class PendingWorkload:
    """A workload of which pods wait, with one reason per node pool in its order of pools."""

    workload_id: str
    pod_ids: tuple[str, ...]
    reasons: tuple[PendingReason, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do. Pods that run and are not mentioned stay where they are."""

    placements: Mapping[str, Placement]
    """Pods to start, by pod id."""
    pending: tuple[PendingWorkload, ...]
    """Workloads with pods that cannot be placed now, by id."""
