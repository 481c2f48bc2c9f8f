"""Who goes first: the order of workloads within a queue, and of queues.

Source: KAI-Scheduler, `pkg/scheduler/plugins/{priority,elastic}` and
`pkg/scheduler/plugins/proportion/queue_order/queue_order.go`.
"""

from bisect import insort
from collections.abc import Iterable
from dataclasses import dataclass
from operator import attrgetter

from windlass.scheduling.amounts import Amounts, Bounds, plus, within
from windlass.scheduling.jobs import Job, PodState, total_asked
from windlass.scheduling.queues import QueueState, dominant_share

JobKey = tuple[int, int, float, str]
Standing = tuple[bool, bool, int, bool]
Tie = tuple[float, Bounds, float, str]
QueueKey = tuple[Standing, float, Tie]


def job_key(job: Job) -> JobKey:
    """Higher priority, then those below their minimum, then older: the smallest key goes first."""
    return -job.priority, elastic_rank(job), job.submitted_at, job.id


def elastic_rank(job: Job) -> int:
    """0 below its minimum, 1 at it, 2 above."""
    if job.placed < job.minimum:
        return 0
    return 1 if job.placed == job.minimum else 2


def queue_key(state: QueueState, head: Amounts) -> QueueKey:
    """The order of siblings, given the workload each would run next (`head`): standing, then the
    dominant share that the queue would have with the head, then what breaks ties."""
    with_head = plus(state.allocated, head)
    return standing(state, with_head), dominant_share(state, with_head), tie(state)


def standing(state: QueueState, with_head: Amounts) -> Standing:
    """First queues not above their fair share in everything; then those that stay within what they
    deserve; then by rank; then those not taking what they have no share of. `with_head` is what the
    queue would hold with the workload that it would run next."""
    allocated = state.allocated
    fair = state.fair_share
    allocatable = state.allocatable
    over_utilized = fair[0] < allocated[0] and fair[1] < allocated[1] and fair[2] < allocated[2]
    takes_without_share = (
        (allocatable[0] == 0 and with_head[0] > 0)
        or (allocatable[1] == 0 and with_head[1] > 0)
        or (allocatable[2] == 0 and with_head[2] > 0)
    )
    starved = within(with_head, state.deserved)
    return over_utilized, not starved, -state.queue.rank, takes_without_share


def tie(state: QueueState) -> Tie:
    """The smaller dominant share as it is, then the smaller share, then the older."""
    queue = state.queue
    return dominant_share(state, state.allocated), state.allocatable, queue.created_at, queue.id


@dataclass(frozen=True, slots=True)
class Claimed:
    """Pods of a waiting job for which room is sought: they count as below their minimum."""

    job: Job
    pods: list[PodState]


class _Branch:
    """A queue with jobs of its own or below it, in the order being made."""

    __slots__ = ("_allocated", "_known", "children", "head", "jobs", "key", "state")

    def __init__(self, state: QueueState) -> None:
        self.state = state
        self._allocated = state.allocated
        self._known: dict[Amounts, QueueKey] = {}
        """Keys by the head, as long as the queue holds what it held."""
        self.children: list[_Branch] = []
        """The first to be served first."""
        self.jobs: list[tuple[JobKey, Job]] = []
        """The first to be served last."""
        self.head: Amounts | None = None
        """What the first of its own jobs asks for next; None: to be found anew."""
        self.key: QueueKey | None = None
        """By which it stands among its siblings; None as long as it has never had any."""

    def key_with(self, head: Amounts) -> QueueKey:
        """Its key if it would run `head` next."""
        allocated = self.state.allocated
        if allocated is not self._allocated:
            self._allocated = allocated
            self._known.clear()
        key = self._known.get(head)
        if key is None:
            key = self._known[head] = queue_key(self.state, head)
        return key


_KEY = attrgetter("key")


class PendingOrder:
    """Jobs in the order in which they are served: by queue from the top, then within the queue.

    The order follows allocations made while it is consumed: once a job is served, its queue and
    those above it are put where they then belong.
    """

    def __init__(self, jobs: Iterable[Job], claim: Claimed | None = None) -> None:
        self._claim = claim
        self._branches: dict[str, _Branch] = {}
        self._roots: list[_Branch] = []
        self._served: list[_Branch] = []
        """Branches of the job that was served last, the root first, as far as jobs are left."""
        for job in jobs:
            self._branch_of(job.queue).jobs.append((job_key(job), job))
        if claim is not None:
            key = -claim.job.priority, 0, claim.job.submitted_at, claim.job.id
            self._branch_of(claim.job.queue).jobs.append((key, claim.job))
        for branch in self._branches.values():
            branch.jobs.sort(reverse=True)
        self._sort(self._roots)

    def __bool__(self) -> bool:
        return bool(self._roots)

    def pop(self) -> Job:
        """The next job. Raises IndexError when there is none."""
        self._put_served_in_place()
        branch = self._roots[0]
        line = [branch]
        while branch.children:
            branch = branch.children[0]
            line.append(branch)
        _, job = branch.jobs.pop()
        branch.head = None
        if not branch.jobs:
            self._remove(line)
        self._served = line
        return job

    def push(self, job: Job) -> None:
        """Put the job that was served last back, in its place as it now is."""
        jobs = self._branch_of(job.queue).jobs
        entry = (job_key(job), job)
        position = len(jobs)
        while position and jobs[position - 1][0] < entry[0]:
            position -= 1
        jobs.insert(position, entry)
        self._served = [self._branches[state.id] for state in reversed(job.line)]
        self._served[-1].head = None

    def _sort(self, branches: list[_Branch]) -> None:
        for branch in branches:
            if branch.children:
                self._sort(branch.children)
        if len(branches) > 1:
            for branch in branches:
                branch.key = self._key_of(branch)
            branches.sort(key=_KEY)

    def _put_served_in_place(self) -> None:
        """From the bottom, since a queue's key depends on the first of those below it."""
        line = self._served
        while line:
            branch = line.pop()
            siblings = line[-1].children if line else self._roots
            if len(siblings) > 1:
                key = self._key_of(branch)
                if key is not branch.key:
                    branch.key = key
                    siblings.remove(branch)
                    insort(siblings, branch, key=_KEY)

    def _key_of(self, branch: _Branch) -> QueueKey:
        leaf = branch
        while leaf.children:
            leaf = leaf.children[0]
        if leaf.head is None:
            leaf.head = self._asked_next(leaf.jobs[-1][1])
        return branch.key_with(leaf.head)

    def _asked_next(self, job: Job) -> Amounts:
        claim = self._claim
        pods = claim.pods if claim is not None and claim.job is job else job.next_pods()
        return total_asked(pods)

    def _branch_of(self, state: QueueState) -> _Branch:
        branch = self._branches.get(state.id)
        if branch is None:
            branch = self._branches[state.id] = _Branch(state)
            above = state.parent
            siblings = self._roots if above is None else self._branch_of(above).children
            siblings.append(branch)
        return branch

    def _remove(self, line: list[_Branch]) -> None:
        """Take the last of the line out, and those above it below which nothing is left."""
        while line and not line[-1].jobs and not line[-1].children:
            branch = line.pop()
            siblings = line[-1].children if line else self._roots
            siblings.remove(branch)
            del self._branches[branch.state.id]
