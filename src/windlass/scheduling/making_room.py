"""Evict or move running pods so that waiting jobs get a place: scenarios, tried one by one.

Possible victims pile up in their order; each time, those on the nodes of the latest are evicted on
trial, and an ordinary allocation over claim and victims decides who gets a place. So a claim
succeeds only if it comes before its victims in the order of queues, and a victim that finds
another place is moved, not lost.

Source: KAI-Scheduler, `pkg/scheduler/actions/common/solvers`. Two things differ, on purpose: the
place found is kept for the claim and for those that are moved; and only claim and victims take part
in the trial (in KAI, a workload that can never run may keep those behind it from claiming).
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

from windlass.scheduling.allocate import place_job, place_together, shape_of
from windlass.scheduling.capacity import is_allowed
from windlass.scheduling.decisions import Cause
from windlass.scheduling.jobs import Job, PodState, PodStatus, total_asked
from windlass.scheduling.model import Request
from windlass.scheduling.order import Claimed, PendingOrder
from windlass.scheduling.returning import has_moved
from windlass.scheduling.session import Session
from windlass.scheduling.victims import Chunk, Running, VictimOrder

Judge = Callable[[Claimed, Sequence[PodState]], bool]
"""Whether a solution is allowed, given the pods that were evicted for it as they now stand."""


class RoomMaker:
    """Makes room for one waiting job after another, in one action of a cycle."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.running = Running(session)
        self._searches: dict[object, _Search] = {}

    def make_room(
        self, job: Job, group: object, victims: Callable[[], VictimOrder], judge: Judge
    ) -> bool:
        """Give the job's next pods a place by evicting or moving victims, or change nothing.

        The first of the pods is solved alone, then the first two, and so on; victims found for
        fewer pods are kept. Jobs of one `group` have the same victims: what was no use for one is
        not tried for the next that asks for the same.
        """
        key = group, job.next_pods()[0].request
        used = self._searches.pop(key, None)
        solved = None
        if used is not None:
            used.begin_claim()
            solved = self._solve(job, used, victims, judge)
        if solved is None:
            solved = self._solve(job, _Search(self._session, victims()), victims, judge)
        if solved is None:
            return False
        self._searches[key] = solved
        return True

    def _solve(
        self, job: Job, search: "_Search", victims: Callable[[], VictimOrder], judge: Judge
    ) -> "_Search | None":
        """The search that found room for all pods of the job; None, and nothing has changed."""
        session = self._session
        pods = job.next_pods()
        mark = session.checkpoint()
        for count, pod in enumerate(pods, start=1):
            if not search.can_go_on_with(pod):
                search = _Search(session, victims(), search.solution)
            session.rollback(mark)
            if not search.solve(Claimed(job, pods[:count]), judge):
                session.rollback(mark)
                return None
        return search

    def settle(self, job: Job, mark: int, cause: Callable[[PodState], Cause]) -> None:
        """Make the job's changes since the mark final, and note why pods lost or changed places."""
        session = self._session
        session.claimants.add(job.id)
        before = session.places_before(mark)
        session.commit(mark)
        changed = {pod.job.id: pod.job for pod in before}
        self.running.update(changed.values())
        for search in self._searches.values():
            search.forget(changed)
        for pod, place in before.items():
            if place is not None and pod.place != place:
                session.causes[pod.id] = cause(pod)


class _Search:
    """Scenarios for claims that ask for the same, from few victims to many."""

    def __init__(
        self, session: Session, order: VictimOrder, recorded: Sequence[PodState] = ()
    ) -> None:
        self._session = session
        self._order = order
        self._attempts_left = session.settings.most_scenarios
        self.solution = list(recorded)
        """Pods of the jobs that had to give way for what was solved last."""
        self._chunks: defaultdict[str, list[tuple[PodState, str]]] = defaultdict(list)
        """Possible victims by job, and the node on which each was found."""
        self._jobs_on_node: defaultdict[str, dict[str, None]] = defaultdict(dict)
        self._freed: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
        """CPU, memory and devices that possible victims would free on a node."""
        self._last_request: Request | None = None
        self._someone_came_back = False

    def begin_claim(self) -> None:
        """Go on with another job: nobody has given way for it yet."""
        self.solution = []
        self._attempts_left = self._session.settings.most_scenarios

    def can_go_on_with(self, pod: PodState) -> bool:
        """Whether victims passed over so far would be of no use for a further pod, either.

        So it is if the pod asks for the same as the last, and nobody tried for the last came back.
        """
        if self._last_request is None:
            return True
        return pod.request == self._last_request and not self._someone_came_back

    def forget(self, jobs: Iterable[str]) -> None:
        """These jobs are no longer where they were."""
        for job in jobs:
            for pod, node in self._chunks.pop(job, ()):
                self._count_freed(pod, node, -1)

    def solve(self, claim: Claimed, judge: Judge) -> bool:
        """Find victims for the claim, besides those of the last solution; False leaves changes."""
        session = self._session
        request = claim.pods[-1].request
        self._last_request = request
        recorded = self.solution
        for pod in recorded:
            session.evict(pod)
        fits_already = self._fits_already(claim)
        if recorded and self._attempt(claim, recorded, [], judge):
            return True
        known = set(recorded)
        while self._attempts_left and (chunk := self._order.pop()) is not None:
            if not known.isdisjoint(chunk):
                continue
            for node in self._add(chunk):
                if fits_already or self._might_fit(node, request):
                    self._attempts_left -= 1
                    if self._attempt(claim, recorded, self._on_node(node), judge):
                        return True
        return False

    def _add(self, chunk: Chunk) -> list[str]:
        """Add possible victims: returns the nodes of their job."""
        job = chunk[0].job
        for pod in chunk:
            node = _home_of(pod)
            self._chunks[job.id].append((pod, node))
            self._jobs_on_node[node][job.id] = None
            self._count_freed(pod, node, 1)
        if len(job.pods) == 1:
            return [_home_of(chunk[0])]
        return sorted({pod.place.node for pod in job.pods if pod.place is not None})

    def _count_freed(self, pod: PodState, node: str, sign: int) -> None:
        freed, request = self._freed[node], pod.request
        freed[0] += sign * request.cpu_millicores
        freed[1] += sign * request.memory_bytes
        freed[2] += sign * request.devices

    def _on_node(self, node: str) -> list[PodState]:
        """All possible victims of the jobs that have some on the node."""
        jobs = self._jobs_on_node.get(node, ())
        return [pod for job in jobs for pod, _ in self._chunks.get(job, ())]

    def _might_fit(self, node: str, request: Request) -> bool:
        """Whether the node could take the request if all possible victims on it went, devices only
        counted; else an attempt is in vain."""
        state = self._session.cluster.by_name.get(node)
        freed = self._freed.get(node)
        if state is None or freed is None:
            return False
        needed = 0 if request.mig_profile else request.devices
        return (
            state.free_cpu + freed[0] >= request.cpu_millicores
            and state.free_memory + freed[1] >= request.memory_bytes
            and state.free_devices + state.shared_devices + freed[2] >= needed
        )

    def _attempt(
        self,
        claim: Claimed,
        recorded: Sequence[PodState],
        more: Sequence[PodState],
        judge: Judge,
    ) -> bool:
        session = self._session
        mark = session.checkpoint()
        for pod in more:
            session.evict(pod)
        evicted = [*recorded, *more]
        if self._serve_in_order(claim, evicted) and judge(claim, evicted):
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
        self.forget(affected)

    def _serve_in_order(self, claim: Claimed, evicted: Sequence[PodState]) -> bool:
        """Place claim and evicted jobs as an ordinary allocation would: False if not the claim."""
        session = self._session
        victims = {pod.job.id: pod.job for pod in evicted}
        order = PendingOrder(victims.values(), claim)
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


def _home_of(pod: PodState) -> str:
    """The node that a possible victim is on, or was until it was evicted on trial."""
    place = pod.place or pod.home
    return "" if place is None else place.node
