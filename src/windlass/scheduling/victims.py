"""Who would have to give way first.

Within a queue: the lowest priority, then extras of elastic workloads, then the newest. Of queues,
the one that is served last. Source: KAI-Scheduler, `pkg/scheduler/actions/utils`.
"""

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from heapq import heapify, heappop, heapreplace
from itertools import chain, count

from windlass.scheduling.amounts import Amounts
from windlass.scheduling.jobs import Job, PodState, PodStatus
from windlass.scheduling.order import JobKey, job_key, standing, tie
from windlass.scheduling.queues import QueueState
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
    """Preemptible jobs with placed pods, as the actions of a cycle change them."""

    def __init__(self, jobs: Iterable[Job]) -> None:
        self.by_queue: dict[str, list[tuple[JobKey, Job]]] = {}
        """In the order in which they are served."""
        self.clock = count()
        """Moments in this cycle, for what happens before what."""
        self.changed_at: dict[Job, int] = {}
        """When pods of jobs were last placed or evicted for good."""
        self._keys: dict[Job, JobKey] = {}
        for job in jobs:
            if job.preemptible and job.placed:
                self._keys[job] = key = job_key(job)
                self.by_queue.setdefault(job.queue.id, []).append((key, job))
        for listed in self.by_queue.values():
            listed.sort()

    def queues(self) -> list[QueueState]:
        """The queues of these jobs."""
        return [jobs[0][1].queue for jobs in self.by_queue.values() if jobs]

    def update(self, jobs: Iterable[Job]) -> None:
        """Take note of jobs whose pods were placed or evicted."""
        now = next(self.clock)
        for job in jobs:
            if not job.preemptible:
                continue
            self.changed_at[job] = now
            listed = self.by_queue.setdefault(job.queue.id, [])
            old = self._keys.pop(job, None)
            if old is not None:
                del listed[bisect_left(listed, (old, job))]
            if job.placed:
                self._keys[job] = key = job_key(job)
                insort(listed, (key, job))


class VictimOrder:
    """Chunks of pods, from some queues, in the order in which they would be evicted: an iterator.

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
                spared = is_spared if guaranteed > 0 else None
                branch.own = _own_losses(list(jobs), is_candidate, spared)
        losses = _losses_of(roots)
        self._chunks = _still_placed(next(losses, None), losses)

    def __iter__(self) -> Iterator[Chunk]:
        return self._chunks


Loss = tuple[Amounts, Chunk]
"""A chunk, and what its queue has given up once it is taken."""


def _still_placed(loss: Loss | None, following: Iterator[Loss]) -> Iterator[Chunk]:
    while loss is not None:
        _, chunk = loss
        loss = next(following, None)
        if chunk[0].status is PodStatus.PLACED:
            yield chunk


class _Branch:
    """A queue with victims of its own or below it."""

    __slots__ = ("allocated", "children", "own", "standing", "state", "tie")

    def __init__(self, state: QueueState) -> None:
        self.state = state
        self.allocated = state.allocated
        self.standing = standing(state, state.allocated)
        self.tie = tie(state)
        self.own: Iterator[Loss] | None = None
        self.children: list[_Branch] = []

    def losses(self) -> Iterator[Loss]:
        """Its own chunks, then those below."""
        if self.own is None:
            return _losses_of(self.children)
        return chain(self.own, _losses_of(self.children)) if self.children else self.own

    def share_left(self, given_up: Amounts) -> float:
        """The dominant share that it would have once a chunk is taken."""
        left = self.allocated
        gpu, cpu, memory = given_up
        whole = self.state.whole
        return max(
            0.0,
            (left[0] - gpu) / whole[0],
            (left[1] - cpu) / whole[1],
            (left[2] - memory) / whole[2],
        )


def _own_losses(
    jobs: list[tuple[JobKey, Job]],
    is_candidate: Callable[[Job], bool] | None,
    is_spared: Callable[[Job], bool] | None,
) -> Iterator[Loss]:
    """Chunks of a queue's own workloads, which are given in the order in which they are served."""
    gpu = cpu = memory = 0
    rest: dict[str, list[PodState]] = {}
    while jobs:
        key, job = jobs.pop()
        pods = rest.pop(job.id, None) if rest else None
        if pods is None:
            if is_candidate is not None and not is_candidate(job):
                continue
            pods = job.pods if job.placed == len(job.pods) else job.placed_pods()
        extras = len(pods) - job.minimum
        if extras > 0:
            rest[job.id] = pods[:-1]
            insort(jobs, ((key[0], 2 if extras > 1 else 1, key[2], key[3]), job))
            pods = pods[-1:]
        elif not pods or (is_spared is not None and is_spared(job)):
            continue
        for pod in pods:
            held = pod.held
            gpu += held[0]
            cpu += held[1]
            memory += held[2]
        yield (gpu, cpu, memory), pods


def _losses_of(branches: list[_Branch]) -> Iterator[Loss]:
    """Chunks of sibling queues, each time of the one that is served last with its next one taken.

    That is the one of the largest key (`order.queue_key`), of which only the dominant share changes
    with what is taken.
    """
    if len(branches) == 1:
        return branches[0].losses()
    return _merged(branches)


def _merged(branches: list[_Branch]) -> Iterator[Loss]:
    standings = sorted({branch.standing for branch in branches}, reverse=True)
    heads = []
    for rank, branch in enumerate(sorted(branches, key=lambda each: each.tie, reverse=True)):
        losses = branch.losses()
        loss = next(losses, None)
        if loss is not None:
            place = standings.index(branch.standing)
            heads.append((place, -branch.share_left(loss[0]), rank, loss, losses, branch))
    heapify(heads)
    while heads:
        place, _, rank, loss, losses, branch = heads[0]
        yield loss
        loss = next(losses, None)
        if loss is None:
            heappop(heads)
        else:
            share = branch.share_left(loss[0])
            heapreplace(heads, (place, -share, rank, loss, losses, branch))


def _branch_of(state: QueueState, known: dict[str, _Branch], roots: list[_Branch]) -> _Branch:
    branch = known.get(state.id)
    if branch is None:
        branch = known[state.id] = _Branch(state)
        above = state.parent
        siblings = roots if above is None else _branch_of(above, known, roots).children
        siblings.append(branch)
    return branch
