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
from windlass.scheduling.cluster import Cluster, NodeState
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
        self._changed: list[str] = []
        """Jobs whose pods were placed or evicted for those settled, in that order."""

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
            used.begin_claim(self._changed)
            solved = self._solve(job, used, victims, judge)
        if solved is None:
            fresh = _Search(self._session, victims(), len(self._changed))
            solved = self._solve(job, fresh, victims, judge)
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
                search = _Search(session, victims(), len(self._changed), search.solution)
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
        self._changed += changed
        for pod, place in before.items():
            if place is not None and pod.place != place:
                session.causes[pod.id] = cause(pod)


class _Search:
    """Scenarios for claims that ask for the same, from few victims to many."""

    def __init__(
        self,
        session: Session,
        order: VictimOrder,
        changes_seen: int,
        recorded: Sequence[PodState] = (),
    ) -> None:
        self._session = session
        self._order = order
        self._attempts_left = session.settings.most_scenarios
        self.solution = list(recorded)
        """Pods of the jobs that had to give way for what was solved last."""
        self._changes_seen = changes_seen
        self._listed: defaultdict[str, list[tuple[PodState, _OnNode]]] = defaultdict(list)
        """Possible victims by job, and where each is."""
        self._nodes = _Nodes(session.cluster)
        self._last_request: Request | None = None
        self._someone_came_back = False

    def begin_claim(self, changed: Sequence[str]) -> None:
        """Go on with another job, for which nobody has given way yet; `changed` are the jobs that
        were placed or evicted in this action."""
        self._forget(changed[self._changes_seen :])
        self._changes_seen = len(changed)
        self.solution = []
        self._attempts_left = self._session.settings.most_scenarios

    def can_go_on_with(self, pod: PodState) -> bool:
        """Whether victims passed over so far would be of no use for a further pod, either.

        So it is if the pod asks for the same as the last, and nobody tried for the last came back.
        """
        if self._last_request is None:
            return True
        return pod.request == self._last_request and not self._someone_came_back

    def solve(self, claim: Claimed, judge: Judge) -> bool:
        """Find victims for the claim, besides those of the last solution; False leaves changes."""
        session = self._session
        request = claim.pods[-1].request
        self._last_request = request
        recorded = self.solution
        for pod in recorded:
            session.evict(pod)
        if recorded and self._attempt(claim, recorded, [], judge):
            return True
        fits_already = self._fits_already(claim)
        known = set(recorded)
        while self._attempts_left and (chunk := self._order.pop()) is not None:
            if not known.isdisjoint(chunk):
                continue
            for node in self._add(chunk):
                if fits_already or node.might_take(request):
                    self._attempts_left -= 1
                    if self._attempt(claim, recorded, self._victims_on(node), judge):
                        return True
        return False

    def _add(self, chunk: Chunk) -> "Iterable[_OnNode]":
        """Add possible victims: returns the nodes of their job."""
        job = chunk[0].job
        listed = self._listed[job.id]
        for pod in chunk:
            node = self._nodes[_home_of(pod)]
            node.add(pod)
            listed.append((pod, node))
        if len(job.pods) == 1:
            return (node,)
        names = {pod.place.node for pod in job.pods if pod.place is not None}
        return [self._nodes[name] for name in sorted(names)]

    def _forget(self, jobs: Iterable[str]) -> None:
        """These jobs are no longer where they were."""
        for job in jobs:
            for pod, node in self._listed.pop(job, ()):
                node.remove(pod)

    def _victims_on(self, node: "_OnNode") -> list[PodState]:
        """All possible victims of the jobs that have some on the node."""
        return [pod for job in node.jobs for pod, _ in self._listed.get(job, ())]

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
        self._forget(affected)

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


class _OnNode:
    """The possible victims on one node, and what they would free."""

    __slots__ = ("_cpu", "_devices", "_memory", "_state", "jobs")

    def __init__(self, state: NodeState | None) -> None:
        self._state = state
        """None: the node is not there any more."""
        self.jobs: list[str] = []
        """Jobs that have, or had, possible victims here, in the order in which they were found."""
        self._cpu = 0
        self._memory = 0
        self._devices = 0

    def add(self, pod: PodState) -> None:
        """Count what the pod would free."""
        request = pod.request
        if pod.job.id not in self.jobs:
            self.jobs.append(pod.job.id)
        self._cpu += request.cpu_millicores
        self._memory += request.memory_bytes
        self._devices += request.devices

    def remove(self, pod: PodState) -> None:
        """Count the pod no more."""
        request = pod.request
        self._cpu -= request.cpu_millicores
        self._memory -= request.memory_bytes
        self._devices -= request.devices

    def might_take(self, request: Request) -> bool:
        """Whether the node could take the request if all possible victims on it went, devices only
        counted; else an attempt is in vain."""
        state = self._state
        if state is None or not self.jobs:
            return False
        needed = 0 if request.mig_profile else request.devices
        return (
            state.free_devices + state.shared_devices + self._devices >= needed
            and state.free_cpu + self._cpu >= request.cpu_millicores
            and state.free_memory + self._memory >= request.memory_bytes
        )


class _Nodes(dict[str, _OnNode]):
    """Nodes with possible victims, by name; one asked for the first time has none."""

    def __init__(self, cluster: Cluster) -> None:
        super().__init__()
        self._cluster = cluster

    def __missing__(self, name: str) -> _OnNode:
        node = self[name] = _OnNode(self._cluster.by_name.get(name))
        return node


def _home_of(pod: PodState) -> str:
    """The node that a possible victim is on, or was until it was evicted on trial."""
    place = pod.place or pod.home
    return "" if place is None else place.node
