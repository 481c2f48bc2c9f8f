"""The snapshot as a plan changes it: pods placed and evicted, with checkpoints and rollback."""

from collections.abc import Mapping

from windlass.scheduling.amounts import NOTHING, minus, plus
from windlass.scheduling.cluster import Cluster
from windlass.scheduling.decisions import Cause
from windlass.scheduling.jobs import (
    Job,
    PodState,
    PodStatus,
    asked_by,
    constraints_of,
    held_by,
)
from windlass.scheduling.model import Placement, Settings, Workload
from windlass.scheduling.queues import QueueTree
from windlass.scheduling.reservations import Reservations

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
        self.reservations = Reservations()
        self.claimants: set[str] = set()
        """Workloads for which pods were evicted or moved in this cycle."""
        self.barred: set[str] = set()
        """Workloads for which nobody may be evicted or moved."""
        self._constraints: dict[object, int] = {}
        self._places: dict[str, Placement] | None = None
        """As `places` told them last; None once that has changed."""
        self._log: list[Entry] = []

    def new_job(self, workload: Workload) -> Job | None:
        """The workload with all pods waiting, not yet in the plan; None without its queue here."""
        queue = self.queues.get(workload.queue)
        if queue is None:
            return None
        constraints = constraints_of(workload)
        number = self._constraints.setdefault(constraints, len(self._constraints))
        job = Job(workload, queue, number)
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
        for state in job.pods:
            self.pods[state.id] = state
            if state.home is not None and not as_waiting:
                self._take(state, state.home)
        return job

    def remove(self, workload_id: str) -> None:
        """Take a workload of which nothing is placed out of the plan."""
        job = self.jobs.pop(workload_id, None)
        for pod in () if job is None else job.pods:
            del self.pods[pod.id]

    def places(self) -> Mapping[str, Placement]:
        """Where every placed pod is now, by pod id."""
        if self._places is None:
            self._places = {
                pod.id: pod.place
                for job in self.jobs.values()
                for pod in job.pods
                if pod.place is not None
            }
        return self._places

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
        self.claimants = set()
        for state in self.queues.all():
            state.requested = NOTHING
        for job in self.jobs.values():
            queue = job.queue
            for pod in job.pods:
                queue.requested = plus(queue.requested, pod.held)
        for state in reversed(list(self.queues.all())):
            if state.parent is not None:
                state.parent.requested = plus(state.parent.requested, state.requested)
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

    def close(self) -> None:
        """End it: jobs and their pods, which know each other, part, so that their memory is free at
        once and the collector of cycles need not look for it."""
        for job in self.jobs.values():
            job.pods.clear()

    def _take(self, pod: PodState, place: Placement) -> None:
        self.cluster.take(pod.request, place)
        self._places = None
        pod.place = place
        pod.status = PodStatus.PLACED
        if pod.request.device_memory_bytes is not None:
            pod.held = held_by(place, pod.request)
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
        self._places = None
        pod.place = None
        pod.held = pod.asked
        job = pod.job
        job.placed -= 1
        for state in job.line:
            state.allocated = minus(state.allocated, held)
            if not job.preemptible:
                state.non_preemptible = minus(state.non_preemptible, held)
