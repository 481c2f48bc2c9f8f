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
from collections.abc import Callable, Iterator, Sequence

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

    def __init__(self, session: Session, running: Running) -> None:
        self._session = session
        self._running = running
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
            fresh = _Search(self._session, self._running, victims())
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
        for number, pod in enumerate(pods, start=1):
            if not search.can_go_on_with(pod):
                search = _Search(session, self._running, victims(), search.solution)
            session.rollback(mark)
            if not search.solve(Claimed(job, pods[:number]), judge):
                session.rollback(mark)
                return None
        return search

    def settle(self, job: Job, mark: int, cause: Callable[[PodState], Cause]) -> None:
        """Make the job's changes since the mark final, and note why pods lost or changed places."""
        session = self._session
        session.claimants.add(job.id)
        before = session.places_before(mark)
        session.commit(mark)
        self._running.update(dict.fromkeys(pod.job for pod in before))
        for pod, place in before.items():
            if place is not None and pod.place != place:
                session.causes[pod.id] = cause(pod)


class _Search:
    """Scenarios for claims that ask for the same, from few victims to many."""

    def __init__(
        self,
        session: Session,
        running: Running,
        order: VictimOrder,
        recorded: Sequence[PodState] = (),
    ) -> None:
        self._session = session
        self._running = running
        self._order = order
        self._attempts_left = session.settings.most_scenarios
        self.solution = list(recorded)
        """Pods of the jobs that had to give way for what was solved last."""
        self._found_on: defaultdict[str, list[PodState]] = defaultdict(list)
        """The possible victims that were ever found on a node."""
        self._devices_found: defaultdict[str, int] = defaultdict(int)
        """How many devices they use."""
        self._found_at: dict[PodState, int] = {}
        """When possible victims were found, by the clock of `running`."""
        self._gave_way_at: dict[Job, int] = {}
        self._last_request: Request | None = None
        self._someone_came_back = False

    def begin_claim(self) -> None:
        """Go on with another job, for which nobody has given way yet."""
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
        if recorded and self._may_fit(claim.pods) and self._attempt(claim, recorded, [], judge):
            return True
        fits_already = self._fits_already(claim)
        needed = 0 if fits_already or request.mig_profile else request.devices
        for node in self._nodes_with(needed, set(recorded)):
            found = [pod for pod in self._found_on[node] if self._is_possible(pod)]
            if not fits_already and not self._might_take(node, found, request):
                continue
            self._attempts_left -= 1
            if self._attempt(claim, recorded, self._with_all_of_their_jobs(found), judge):
                return True
            if not self._attempts_left:
                return False
        return False

    def _nodes_with(self, devices: int, known: set[PodState]) -> Iterator[str]:
        """Nodes, one after the other as possible victims pile up, that may have so many devices if
        those there went."""
        if not self._attempts_left:
            return
        nodes, ever_found = self._session.cluster.by_name, self._devices_found
        for chunk in self._order:
            if known and not known.isdisjoint(chunk):
                continue
            for name in self._add(chunk):
                node = nodes.get(name)
                if node is None:
                    continue
                if ever_found[name] + node.free_devices + node.shared_devices >= devices:
                    yield name

    def _add(self, chunk: Chunk) -> Sequence[str]:
        """Add possible victims: returns the nodes of their job."""
        now = next(self._running.clock)
        for pod in chunk:
            self._found_at[pod] = now
            place = pod.place or pod.home
            node = "" if place is None else place.node
            self._found_on[node].append(pod)
            self._devices_found[node] += pod.request.devices
        job = chunk[0].job
        if len(job.pods) == 1:
            return (node,)
        return sorted({pod.place.node for pod in job.pods if pod.place is not None})

    def _is_possible(self, pod: PodState) -> bool:
        """Whether the pod was found, and its job has neither changed nor given way since."""
        found_at = self._found_at.get(pod, -1)
        job = pod.job
        return found_at > max(self._running.changed_at.get(job, -1), self._gave_way_at.get(job, -1))

    def _might_take(self, name: str, going: Sequence[PodState], request: Request) -> bool:
        """Whether the node could take the request if these of its pods went, devices only counted;
        else an attempt is in vain."""
        node = self._session.cluster.by_name[name]
        devices, cpu, memory = 0, node.free_cpu, node.free_memory
        for pod in going:
            devices += pod.request.devices
            cpu += pod.request.cpu_millicores
            memory += pod.request.memory_bytes
        if not going or cpu < request.cpu_millicores or memory < request.memory_bytes:
            return False
        needed = 0 if request.mig_profile else request.devices
        return node.free_devices + node.shared_devices + devices >= needed

    def _with_all_of_their_jobs(self, found: Sequence[PodState]) -> list[PodState]:
        """These possible victims, and those of the same jobs on other nodes."""
        together: list[PodState] = []
        for job in dict.fromkeys(pod.job for pod in found):
            if len(job.pods) == 1:
                together += job.pods
                continue
            pods = filter(self._is_possible, job.pods)
            together += sorted(pods, key=self._found_at.__getitem__)
        return together

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
            pod.job for pod in evicted if pod.status is not PodStatus.PLACED or has_moved(pod)
        }
        self.solution = [pod for pod in evicted if pod.job in affected]
        self._someone_came_back = len(self.solution) < len(evicted)
        self._gave_way_at.update(dict.fromkeys(affected, next(self._running.clock)))

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
                if not any(self._may_fit(each.next_pods()) for each in victims.values()):
                    return True
                served = True
                continue
            pods = job.next_pods()
            shape = shape_of(session, job, pods)
            if not pods or shape in failed or not is_allowed(job, total_asked(pods)):
                continue
            if not place_together(session, job, pods):
                failed.add(shape)
        return served

    def _may_fit(self, pods: Sequence[PodState]) -> bool:
        """Whether enough devices are free for all of these, and there are some; cheap to ask."""
        if not pods:
            return False
        request = pods[-1].request
        alike = sum(pod.request == request for pod in pods)
        return self._session.cluster.may_have_devices_for(request, alike)

    def _fits_already(self, claim: Claimed) -> bool:
        """Whether nodes have room for the claim and only its queues do not allow it."""
        session = self._session
        if not self._may_fit(claim.pods):
            return False
        mark = session.checkpoint()
        fits = place_together(session, claim.job, claim.pods)
        session.rollback(mark)
        return fits
