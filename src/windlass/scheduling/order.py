"""Who goes first: the order of workloads within a queue, and of queues.

Source: KAI-Scheduler, `pkg/scheduler/plugins/{priority,elastic}` and
`pkg/scheduler/plugins/proportion/queue_order/queue_order.go`.
"""

from collections.abc import Iterable
from dataclasses import dataclass

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
    return standing(state, head), dominant_share(state, plus(state.allocated, head)), tie(state)


def standing(state: QueueState, head: Amounts) -> Standing:
    """First queues not above their fair share in everything; then those that stay within what they
    deserve; then by rank; then those not taking what they have no share of."""
    allocated = state.allocated
    fair = state.fair_share
    allocatable = state.allocatable
    with_head = plus(allocated, head)
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


class _Node:
    """A queue with jobs under it, in the order being made."""

    __slots__ = ("children", "jobs", "key", "parent", "state")

    def __init__(self, state: QueueState, parent: "_Node | None") -> None:
        self.state = state
        self.parent = parent
        self.children: list[_Node] = []
        self.jobs: list[tuple[JobKey, Job]] = []
        self.key: QueueKey | None = None


class PendingOrder:
    """Jobs in the order in which they are served: by queue from the top, then within the queue.

    The order follows allocations made while it is consumed.
    """

    def __init__(self, jobs: Iterable[Job], claim: Claimed | None = None) -> None:
        self._claim = claim
        self._nodes: dict[str, _Node] = {}
        self._roots: list[_Node] = []
        for job in jobs:
            self._node_of(job.line).jobs.append((job_key(job), job))
        if claim is not None:
            key = -claim.job.priority, 0, claim.job.submitted_at, claim.job.id
            self._node_of(claim.job.line).jobs.append((key, claim.job))
        for node in self._nodes.values():
            node.jobs.sort(reverse=True)

    def __bool__(self) -> bool:
        return bool(self._roots)

    def pop(self) -> Job:
        """The next job. Raises IndexError when there is none."""
        node = self._best(self._roots)
        while node.children:
            node = self._best(node.children)
        _, job = node.jobs.pop()
        self._touch(node)
        if not node.jobs:
            self._remove(node)
        return job

    def push(self, job: Job) -> None:
        """Put a job back, in its place as it now is."""
        node = self._node_of(job.line)
        entry = (job_key(job), job)
        position = len(node.jobs)
        while position and node.jobs[position - 1][0] < entry[0]:
            position -= 1
        node.jobs.insert(position, entry)
        self._touch(node)

    def _best(self, nodes: list[_Node]) -> _Node:
        best = nodes[0]
        if len(nodes) == 1:
            return best
        best_key = best.key or self._set_key(best)
        for node in nodes[1:]:
            key = node.key or self._set_key(node)
            if key < best_key:
                best, best_key = node, key
        return best

    def _set_key(self, node: _Node) -> QueueKey:
        leaf = node
        while leaf.children:
            leaf = self._best(leaf.children)
        job = leaf.jobs[-1][1]
        claim = self._claim
        pods = claim.pods if claim is not None and claim.job is job else job.next_pods()
        head = total_asked(pods)
        node.key = queue_key(node.state, head)
        return node.key

    def _touch(self, node: _Node) -> None:
        current: _Node | None = node
        while current is not None:
            current.key = None
            current = current.parent

    def _node_of(self, line: Iterable[QueueState]) -> _Node:
        states = list(line)
        node: _Node | None = None
        for state in reversed(states):
            known = self._nodes.get(state.id)
            if known is None:
                known = _Node(state, node)
                self._nodes[state.id] = known
                (self._roots if node is None else node.children).append(known)
            node = known
        assert node is not None
        return node

    def _remove(self, node: _Node) -> None:
        current: _Node | None = node
        while current is not None and not current.jobs and not current.children:
            siblings = self._roots if current.parent is None else current.parent.children
            siblings.remove(current)
            del self._nodes[current.state.id]
            current = current.parent
