"""Evict or move running pods so that a waiting job gets its place: scenarios, tried one by one.

Possible victims pile up in their order; each time, those on the nodes of the latest are evicted on
trial, and an ordinary allocation over claim and victims decides who gets a place. So a claim
succeeds only if it comes before its victims in the order of queues, and a victim that finds
another place is moved, not lost.

Source: KAI-Scheduler, `pkg/scheduler/actions/common/solvers`. Three things differ, on purpose: a
claim's place is kept for it, only claim and victims take part in the trial (in KAI, a workload that
can never run may keep those behind it from claiming), and nobody is moved whose own place is still
free in the end.
"""

from collections.abc import Callable, Iterable, Sequence

from windlass.scheduling.allocate import place_job, place_together, shape_of
from windlass.scheduling.capacity import is_allowed
from windlass.scheduling.cluster import NodeState
from windlass.scheduling.decisions import Cause
from windlass.scheduling.model import Request
from windlass.scheduling.order import Claimed, PendingOrder
from windlass.scheduling.returning import has_moved, return_home
from windlass.scheduling.session import Job, PodState, PodStatus, Session, total_asked
from windlass.scheduling.victims import Chunk, Running, VictimOrder

Judge = Callable[[Claimed, Sequence[PodState]], bool]
"""Whether a solution is allowed, given all possible victims as they now stand."""


def make_room(
    session: Session,
    job: Job,
    victims: Callable[[], VictimOrder],
    judge: Judge,
) -> bool:
    """Give the job's next pods a place by evicting or moving victims, or change nothing.

    The first of the pods is solved alone, then the first two, and so on; victims found for fewer
    pods are kept.
    """
    pods = job.next_pods()
    mark = session.checkpoint()
    search: _Search | None = None
    for count in range(1, len(pods) + 1):
        claim = Claimed(job, pods[:count])
        if search is None or not search.can_go_on_with(pods[count - 1]):
            recorded = [] if search is None else search.solution
            search = _Search(session, victims(), judge, recorded)
        session.rollback(mark)
        if not search.solve(claim):
            session.rollback(mark)
            return False
    return True


def settle(
    session: Session, mark: int, running: Running, cause: Callable[[PodState], Cause]
) -> None:
    """Make a solution final, and note why pods lost or changed their place."""
    before = session.places_before(mark)
    return_home(session, before)
    session.commit(mark)
    running.update({pod.job.id: pod.job for pod in before}.values())
    for pod, place in before.items():
        if place is not None and pod.place != place:
            session.causes[pod.id] = cause(pod)


class _Search:
    """Scenarios for one claim, from few victims to many."""

    def __init__(
        self, session: Session, order: VictimOrder, judge: Judge, recorded: Sequence[PodState]
    ) -> None:
        self._session = session
        self._order = order
        self._judge = judge
        self._attempts_left = session.settings.most_scenarios
        self.solution = list(recorded)
        """Pods of the jobs that had to give way for what was solved last."""
        self._chunks: dict[str, list[PodState]] = {}
        self._jobs_on_node: dict[str, list[str]] = {}
        self._last_request: Request | None = None
        self._someone_came_back = False

    def solve(self, claim: Claimed) -> bool:
        """Find victims for the claim, besides those of the last solution; False leaves changes."""
        session = self._session
        self._last_request = claim.pods[-1].request
        recorded = self.solution
        for pod in recorded:
            session.evict(pod)
        if recorded and self._attempt(claim, recorded, []):
            return True
        known = set(recorded)
        fits_already = self._fits_already(claim)
        while self._attempts_left and (chunk := self._order.pop()) is not None:
            fresh = [pod for pod in chunk if pod not in known]
            for node in self._add(fresh):
                evicted = self._on_node(node)
                if not evicted or not (fits_already or self._might_fit(claim, evicted)):
                    continue
                self._attempts_left -= 1
                if self._attempt(claim, recorded, evicted):
                    return True
        return False

    def can_go_on_with(self, pod: PodState) -> bool:
        """Whether victims passed over so far would be of no use for a further pod, either.

        So it is if the pod asks for the same as the last, and nobody tried for the last came back.
        """
        return pod.request == self._last_request and not self._someone_came_back

    def _add(self, chunk: Chunk) -> list[str]:
        """Add possible victims: returns the nodes of their job."""
        if not chunk:
            return []
        job = chunk[0].job
        self._chunks.setdefault(job.id, []).extend(chunk)
        for pod in chunk:
            jobs = self._jobs_on_node.setdefault(_node_of(pod), [])
            if job.id not in jobs:
                jobs.append(job.id)
        return sorted({_node_of(pod) for pod in job.pods if pod.place is not None})

    def _on_node(self, node: str) -> list[PodState]:
        """All possible victims of the jobs that have some on the node."""
        jobs = self._jobs_on_node.get(node, ())
        return [pod for job in jobs for pod in self._chunks[job]]

    def _attempt(
        self, claim: Claimed, recorded: Sequence[PodState], more: Sequence[PodState]
    ) -> bool:
        session = self._session
        mark = session.checkpoint()
        for pod in more:
            session.evict(pod)
        evicted = [*recorded, *more]
        if self._serve_in_order(claim, evicted):
            everyone = [*recorded, *(pod for chunk in self._chunks.values() for pod in chunk)]
            if _are_whole(evicted) and self._judge(claim, everyone):
                self._record(evicted)
                return True
        session.rollback(mark)
        return False

    def _record(self, evicted: Sequence[PodState]) -> None:
        affected = {
            pod.job.id for pod in evicted if pod.status is not PodStatus.PLACED or has_moved(pod)
        }
        self.solution = [pod for pod in evicted if pod.job.id in affected]
        self._someone_came_back = len(self.solution) < len(evicted)
        for job in affected:
            self._chunks.pop(job, None)
            for jobs in self._jobs_on_node.values():
                if job in jobs:
                    jobs.remove(job)

    def _serve_in_order(self, claim: Claimed, evicted: Sequence[PodState]) -> bool:
        """Place claim and evicted jobs as an ordinary allocation would: False if not the claim."""
        session = self._session
        victims = {pod.job.id: pod.job for pod in evicted}
        order = PendingOrder(session, victims.values(), claim)
        failed: set[object] = set()
        served = False
        while order:
            job = order.pop()
            if job is claim.job:
                if not place_job(session, job, claim.pods):
                    return False
                served = True
                continue
            pods = job.next_pods()
            shape = shape_of(session, job, pods)
            if not pods or shape in failed or not is_allowed(job, total_asked(pods)):
                continue
            if not place_together(session, job, pods):
                failed.add(shape)
        return served

    def _fits_already(self, claim: Claimed) -> bool:
        """Whether nodes have room for the claim and only its queues do not allow it."""
        session = self._session
        mark = session.checkpoint()
        fits = place_together(session, claim.job, claim.pods)
        session.rollback(mark)
        return fits

    def _might_fit(self, claim: Claimed, evicted: Iterable[PodState]) -> bool:
        """Whether a pod of the claim could go where these leave; else an attempt is in vain."""
        requests = {pod.request for pod in claim.pods}
        by_name = self._session.cluster.by_name
        freed: dict[str, list[PodState]] = {}
        for pod in evicted:
            freed.setdefault(_node_of(pod), []).append(pod)
        for node, pods in freed.items():
            state = by_name.get(node)
            if state is not None and any(_fits_with(state, pods, ask) for ask in requests):
                return True
        return False


def _are_whole(evicted: Iterable[PodState]) -> bool:
    """Whether no workload is left with some of its pods, but too few."""
    return all(job.placed == 0 or job.placed >= job.minimum for job in {pod.job for pod in evicted})


def _fits_with(state: NodeState, leaving: Sequence[PodState], request: Request) -> bool:
    """Whether the node could take the request once these have left, devices only counted."""
    cpu, memory = state.free_cpu, state.free_memory
    devices = state.free_devices + state.shared_devices
    for pod in leaving:
        _, pod_cpu, pod_memory = pod.asked
        cpu += pod_cpu
        memory += pod_memory
        devices += pod.request.devices
    return (
        cpu >= request.cpu_millicores
        and memory >= request.memory_bytes
        and devices >= (0 if request.mig_profile else request.devices)
    )


def _node_of(pod: PodState) -> str:
    return "" if pod.place is None else pod.place.node
