"""Who runs where: pure, a snapshot in, a plan out.

    snapshot = Snapshot(
        nodes=(Node("n0", 8000, 32 * 1024**3, devices=(Device("GPU-1", 80 * 1024**3),)),),
        workloads=(
            Workload("w", pods=(Pod("w-0", Request(devices=1, portion=portion(0.5))),)),
        ),
    )
    decided = plan(snapshot)
    decided.placements   # {"w-0": Placement("n0", (DeviceShare("GPU-1", 500_000, …),))}
    decided.evictions    # who has to stop first, for whom and why
    decided.pending      # what waits, with one reason per node pool

A pod that runs has its `placement` in the snapshot and keeps it unless it has to give way; a pod
without one waits. Everything else has defaults: one node pool `default`, no quotas, all pods of a
workload together. No input or output, no clock: the same snapshot gives the same plan.

Where to read, in this order:

1. `model`, `decisions`: what goes in and out, in the units of `quantities`.
2. `planning`, `cycle`: the course of a plan, over pools and in one pool.
3. `allocate`, `consolidate`, `reclaim` with `reclaim_rules`, `preempt`, `stale_gangs`: the actions.
4. `fair_share`, `capacity`, `order`, `usage`: the rules they share.
5. `making_room`, `victims`, `returning`: how room is made, and nobody is moved for nothing.
6. `matching`, `placing`, `topology`, `keeping_devices`: which nodes and devices.
7. `reserving`, `reservations`: ageing.
8. `reasons`, `shortage`, `evicting`: decisions explained.
9. `what_if`, `remedies`: what would happen, and what would help.

`session` is the snapshot as a plan changes it, with its parts `jobs`, `queues` and `cluster`.
docs/scheduling.md tells the rules to administrators, and which function holds each.
"""

from windlass.scheduling.decisions import (
    Action,
    Cause,
    Eviction,
    PendingReason,
    PendingWorkload,
    Plan,
    QueueNumbers,
    ReasonCode,
)
from windlass.scheduling.model import (
    DEFAULT_POOL,
    DEFAULT_QUEUE,
    FIRST_NON_PREEMPTIBLE_PRIORITY,
    AffinityType,
    Device,
    DeviceShare,
    LabelOperator,
    LabelRule,
    LabelTerm,
    Node,
    Placement,
    PlacementStrategy,
    Pod,
    PodAffinity,
    Queue,
    Quota,
    Request,
    Settings,
    Snapshot,
    Taint,
    TaintEffect,
    Toleration,
    TolerationOperator,
    Topology,
    Workload,
)
from windlass.scheduling.planning import plan
from windlass.scheduling.quantities import WHOLE_DEVICE, Resource, portion
from windlass.scheduling.remedies import Remedy, RemedyKind, remedies
from windlass.scheduling.usage import UsageSample, decayed_usage
from windlass.scheduling.what_if import Changes, Outcome, carried_out, what_if

__all__ = [
    "DEFAULT_POOL",
    "DEFAULT_QUEUE",
    "FIRST_NON_PREEMPTIBLE_PRIORITY",
    "WHOLE_DEVICE",
    "Action",
    "AffinityType",
    "Cause",
    "Changes",
    "Device",
    "DeviceShare",
    "Eviction",
    "LabelOperator",
    "LabelRule",
    "LabelTerm",
    "Node",
    "Outcome",
    "PendingReason",
    "PendingWorkload",
    "Placement",
    "PlacementStrategy",
    "Plan",
    "Pod",
    "PodAffinity",
    "Queue",
    "QueueNumbers",
    "Quota",
    "ReasonCode",
    "Remedy",
    "RemedyKind",
    "Request",
    "Resource",
    "Settings",
    "Snapshot",
    "Taint",
    "TaintEffect",
    "Toleration",
    "TolerationOperator",
    "Topology",
    "UsageSample",
    "Workload",
    "carried_out",
    "decayed_usage",
    "plan",
    "portion",
    "remedies",
    "what_if",
]
