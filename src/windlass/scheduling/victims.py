"""Who would have to give way first.

Within a queue: the lowest priority, then extras of elastic workloads, then the newest. Of queues,
the one that is served last. Source: KAI-Scheduler, `pkg/scheduler/actions/utils`.
"""

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable
from functools import partial
from operator import attrgetter

from windlass.scheduling.amounts import NOTHING, minus, plus
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
        is_candidate: Callable[[Job], bool] | None = None,
        *,
        spare_protected: bool = True,
    ) -> None:
        guaranteed = session.settings.guaranteed_runtime if spare_protected else 0.0
        is_spared = partial(is_protected, guaranteed_runtime=guaranteed, now=session.now)
        roots: list[_Branch] = []
        branches: dict[str, _Branch] = {}
        for queue_id in queue_ids:
            jobs = running.by_queue.get(queue_id)
            if jobs:
                branch = _branch_of(jobs[0][1].queue, branches, roots)
                branch.own = _Own(list(jobs), is_candidate, is_spared if guaranteed > 0 else None)
        self._roots = [branch for branch in roots if branch.begin()]

    def pop(self) -> Chunk | None:
        """The next chunk; None when there are no more."""
        while self._roots:
            worst = _worst(self._roots)
            chunk = worst.take()
            if not worst.look_ahead():
                self._roots.remove(worst)
            if chunk[0].status is PodStatus.PLACED:
                return chunk
        return None


class _Own:
    """What is left to evict of one queue's own workloads."""

    __slots__ = ("_is_candidate", "_is_spared", "_jobs", "_rest", "given_up", "next")

    def __init__(
        self,
        jobs: list[tuple[JobKey, Job]],
        is_candidate: Callable[[Job], bool] | None,
        is_spared: Callable[[Job], bool] | None,
    ) -> None:
        self._jobs = jobs
        """In the order in which they are served: victims are taken from the end."""
        self._is_candidate = is_candidate
        self._is_spared = is_spared
        self._rest: dict[str, list[PodState]] = {}
        """What is left of elastic jobs of which extras were taken."""
        self.next: Chunk | None = None
        self.given_up = NOTHING
        """What the queue has given up once the next chunk is taken."""

    def look_ahead(self) -> None:
        """Find the queue's next chunk."""
        while self._jobs:
            key, job = self._jobs.pop()
            pods = self._rest.pop(job.id, None) if self._rest else None
            if pods is None:
                if self._is_candidate is not None and not self._is_candidate(job):
                    continue
                pods = job.placed_pods()
            extras = len(pods) - job.minimum
            if extras > 0:
                self._rest[job.id] = pods[:-1]
                insort(self._jobs, ((key[0], 2 if extras > 1 else 1, key[2], key[3]), job))
                pods = pods[-1:]
            elif not pods or (self._is_spared is not None and self._is_spared(job)):
                continue
            self.next = pods
            for pod in pods:
                self.given_up = plus(self.given_up, pod.held)
            return
        self.next = None


class _Branch:
    """A queue with victims of its own or below it."""

    __slots__ = (
        "_allocated",
        "_standing",
        "_state",
        "_tie",
        "_worst",
        "children",
        "given_up",
        "key",
        "own",
    )

    def __init__(self, state: QueueState) -> None:
        self._state = state
        self._allocated = state.allocated
        self._standing = standing(state, state.allocated)
        self._tie = tie(state)
        self.own: _Own | None = None
        self.children: list[_Branch] = []
        self._worst: _Branch
        self.given_up = NOTHING
        """What the queue of its next chunk has given up once that is taken."""
        self.key: QueueKey | None = None
        """None: to be found anew."""

    def begin(self) -> bool:
        """Find the first chunk; False when there is none."""
        if self.own is not None:
            self.own.look_ahead()
        self.children = [child for child in self.children if child.begin()]
        return self.look_ahead()

    def take(self) -> Chunk:
        """The next chunk, its own before those below; call `look_ahead` before the one after it."""
        own = self.own
        if own is not None and own.next is not None:
            chunk = own.next
            own.look_ahead()
            return chunk
        worst = self._worst
        chunk = worst.take()
        if not worst.look_ahead():
            self.children.remove(worst)
        return chunk

    def look_ahead(self) -> bool:
        """Find where the next chunk is; False when there is none."""
        if self.own is not None and self.own.next is not None:
            self.given_up = self.own.given_up
        elif self.children:
            self._worst = _worst(self.children)
            self.given_up = self._worst.given_up
        else:
            return False
        self.key = None
        return True

    def set_key(self) -> None:
        """Say where it would be served with its next chunk taken."""
        left = minus(self._allocated, self.given_up)
        self.key = self._standing, dominant_share(self._state, left), self._tie


BY_KEY = attrgetter("key")


def _worst(branches: list[_Branch]) -> _Branch:
    """The one that is served last."""
    if len(branches) > 1:
        for branch in branches:
            if branch.key is None:
                branch.set_key()
        return max(branches, key=BY_KEY)
    return branches[0]


def _branch_of(state: QueueState, known: dict[str, _Branch], roots: list[_Branch]) -> _Branch:
    branch = known.get(state.id)
    if branch is None:
        branch = known[state.id] = _Branch(state)
        above = state.parent
        siblings = roots if above is None else _branch_of(above, known, roots).children
        siblings.append(branch)
    return branch
