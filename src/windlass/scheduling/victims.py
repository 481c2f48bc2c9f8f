"""Who would have to give way first.

Within a queue: the lowest priority, then extras of elastic workloads, then the newest. Of queues,
the one that is served last. Source: KAI-Scheduler, `pkg/scheduler/actions/utils`.
"""

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable

from windlass.scheduling.amounts import NOTHING, Amounts, plus
from windlass.scheduling.order import JobKey, QueueKey, job_key, queue_key
from windlass.scheduling.queues import QueueState
from windlass.scheduling.session import Job, PodState, PodStatus, Session

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


class _Leaf:
    """What is left to evict of one queue."""

    __slots__ = ("given_up", "jobs", "next", "position", "returned", "state")

    def __init__(self, state: QueueState, jobs: list[tuple[JobKey, Job]]) -> None:
        self.state = state
        self.jobs = jobs
        self.position = len(jobs)
        self.returned: list[tuple[JobKey, Job, list[PodState]]] = []
        self.given_up = NOTHING
        self.next: Chunk | None = None


class _Branch:
    """A queue with victims below it; `key` is recomputed after a victim was taken from it."""

    __slots__ = ("children", "key", "leaf", "parent", "state")

    def __init__(self, state: QueueState, parent: "_Branch | None") -> None:
        self.state = state
        self.parent = parent
        self.children: list[_Branch] = []
        self.leaf: _Leaf | None = None
        self.key: QueueKey | None = None


class VictimOrder:
    """Chunks of pods, from some queues, in the order in which they would be evicted.

    With `spare_protected`, guaranteed runtimes are respected.
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
        self._session = session
        self._total = session.queues.total
        self._is_candidate = is_candidate
        self._spare_protected = spare_protected
        self._roots: list[_Branch] = []
        self._branches: dict[str, _Branch] = {}
        for queue_id in queue_ids:
            jobs = running.by_queue.get(queue_id)
            state = session.queues.get(queue_id)
            if jobs and state is not None:
                leaf = _Leaf(state, jobs)
                if self._advance(leaf):
                    self._branch_of(state).leaf = leaf

    def pop(self) -> Chunk | None:
        """The next chunk; None when there are no more."""
        if not self._roots:
            return None
        branch = self._worst(self._roots)
        while branch.leaf is None:
            branch = self._worst(branch.children)
        leaf = branch.leaf
        chunk = leaf.next
        assert chunk is not None
        leaf.given_up = plus(leaf.given_up, _held(chunk))
        has_more = self._advance(leaf)
        current: _Branch | None = branch
        while current is not None:
            current.key = None
            current = current.parent
        if not has_more:
            self._remove(branch)
        return chunk

    def _advance(self, leaf: _Leaf) -> bool:
        """Find the queue's next chunk; False when there is none."""
        while leaf.position or leaf.returned:
            listed = leaf.jobs[leaf.position - 1] if leaf.position else None
            returned = leaf.returned[-1] if leaf.returned else None
            if listed is None or (returned is not None and returned[0] > listed[0]):
                assert returned is not None
                leaf.returned.pop()
                job, pods = returned[1], returned[2]
            else:
                leaf.position -= 1
                job = listed[1]
                if not self._is_candidate(job):
                    continue
                pods = [pod for pod in job.pods if pod.status is PodStatus.PLACED]
            if self._is_spared(job, pods):
                continue
            leaf.next = self._cut(leaf, job, pods)
            return True
        leaf.next = None
        return False

    def _is_spared(self, job: Job, pods: list[PodState]) -> bool:
        """Whether the job still has guaranteed runtime and no extras to give."""
        return (
            self._spare_protected
            and len(pods) <= job.minimum
            and is_protected(job, self._session.settings.guaranteed_runtime, self._session.now)
        )

    def _cut(self, leaf: _Leaf, job: Job, pods: list[PodState]) -> Chunk:
        if len(pods) <= job.minimum:
            return pods
        rest = pods[:-1]
        rank = 2 if len(rest) > job.minimum else 1
        key = (-job.priority, rank, job.submitted_at, job.id)
        position = len(leaf.returned)
        while position and leaf.returned[position - 1][0] > key:
            position -= 1
        leaf.returned.insert(position, (key, job, rest))
        return pods[-1:]

    def _worst(self, branches: list[_Branch]) -> _Branch:
        worst = branches[0]
        worst_key = worst.key or self._set_key(worst)
        for branch in branches[1:]:
            key = branch.key or self._set_key(branch)
            if key > worst_key:
                worst, worst_key = branch, key
        return worst

    def _set_key(self, branch: _Branch) -> QueueKey:
        below = branch
        while below.leaf is None:
            below = self._worst(below.children)
        leaf = below.leaf
        assert leaf.next is not None
        given_up = plus(leaf.given_up, _held(leaf.next))
        branch.key = queue_key(branch.state, NOTHING, self._total, given_up)
        return branch.key

    def _branch_of(self, state: QueueState) -> _Branch:
        known = self._branches.get(state.id)
        if known is not None:
            return known
        parent = None if state.parent is None else self._branch_of(state.parent)
        branch = _Branch(state, parent)
        self._branches[state.id] = branch
        (self._roots if parent is None else parent.children).append(branch)
        return branch

    def _remove(self, branch: _Branch) -> None:
        branch.leaf = None
        current: _Branch | None = branch
        while current is not None and current.leaf is None and not current.children:
            siblings = self._roots if current.parent is None else current.parent.children
            siblings.remove(current)
            current = current.parent


def _held(pods: Iterable[PodState]) -> Amounts:
    held = NOTHING
    for pod in pods:
        held = plus(held, pod.held)
    return held
