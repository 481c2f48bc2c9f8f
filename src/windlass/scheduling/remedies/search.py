"""What would make a waiting workload run: each remedy is tried before it is offered.

Single changes are tried first, then two together, and so on; where some of one size help, larger
ones are not looked for. Which changes are worth a try follows from the reasons for which the
workload still waits with those tried before: nobody is told to ask for a higher limit who has no
room, nor the reverse.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from windlass.scheduling.decisions import PendingReason, Plan, ReasonCode
from windlass.scheduling.model import Snapshot, Workload
from windlass.scheduling.planning import plan
from windlass.scheduling.quantities import Resource
from windlass.scheduling.remedies import node_changes, queue_changes, workload_changes
from windlass.scheduling.remedies.steps import RemedyKind, Step
from windlass.scheduling.what_if import Changes, apply, carried_out, merged, served

MOST_TOGETHER = 4
"""How many kinds of change a remedy combines at most."""

MOST_PLANS = 80
"""How many plans are made at most to find the remedies of one workload."""

FEW = 4
"""Up to how many steps are tried one by one."""

HELPFUL: Mapping[ReasonCode, frozenset[RemedyKind]] = {
    ReasonCode.OVER_LIMIT: frozenset(
        {
            RemedyKind.SMALLER_REQUEST,
            RemedyKind.FEWER_TOGETHER,
            RemedyKind.OTHER_POOL,
            RemedyKind.RAISE_LIMIT,
        }
    ),
    ReasonCode.NON_PREEMPTIBLE_OVER_QUOTA: frozenset(
        {
            RemedyKind.SMALLER_REQUEST,
            RemedyKind.FEWER_TOGETHER,
            RemedyKind.OTHER_POOL,
            RemedyKind.PREEMPTIBLE,
            RemedyKind.RAISE_QUOTA,
        }
    ),
    ReasonCode.NO_ROOM: frozenset(
        {
            RemedyKind.SMALLER_REQUEST,
            RemedyKind.FEWER_TOGETHER,
            RemedyKind.FEWER_CONSTRAINTS,
            RemedyKind.TOLERATION,
            RemedyKind.OTHER_POOL,
            RemedyKind.MORE_NODES,
            RemedyKind.LARGER_NODES,
            RemedyKind.RAISE_QUOTA,
        }
    ),
    ReasonCode.NO_QUEUE: frozenset({RemedyKind.OTHER_POOL, RemedyKind.POOL_SHARE}),
}
"""Changes that may help against each reason."""


STEPS: Mapping[RemedyKind, Callable[[Snapshot, Workload], Sequence[Step]]] = {
    RemedyKind.SMALLER_REQUEST: workload_changes.smaller_requests,
    RemedyKind.LESS_CPU_OR_MEMORY: workload_changes.less_cpu_or_memory,
    RemedyKind.FEWER_TOGETHER: workload_changes.fewer_together,
    RemedyKind.FEWER_CONSTRAINTS: workload_changes.fewer_constraints,
    RemedyKind.TOLERATION: workload_changes.tolerations,
    RemedyKind.PREEMPTIBLE: workload_changes.as_preemptible,
    RemedyKind.OTHER_POOL: workload_changes.other_pools,
    RemedyKind.POOL_SHARE: queue_changes.pool_shares,
    RemedyKind.MORE_NODES: node_changes.more_nodes,
    RemedyKind.LARGER_NODES: node_changes.larger_nodes,
    RemedyKind.RAISE_LIMIT: queue_changes.raised_limits,
    RemedyKind.RAISE_QUOTA: queue_changes.raised_quotas,
}
"""For every kind the possible steps, given the snapshot once its plan is carried out; none where
there is nothing to change."""


@dataclass(frozen=True, slots=True)
class Remedy:
    """Changes after which the workload runs, of which kinds, and what they are in words."""

    kinds: tuple[RemedyKind, ...]
    changes: Changes
    message: str


def remedies(
    snapshot: Snapshot,
    workload_id: str,
    decided: Plan | None = None,
    most_plans: int = MOST_PLANS,
) -> tuple[Remedy, ...]:
    """What would make the workload run, with as few changes as possible; none where all of it runs.

    Of one that runs, but of which extra pods wait, what would make one more of them run. Each
    stands for itself. `decided` is the plan of this snapshot, if it was made already. Costs at most
    `most_plans` plans. Raises KeyError for an unknown workload.
    """
    if all(workload.id != workload_id for workload in snapshot.workloads):
        raise KeyError(workload_id)
    decided = decided or plan(snapshot)
    reasons = _reasons(decided, workload_id)
    if not reasons:
        return ()
    trials = _Trials(snapshot, carried_out(snapshot, decided), workload_id, most_plans)
    untried: set[tuple[RemedyKind, ...]] = {(kind,) for kind in trials.helpful_kinds(reasons)}
    for _ in range(MOST_TOGETHER):
        wider: set[tuple[RemedyKind, ...]] = set()
        found = []
        for kinds in sorted(untried, key=_in_order):
            outcome = trials.try_strongest(kinds)
            if outcome is None:
                continue
            if outcome.runs:
                found.append(kinds)
            for kind in trials.helpful_kinds(outcome.reasons) - set(kinds):
                wider.add(tuple(sorted((*kinds, kind), key=_ORDER.index)))
        if found:
            return tuple(trials.weakest(kinds) for kinds in found)
        untried = wider
    return ()


def helpful_kinds(reasons: Iterable[PendingReason]) -> set[RemedyKind]:
    """Changes that may help a workload that waits for these reasons."""
    kinds: set[RemedyKind] = set()
    for reason in reasons:
        kinds |= HELPFUL[reason.code]
        if reason.resource in (Resource.CPU, Resource.MEMORY):
            kinds.add(RemedyKind.LESS_CPU_OR_MEMORY)
    return kinds


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What came of a trial; `reasons` are those for which the workload still waits."""

    runs: bool
    reasons: tuple[PendingReason, ...] = ()


@dataclass(slots=True)
class _Trials:
    """Tries changes for one workload, as long as plans are left."""

    snapshot: Snapshot
    then: Snapshot
    """The snapshot once its plan is carried out."""
    workload_id: str
    plans_left: int
    extras_placed: int | None = field(init=False)
    """How many of its pods run without changes, where only extra ones wait."""

    def __post_init__(self) -> None:
        workload = _workload(self.then, self.workload_id)
        placed = _pods_placed(workload)
        self.extras_placed = placed if placed >= workload.minimum else None

    def helpful_kinds(self, reasons: Iterable[PendingReason]) -> set[RemedyKind]:
        """Changes that may help against the reasons: pods beside those that run neither depend on
        how many start together, nor go to another pool."""
        kinds = helpful_kinds(reasons)
        if self.extras_placed is not None:
            kinds -= {RemedyKind.FEWER_TOGETHER, RemedyKind.OTHER_POOL}
        return kinds

    def try_strongest(self, kinds: Sequence[RemedyKind]) -> _Outcome | None:
        """Make the largest change of each kind; None where one of them cannot change anything."""
        steps = self._steps(kinds, {})
        return None if steps is None else self._try(steps)

    def weakest(self, kinds: Sequence[RemedyKind]) -> Remedy:
        """Of changes of these kinds, of which the largest help, the smallest that still do."""
        chosen: dict[RemedyKind, int] = {}
        for kind in kinds:
            chosen[kind] = self._least(kinds, kind, chosen)
        steps = self._steps(kinds, chosen) or []
        return Remedy(
            tuple(kinds),
            merged(step.changes for step in steps),
            f"{self._who()} would run now {'; and '.join(step.words for step in steps)}.",
        )

    def _least(
        self, kinds: Sequence[RemedyKind], kind: RemedyKind, chosen: Mapping[RemedyKind, int]
    ) -> int:
        """The smallest step of this kind that helps with those chosen and the largest of others.

        Few are tried one by one; of many, those after one that helps are taken to help, too.
        """
        least, most = 0, self._count(kinds, kind, chosen) - 1
        while least < most:
            middle = least if most - least <= FEW else (least + most) // 2
            if self._helps(kinds, {**chosen, kind: middle}):
                most = middle
            else:
                least = middle + 1
        return most

    def _helps(self, kinds: Sequence[RemedyKind], chosen: Mapping[RemedyKind, int]) -> bool:
        steps = self._steps(kinds, chosen)
        return steps is not None and self._try(steps).runs

    def _count(
        self, kinds: Sequence[RemedyKind], kind: RemedyKind, chosen: Mapping[RemedyKind, int]
    ) -> int:
        before = kinds[: kinds.index(kind)]
        return len(self._next_steps(kind, self._steps(before, chosen) or []))

    def _steps(
        self, kinds: Sequence[RemedyKind], chosen: Mapping[RemedyKind, int]
    ) -> list[Step] | None:
        """The chosen step of each kind, or its largest, each on top of those before."""
        steps: list[Step] = []
        for kind in kinds:
            possible = self._next_steps(kind, steps)
            if not possible:
                return None
            steps.append(possible[min(chosen.get(kind, len(possible)), len(possible) - 1)])
        return steps

    def _next_steps(self, kind: RemedyKind, steps: Sequence[Step]) -> Sequence[Step]:
        then = apply(self.then, merged(step.changes for step in steps))
        return STEPS[kind](then, _workload(then, self.workload_id))

    def _who(self) -> str:
        return "It" if self.extras_placed is None else "One more of its pods"

    def _runs(self, changed: Snapshot, decided: Plan) -> bool:
        if self.extras_placed is None:
            return self.workload_id in served(changed, decided)
        workload = _workload(carried_out(changed, decided), self.workload_id)
        return _pods_placed(workload) > self.extras_placed

    def _try(self, steps: Sequence[Step]) -> _Outcome:
        changes = merged(step.changes for step in steps)
        if self.plans_left == 0:
            return _Outcome(runs=False)
        self.plans_left -= 1
        changed = apply(self.snapshot, changes)
        decided = plan(changed)
        if self._runs(changed, decided):
            return _Outcome(runs=True)
        return _Outcome(runs=False, reasons=_reasons(decided, self.workload_id))


def _workload(snapshot: Snapshot, workload_id: str) -> Workload:
    return next(each for each in snapshot.workloads if each.id == workload_id)


def _pods_placed(workload: Workload) -> int:
    return sum(pod.placement is not None for pod in workload.pods)


def _reasons(decided: Plan, workload_id: str) -> tuple[PendingReason, ...]:
    pending = {item.workload_id: item for item in decided.pending}.get(workload_id)
    return () if pending is None else pending.reasons


_ORDER = list(STEPS)


def _in_order(kinds: Iterable[RemedyKind]) -> list[int]:
    return [_ORDER.index(kind) for kind in kinds]
