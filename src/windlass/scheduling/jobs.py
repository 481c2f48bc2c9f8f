"""Workloads and pods as a plan changes them, and what they count for in their queues."""

from collections.abc import Iterable
from enum import IntEnum

from windlass.scheduling.amounts import Amounts
from windlass.scheduling.model import Placement, Pod, Request, Workload
from windlass.scheduling.quantities import WHOLE_DEVICE
from windlass.scheduling.queues import QueueState


class PodStatus(IntEnum):
    """Where a pod stands in the plan so far."""

    WAITING = 0
    PLACED = 1
    EVICTED = 2
    """Evicted by the scenario being tried: it may get a place again within it."""
    GONE = 3
    """Evicted in this cycle for good: it waits again from the next cycle on."""


MAY_BE_PLACED = (PodStatus.WAITING, PodStatus.EVICTED)


class PodState:
    """One pod of a job."""

    __slots__ = ("asked", "held", "home", "id", "job", "origin", "place", "request", "status")

    def __init__(self, pod: Pod, job: "Job", asked: Amounts) -> None:
        self.id = pod.id
        self.request = pod.request
        self.job = job
        self.asked = asked
        self.held = asked
        """What it counts for in its queues; of device memory that depends on where it is placed."""
        self.origin = pod.placement
        """Where it runs in the snapshot."""
        self.home = pod.placement
        """Where it ran before it was evicted, or in the snapshot."""
        self.place: Placement | None = None
        self.status = PodStatus.WAITING


class Job:
    """One workload in one pool."""

    __slots__ = (
        "constraints",
        "id",
        "line",
        "minimum",
        "placed",
        "pods",
        "preemptible",
        "priority",
        "queue",
        "submitted_at",
        "workload",
    )

    def __init__(self, workload: Workload, queue: QueueState, constraints: int) -> None:
        self.id = workload.id
        self.workload = workload
        self.queue = queue
        self.line = queue.line
        """Its queue and all above, its own first."""
        self.minimum = max(workload.minimum, 1)
        self.preemptible = workload.preemptible
        self.priority = workload.priority
        self.submitted_at = workload.submitted_at
        self.constraints = constraints
        """A number for what its workload demands of nodes: equal ones admit the same."""
        self.pods: list[PodState] = []
        self.placed = 0

    def next_pods(self) -> list[PodState]:
        """The pods to place together next: all that the minimum lacks, or else one extra.

        None where too few wait to reach the minimum, the others having been evicted in this cycle.
        Source: KAI-Scheduler, `pkg/scheduler/api/podgroup_info/allocation_info.go`.
        """
        pods = self.pods
        if len(pods) == 1:
            return pods if pods[0].status in MAY_BE_PLACED else []
        waiting = [pod for pod in pods if pod.status in MAY_BE_PLACED]
        needed = max(self.minimum - self.placed, 1)
        return waiting[:needed] if len(waiting) >= needed else []

    def placed_pods(self) -> list[PodState]:
        """The pods that have a place."""
        return [pod for pod in self.pods if pod.status is PodStatus.PLACED]


def constraints_of(workload: Workload) -> object:
    """What the workload demands of nodes."""
    if not (workload.node_labels or workload.node_affinity or workload.tolerations):
        return workload.pod_affinity, workload.topology
    return (
        frozenset(workload.node_labels.items()),
        workload.node_affinity,
        workload.tolerations,
        workload.pod_affinity,
        workload.topology,
    )


def asked_by(request: Request, least_device_memory: int) -> Amounts:
    """What a waiting pod counts for in its queues.

    Device memory counts as the part of the smallest device that it is.
    """
    gpu = request.devices * request.portion
    if request.device_memory_bytes is not None:
        part = WHOLE_DEVICE
        if least_device_memory:
            part = request.device_memory_bytes * WHOLE_DEVICE // least_device_memory
        gpu = request.devices * part
    return gpu, request.cpu_millicores, request.memory_bytes


def held_by(place: Placement, request: Request) -> Amounts:
    """What a placed pod counts for in its queues."""
    gpu = sum(share.portion for share in place.devices)
    return gpu, request.cpu_millicores, request.memory_bytes


def total_asked(pods: Iterable[PodState]) -> Amounts:
    """What these pods ask in all."""
    gpu = cpu = memory = 0
    for pod in pods:
        asked = pod.asked
        gpu += asked[0]
        cpu += asked[1]
        memory += asked[2]
    return gpu, cpu, memory
