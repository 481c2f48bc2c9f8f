"""Who runs where: pure, a snapshot in, a plan out.

    snapshot = Snapshot(
        nodes=(Node("n0", 8000, 32 * 1024**3, devices=(Device("GPU-1", 80 * 1024**3),)),),
        workloads=(
            Workload("w", pods=(Pod("w-0", Request(devices=1, portion=portion(0.5))),)),
        ),
    )
    decided = plan(snapshot)
    decided.placements   # {"w-0": Placement("n0", (DeviceShare("GPU-1", 500_000, …),))}
    decided.pending      # what waits, with one reason per node pool

A pod that runs has its `placement` in the snapshot and keeps it; a pod without one waits.
Everything else has defaults: one node pool `default`, no quotas, all pods of a workload together.
No input or output, no clock: the same snapshot gives the same plan.
"""

from windlass.scheduling.decisions import PendingReason, PendingWorkload, Plan, ReasonCode
from windlass.scheduling.model import (
    DEFAULT_POOL,
    DEFAULT_QUEUE,
    Device,
    DeviceShare,
    Node,
    Placement,
    Pod,
    Request,
    Snapshot,
    Workload,
)
from windlass.scheduling.planning import plan
from windlass.scheduling.quantities import WHOLE_DEVICE, Resource, portion

__all__ = [
    "DEFAULT_POOL",
    "DEFAULT_QUEUE",
    "WHOLE_DEVICE",
    "Device",
    "DeviceShare",
    "Node",
    "PendingReason",
    "PendingWorkload",
    "Placement",
    "Plan",
    "Pod",
    "ReasonCode",
    "Request",
    "Resource",
    "Snapshot",
    "Workload",
    "plan",
    "portion",
]
