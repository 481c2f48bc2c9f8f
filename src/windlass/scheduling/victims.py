"""Who would have to give way first.

Within a queue: the lowest priority, then extras of elastic workloads, then the newest. Of queues,
the one that is served last. Source: KAI-Scheduler, `pkg/scheduler/actions/utils`.
"""

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Sequence

from windlass.scheduling.amounts import NOTHING, Amounts, minus, plus
from windlass.scheduling.jobs import Job, PodState, PodStatus
from windlass.scheduling.order import JobKey, QueueKey, job_key, standing, tie
from windlass.scheduling.queues import QueueState, dominant_share
from windlass.scheduling.session import Session

Chunk = list[PodState]
"""Pods that are evicted together: an extra, or a workload's minimum."""


def is_protected(job: Job, guaranteed_runtime: float, now: float) -> bool:
    """Whether the job has not yet run as long as every workload may.

    Source: KAI-Scheduler, `pkg/scheduler/plugins/minruntime`.
    """
    started_at = job.workload.started_at
    return started_at is not None and now < started_at + guaranteed_runtime


class Running:
    """Preemptible jobs with placed pods, by queue, in the order in which they are served."""

    def __init__(self, session: Session) -> None:
        self.by_queue: dict[str, list[tuple[JobKey, Job]]] = {}
        self._keys: dict[str, JobKey] = {}
        for job in session.jobs.values():
            if job.preemptible and job.placed:
                self._keys[job.id] = job_key(job)
                self.by_queue.setdefault(job.queue.id, []).append((self._keys[job.id], job))
        for jobs in self.by_queue.values():
            jobs.sort()

    def queues(self) -> list[QueueState]:
        """The queues of these jobs."""
        return [jobs[0][1].queue for jobs in self.by_queue.values() if jobs]

    def update(self, jobs: Iterable[Job]) -> None:
        """Take note of jobs whose pods were placed or evicted."""
        for job in jobs:
            if not job.preemptible:
                continue
            listed = self.by_queue.setdefault(job.queue.id, [])
            old = self._keys.pop(job.id, None)
            if old is not None:
                del listed[bisect_left(listed, (old, job))]
            if job.placed:
                self._keys[job.id] = job_key(job)
                insort(listed, (self._keys[job.id], job))


class VictimOrder:
    """Chunks of pods, from some queues, in the order in which they would be evicted.

    The order is that of the moment it is made; chunks evicted since are passed over. With
    `spare_protected`, guaranteed runtimes are respected.
    """

    def __init__(
        self,
        session: Session,
        running: Running,
        queue_ids: Iterable[str],
        is_candidate: Callable[[Job], bool],
        *,
        spare_protected: bool = True,
    ) -> None:
        self._is_candidate = is_candidate
        self._guaranteed = session.settings.guaranteed_runtime if spare_protected else 0.0
        self._now = session.now
        self._roots: list[_Branch] = []
        self._branches: dict[str, _Branch] = {}
        for queue_id in queue_ids:
            jobs = running.by_queue.get(queue_id)
            if not jobs:
                continue
            leaf = _Leaf(list(jobs))
            if self._advance(leaf):
                self._branch_of(jobs[0][1].queue).leaf = leaf

    def pop(self) -> Chunk | None:
        """The next chunk; None when there are no more."""
        while self._roots:
            branch = self._worst(self._roots)
            while branch.leaf is None:
                branch = self._worst(branch.children)
            chunk = self._take_from(branch, branch.leaf)
            if chunk[0].status is PodStatus.PLACED:
                return chunk
        return None

    def _take_from(self, branch: "_Branch", leaf: "_Leaf") -> Chunk:
        chunk = leaf.next
        leaf.given_up = leaf.given_up_next
        has_more = self._advance(leaf)
        current: _Branch | None = branch
        while current is not None:
            current.key = None
            current = current.parent
        if not has_more:
            self._remove(branch)
        return chunk

    def _advance(self, leaf: "_Leaf") -> bool:
        """Find the queue's next chunk; False when there is none."""
        while leaf.jobs:
            key, job = leaf.jobs.pop()
            pods = leaf.rest.pop(job.id, None) if leaf.rest else None
            if pods is None:
                if not self._is_candidate(job):
                    continue
                pods = job.placed_pods()
            extras = len(pods) - job.minimum
            if extras > 0:
                rest = pods[:-1]
                leaf.rest[job.id] = rest
                insort(leaf.jobs, ((key[0], 2 if extras > 1 else 1, key[2], key[3]), job))
                pods = pods[-1:]
            elif not pods or self._is_spared(job):
                continue
            leaf.next = pods
            leaf.given_up_next = plus(leaf.given_up, _held(pods))
            return True
        return False

    def _is_spared(self, job: Job) -> bool:
        """Whether the job still has guaranteed runtime."""
        return self._guaranteed > 0 and is_protected(job, self._guaranteed, self._now)

    def _worst(self, branches: "list[_Branch]") -> "_Branch":
        worst = branches[0]
        if len(branches) == 1:
            return worst
        worst_key = worst.key or self._set_key(worst)
        for branch in branches[1:]:
            key = branch.key or self._set_key(branch)
            if key > worst_key:
                worst, worst_key = branch, key
        return worst

    def _set_key(self, branch: "_Branch") -> QueueKey:
        below = branch
        while below.leaf is None:
            below = self._worst(below.children)
        left = minus(branch.allocated, below.leaf.given_up_next)
        branch.key = branch.standing, dominant_share(branch.state, left), branch.tie
        return branch.key

    def _branch_of(self, state: QueueState) -> "_Branch":
        known = self._branches.get(state.id)
        if known is not None:
            return known
        parent = None if state.parent is None else self._branch_of(state.parent)
        branch = _Branch(state, parent)
        self._branches[state.id] = branch
        (self._roots if parent is None else parent.children).append(branch)
        return branch

    def _remove(self, branch: "_Branch") -> None:
        branch.leaf = None
        current: _Branch | None = branch
        while current is not None and current.leaf is None and not current.children:
            siblings = self._roots if current.parent is None else current.parent.children
            siblings.remove(current)
            current = current.parent


class _Leaf:
    """What is left to evict of one queue."""

    __slots__ = ("given_up", "given_up_next", "jobs", "next", "rest")

    def __init__(self, jobs: list[tuple[JobKey, Job]]) -> None:
        self.jobs = jobs
        """In the order in which they are served: victims are taken from the end."""
        self.rest: dict[str, list[PodState]] = {}
        """What is left of elastic jobs of which extras were taken."""
        self.next: Chunk = []
        self.given_up = NOTHING
        self.given_up_next = NOTHING
        """What the queue gives up if the next chunk is taken."""


class _Branch:
    """A queue with victims below it; `key` is made anew after a victim was taken from it."""

    __slots__ = ("allocated", "children", "key", "leaf", "parent", "standing", "state", "tie")

    def __init__(self, state: QueueState, parent: "_Branch | None") -> None:
        self.state = state
        self.parent = parent
        self.allocated = state.allocated
        self.standing = standing(state, NOTHING)
        self.tie = tie(state)
        self.children: list[_Branch] = []
        self.leaf: _Leaf | None = None
        self.key: QueueKey | None = None


def _held(pods: Sequence[PodState]) -> Amounts:
    held = pods[0].held
    for pod in pods[1:]:
        held = plus(held, pod.held)
    return held
