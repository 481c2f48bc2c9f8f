"""The snapshot as a plan changes it: pods placed and evicted, with checkpoints and rollback."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum

from windlass.scheduling.amounts import NOTHING, Amounts, minus, plus
from windlass.scheduling.cluster import Cluster
from windlass.scheduling.decisions import Cause
from windlass.scheduling.model import Placement, Pod, Request, Settings, Workload
from windlass.scheduling.quantities import WHOLE_DEVICE
from windlass.scheduling.queues import QueueState, QueueTree


class PodStatus(IntEnum):
    """Where a pod stands in the plan so far."""

    WAITING = 0
    PLACED = 1
    EVICTED = 2
    """Evicted by the scenario being tried: it may get a place again within it."""
    GONE = 3
    """Evicted in this cycle for good: it waits again from the next cycle on."""


MAY_BE_PLACED = frozenset((PodStatus.WAITING, PodStatus.EVICTED))


class PodState:
    """One pod of a job."""

    __slots__ = ("asked", "home", "id", "job", "origin", "place", "request", "status")

    def __init__(self, pod: Pod, job: "Job", asked: Amounts) -> None:
        self.id = pod.id
        self.request = pod.request
        self.job = job
        self.asked = asked
        self.origin = pod.placement
        """Where it runs in the snapshot."""
        self.home = pod.placement
        """Where it ran before it was evicted, or in the snapshot."""
        self.place: Placement | None = None
        self.status = PodStatus.WAITING

    @property
    def held(self) -> Amounts:
        """What it counts for in its queues where it is placed."""
        if self.request.device_memory_bytes is None or self.place is None:
            return self.asked
        return held_by(self.place, self.request)


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

    def __init__(self, workload: Workload, queue: QueueState) -> None:
        self.id = workload.id
        self.workload = workload
        self.queue = queue
        self.line = queue.line()
        """Its queue and all above, its own first."""
        self.minimum = max(workload.minimum, 1)
        self.preemptible = workload.preemptible
        self.priority = workload.priority
        self.submitted_at = workload.submitted_at
        self.constraints = _constraints(workload)
        """What its workload demands of nodes: equal ones admit the same."""
        self.pods: list[PodState] = []
        self.placed = 0

    def next_pods(self) -> list[PodState]:
        """The pods to place together next: all that the minimum lacks, or else one extra.

        None where too few wait to reach the minimum, the others having been evicted in this cycle.
        Source: KAI-Scheduler, `pkg/scheduler/api/podgroup_info/allocation_info.go`.
        """
        waiting = [pod for pod in self.pods if pod.status in MAY_BE_PLACED]
        needed = max(self.minimum - self.placed, 1)
        return waiting[:needed] if len(waiting) >= needed else []

    def placed_pods(self) -> list[PodState]:
        """The pods that have a place."""
        if self.placed == len(self.pods):
            return self.pods
        return [pod for pod in self.pods if pod.status is PodStatus.PLACED]


@dataclass(frozen=True, slots=True)
class Reservation:
    """Nodes, by rank, that are kept for a job until it fits."""

    job: Job
    nodes: frozenset[int]


Entry = tuple[PodState, Placement | None, PodStatus]


class Session:
    """One pool: its nodes, queues and jobs. All changes go through here."""

    def __init__(self, cluster: Cluster, queues: QueueTree, settings: Settings, now: float) -> None:
        self.cluster = cluster
        self.queues = queues
        self.settings = settings
        self.now = now
        self.causes: dict[str, Cause] = {}
        """Why pods lost their place, by pod id."""
        self.jobs: dict[str, Job] = {}
        self.pods: dict[str, PodState] = {}
        self.reservation: Reservation | None = None
        self._log: list[Entry] = []

    def new_job(self, workload: Workload) -> Job | None:
        """The workload with all pods waiting, not yet in the plan; None without its queue here."""
        queue = self.queues.get(workload.queue)
        if queue is None:
            return None
        job = Job(workload, queue)
        least = self.cluster.least_device_memory
        for pod in workload.pods:
            job.pods.append(PodState(pod, job, asked_by(pod.request, least)))
        return job

    def add(self, workload: Workload, *, as_waiting: bool = False) -> Job | None:
        """Take a workload into the plan; None where its queue does not exist in this pool.

        Its pods are where the snapshot has them, or, `as_waiting`, nowhere.
        """
        job = self.new_job(workload)
        if job is None:
            return None
        self.jobs[workload.id] = job
        self.pods.update((pod.id, pod) for pod in job.pods)
        if not as_waiting:
            for state in job.pods:
                if state.home is not None:
                    self._take(state, state.home)
        return job

    def remove(self, workload_id: str) -> None:
        """Take a workload of which nothing is placed out of the plan."""
        job = self.jobs.pop(workload_id, None)
        for pod in () if job is None else job.pods:
            del self.pods[pod.id]

    def places(self) -> dict[str, Placement]:
        """Where every placed pod is, by pod id."""
        return {
            pod.id: pod.place
            for job in self.jobs.values()
            for pod in job.pods
            if pod.place is not None
        }

    def is_kept_from(self, job: Job) -> bool:
        """Whether room is kept for another job that this one does not go before."""
        kept = self.reservation
        return kept is not None and kept.job is not job and not _goes_before(job, kept.job)

    def open_to(self, job: Job, suited: frozenset[int] | None) -> frozenset[int] | None:
        """Of the nodes suited to the job, those that are not kept for another; None: all."""
        kept = self.reservation
        if kept is None or not self.is_kept_from(job):
            return suited
        if suited is None:
            suited = frozenset(range(len(self.cluster.nodes)))
        return suited - kept.nodes

    def place(self, pod: PodState, place: Placement) -> None:
        """Let a pod hold its place."""
        self._log.append((pod, pod.place, pod.status))
        self._take(pod, place)

    def evict(self, pod: PodState) -> None:
        """Take a placed pod's place away."""
        self._log.append((pod, pod.place, pod.status))
        pod.home = pod.place
        self._free(pod)
        pod.status = PodStatus.EVICTED

    def checkpoint(self) -> int:
        """A mark to roll back to."""
        return len(self._log)

    def rollback(self, mark: int) -> None:
        """Undo everything since the mark."""
        while len(self._log) > mark:
            pod, place, status = self._log.pop()
            if pod.status is PodStatus.PLACED:
                self._free(pod)
            if place is not None:
                self._take(pod, place)
            pod.status = status

    def places_before(self, mark: int) -> dict[PodState, Placement | None]:
        """Where the pods placed or evicted since the mark were at it, in order of first change."""
        places: dict[PodState, Placement | None] = {}
        for pod, place, _ in self._log[mark:]:
            places.setdefault(pod, place)
        return places

    def commit(self, mark: int) -> None:
        """Make evictions since the mark final for this cycle."""
        for pod, _, _ in self._log[mark:]:
            if pod.status is PodStatus.EVICTED:
                pod.status = PodStatus.GONE

    def begin_cycle(self) -> None:
        """Divide the pool anew."""
        for state in self.queues.all():
            state.requested = NOTHING
        for job in self.jobs.values():
            asked = NOTHING
            for pod in job.pods:
                asked = plus(asked, pod.held)
            for state in job.line:
                state.requested = plus(state.requested, asked)
        self.queues.set_fair_shares(self.settings.usage_strength)

    def go_back_to(self, places: Mapping[str, Placement]) -> None:
        """Put every pod where it was; between cycles only."""
        displaced = [pod for pod in self.pods.values() if pod.place != places.get(pod.id)]
        for pod in displaced:
            self._free(pod)
            pod.status = PodStatus.WAITING
        for pod in displaced:
            if pod.id in places:
                self._take(pod, places[pod.id])

    def end_cycle(self) -> None:
        """Let what was evicted wait again."""
        for pod, _, _ in self._log:
            if pod.status is PodStatus.GONE:
                pod.status = PodStatus.WAITING
        self._log.clear()

    def _take(self, pod: PodState, place: Placement) -> None:
        self.cluster.take(pod.request, place)
        pod.place = place
        pod.status = PodStatus.PLACED
        job = pod.job
        job.placed += 1
        held = pod.held
        for state in job.line:
            state.allocated = plus(state.allocated, held)
            if not job.preemptible:
                state.non_preemptible = plus(state.non_preemptible, held)

    def _free(self, pod: PodState) -> None:
        place = pod.place
        if place is None:
            return
        held = pod.held
        self.cluster.give_back(pod.request, place)
        pod.place = None
        job = pod.job
        job.placed -= 1
        for state in job.line:
            state.allocated = minus(state.allocated, held)
            if not job.preemptible:
                state.non_preemptible = minus(state.non_preemptible, held)


def _goes_before(job: Job, other: Job) -> bool:
    return job.queue is other.queue and job.priority > other.priority


def _constraints(workload: Workload) -> object:
    return (
        frozenset(workload.node_labels.items()),
        workload.affinity,
        workload.tolerations,
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
