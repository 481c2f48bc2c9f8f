"""Which evictions a claim between queues justifies.

Source: KAI-Scheduler, `pkg/scheduler/plugins/proportion/reclaimable`.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf

from windlass.scheduling.amounts import Amounts, minus, plus, within
from windlass.scheduling.jobs import Job, PodState, PodStatus, total_asked
from windlass.scheduling.order import Claimed
from windlass.scheduling.queues import QueueState


@dataclass(slots=True)
class _Remaining:
    """What one queue keeps as victims are taken from it, and of which resources they were."""

    state: QueueState
    amounts: Amounts
    involved: set[int] = field(default_factory=set)


def may_take(claim: Claimed, victims: Sequence[PodState], held: Mapping[str, Amounts]) -> bool:
    """Whether the claim may evict those of the victims that found no other place.

    `held` is what each queue held before. At the level just below the common ancestor, each victim
    in turn must be taken from a queue that still holds too much; and in the end no queue on the
    claim's line may be more saturated than one that gave.
    """
    asked = total_asked(claim.pods)
    remaining: dict[str, _Remaining] = {}
    for line, lost in _lost_by_queue(victims):
        claiming, giving = below_common_ancestor(claim.job.line, line)
        involved = {index for chunk in lost for index in range(3) if chunk[index] > 0}
        for chunk in lost:
            left = remaining[giving.id].amounts if giving.id in remaining else held[giving.id]
            if not (
                holds_more_than_its_share(giving, left)
                or is_deserved_by_claimant(claiming, held[claiming.id], asked, giving, left)
            ):
                return False
            for state in line:
                rest = remaining.setdefault(state.id, _Remaining(state, held[state.id]))
                rest.amounts = minus(rest.amounts, chunk)
                rest.involved |= involved
    return _is_balanced(claim, asked, remaining, held)


def might_take_from(
    job: Job, asked: Amounts, giving: QueueState, held: Mapping[str, Amounts]
) -> bool:
    """Whether anything at all may be taken from the queue for the job, as things stand."""
    line = giving.line
    claimant, giver = below_common_ancestor(job.line, line)
    left = held[giver.id]
    if not (
        holds_more_than_its_share(giver, left)
        or is_deserved_by_claimant(claimant, held[claimant.id], asked, giver, left)
    ):
        return False
    after = plus(held[claimant.id], asked)
    return all(
        is_less_saturated(claimant, after, giver, left, index)
        for index in range(3)
        if asked[index] > 0
    )


def holds_more_than_its_share(giving: QueueState, left: Amounts) -> bool:
    """Whether a queue holds more than others must leave it, of some resource."""
    return not within(left, giving.allocatable)


def is_deserved_by_claimant(
    claiming: QueueState, held: Amounts, asked: Amounts, giving: QueueState, left: Amounts
) -> bool:
    """Whether the claim stays within what its queue deserves, and the giver is above its own."""
    return within(plus(held, asked), claiming.deserved) and not within(left, giving.deserved)


def is_less_saturated(
    claiming: QueueState, held: Amounts, giving: QueueState, left: Amounts, index: int
) -> bool:
    """Whether the claiming queue does not end more above its fair share than the giving one.

    A queue without any share may always be taken from; in KAI even by another without any, and then
    the two take from each other without end.
    """
    if giving.fair_share[index] == 0 and claiming.fair_share[index] > 0:
        return True
    mine = saturation(held[index], claiming.fair_share[index])
    theirs = saturation(left[index], giving.fair_share[index])
    return mine <= 1 or mine < theirs


def saturation(held: int, fair_share: int) -> float:
    """How much of its fair share a queue holds; 1 is all."""
    if fair_share == 0:
        return inf if held > 0 else 0.0
    return held / fair_share


def below_common_ancestor(
    claiming: Sequence[QueueState], giving: Sequence[QueueState]
) -> tuple[QueueState, QueueState]:
    """The two queues to compare: those just below the nearest common ancestor of two lines."""
    pair = claiming[-1], giving[-1]
    for pair in zip(reversed(claiming), reversed(giving), strict=False):
        if pair[0] is not pair[1]:
            break
    return pair


def _is_balanced(
    claim: Claimed,
    asked: Amounts,
    remaining: Mapping[str, _Remaining],
    held: Mapping[str, Amounts],
) -> bool:
    claimed = {index for index in range(3) if asked[index] > 0}
    for state in claim.job.line:
        kept = remaining[state.id].amounts if state.id in remaining else held[state.id]
        for rest in remaining.values():
            if rest.state.parent is not state.parent or rest.state is state:
                continue
            for index in rest.involved | claimed:
                if not is_less_saturated(state, plus(kept, asked), rest.state, rest.amounts, index):
                    return False
    return True


def _lost_by_queue(
    victims: Iterable[PodState],
) -> list[tuple[Sequence[QueueState], list[Amounts]]]:
    """What each queue loses, job by job: extras one by one, then what is taken of minimums."""
    by_job: dict[str, list[PodState]] = defaultdict(list)
    for pod in victims:
        by_job[pod.job.id].append(pod)
    by_queue: dict[str, tuple[Sequence[QueueState], list[Amounts]]] = {}
    for pods in by_job.values():
        job = pods[0].job
        minimum = min(job.minimum, len(pods))
        parts = [*([pod] for pod in pods[minimum:]), pods[:minimum]]
        lost = [amounts for amounts in map(_lost, parts) if any(amounts)]
        if lost:
            by_queue.setdefault(job.queue.id, (job.line, []))[1].extend(lost)
    return [by_queue[queue_id] for queue_id in sorted(by_queue)]


def _lost(pods: Iterable[PodState]) -> Amounts:
    return total_asked(pod for pod in pods if pod.status is PodStatus.EVICTED)
