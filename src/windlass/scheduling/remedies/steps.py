"""Single changes that may help a waiting workload, in words."""

from dataclasses import dataclass
from enum import StrEnum

from windlass.scheduling.model import Pod, Snapshot, Workload
from windlass.scheduling.what_if import Changes


class RemedyKind(StrEnum):
    """In what way a workload is helped."""

    SMALLER_REQUEST = "smaller-request"
    LESS_CPU_OR_MEMORY = "less-cpu-or-memory"
    FEWER_TOGETHER = "fewer-together"
    FEWER_CONSTRAINTS = "fewer-constraints"
    TOLERATION = "toleration"
    PREEMPTIBLE = "preemptible"
    OTHER_POOL = "other-pool"
    POOL_SHARE = "pool-share"
    MORE_NODES = "more-nodes"
    LARGER_NODES = "larger-nodes"
    RAISE_LIMIT = "raise-limit"
    RAISE_QUOTA = "raise-quota"


@dataclass(frozen=True, slots=True)
class Step:
    """A change, and what it is in words that follow "It would run now"."""

    changes: Changes
    words: str


def open_pools(then: Snapshot, workload: Workload) -> tuple[str, ...]:
    """Node pools to which pods of the workload that wait may go: that of those that run, if any."""
    on = {pod.placement.node for pod in workload.pods if pod.placement is not None}
    return tuple({node.pool: None for node in then.nodes if node.name in on}) or workload.pools


def waiting_pod(workload: Workload) -> Pod:
    """The first of its pods that has no place."""
    return next(pod for pod in workload.pods if pod.placement is None)
