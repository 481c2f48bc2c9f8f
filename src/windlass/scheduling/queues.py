"""The tree of departments and projects of one pool, with what each holds and may have."""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from functools import lru_cache
from math import inf

from windlass.scheduling.amounts import NOTHING, Amounts, Bounds, bound
from windlass.scheduling.fair_share import Claim, divide
from windlass.scheduling.model import DEFAULT_QUEUE, Queue
from windlass.scheduling.quantities import WHOLE_DEVICE

UNLIMITED: Bounds = (inf, inf, inf)

UNSPLIT = (WHOLE_DEVICE, 1, 1)
"""What is not split when surplus is shared: one device, one millicore, one byte."""

NO_SHARE_PENALTY = 1000
"""How many times its holding a queue without any share counts as its dominant share."""


class QueueState:
    """One queue of one pool, as a plan changes it."""

    __slots__ = (
        "allocatable",
        "allocated",
        "deserved",
        "fair_share",
        "id",
        "limit",
        "limited",
        "line",
        "non_preemptible",
        "parent",
        "queue",
        "requested",
        "whole",
    )

    def __init__(self, queue: Queue, parent: "QueueState | None") -> None:
        self.queue = queue
        self.id = queue.id
        self.parent = parent
        self.line: tuple[QueueState, ...] = (self,) if parent is None else (self, *parent.line)
        """The queue and all above it, itself first."""
        quotas = (queue.gpu, queue.cpu, queue.memory)
        self.deserved: Bounds = (
            bound(quotas[0].deserved),
            bound(quotas[1].deserved),
            bound(quotas[2].deserved),
        )
        self.limit: Bounds = (
            bound(quotas[0].limit),
            bound(quotas[1].limit),
            bound(quotas[2].limit),
        )
        above: tuple[QueueState, ...] = () if parent is None else parent.limited
        self.limited: tuple[QueueState, ...] = above if self.limit == UNLIMITED else (self, *above)
        """Those of its line that have a limit."""
        self.allocated: Amounts = NOTHING
        self.non_preemptible: Amounts = NOTHING
        self.requested: Amounts = NOTHING
        self.fair_share: Amounts = NOTHING
        self.allocatable = UNLIMITED
        self.whole: Bounds = (1, 1, 1)
        """What counts as a whole in its dominant share."""

    @property
    def name(self) -> str:
        """What messages call the queue."""
        return self.queue.name or f"queue {self.queue.id}"


class QueueTree:
    """All queues of one pool."""

    def __init__(self, queues: Iterable[Queue], total: Amounts) -> None:
        self.total = total
        by_id = {queue.id: queue for queue in queues}
        self._states: dict[str, QueueState] = {}
        for queue in sorted(by_id.values(), key=lambda queue: (queue.created_at, queue.id)):
            self._add(queue, by_id)

    @classmethod
    def without_quotas(cls, total: Amounts) -> "QueueTree":
        """One queue for all workloads, unlimited."""
        return cls([Queue(DEFAULT_QUEUE)], total)

    def get(self, queue_id: str) -> QueueState | None:
        """The queue, or None where this pool has no such queue."""
        return self._states.get(queue_id)

    def all(self) -> Iterable[QueueState]:
        """Every queue, parents before children."""
        return self._states.values()

    def set_fair_shares(self, usage_strength: float) -> None:
        """Divide the pool among departments, and each department's share among its projects.

        Needs `requested` of every queue.
        """
        strength = _exactly(usage_strength)
        children: dict[str | None, list[QueueState]] = {}
        for state in self._states.values():
            parent = None if state.parent is None else state.parent.id
            children.setdefault(parent, []).append(state)
        self._divide_among(children.get(None, []), self.total, strength, children)

    def _add(self, queue: Queue, by_id: dict[str, Queue]) -> QueueState | None:
        if queue.id in self._states:
            return self._states[queue.id]
        parent = None
        if queue.parent is not None:
            if queue.parent not in by_id:
                return None
            parent = self._add(by_id[queue.parent], by_id)
        state = QueueState(queue, parent)
        self._states[queue.id] = state
        return state

    def _divide_among(
        self,
        siblings: Sequence[QueueState],
        total: Amounts,
        strength: Fraction,
        children: dict[str | None, list[QueueState]],
    ) -> None:
        shares: dict[str, list[int]] = {state.id: [0, 0, 0] for state in siblings}
        for index in range(3):
            claims = [_claim(state, index) for state in siblings]
            divide(total[index], claims, UNSPLIT[index], strength)
            for claim in claims:
                shares[claim.id][index] = claim.share
        for state in siblings:
            gpu, cpu, memory = shares[state.id]
            state.fair_share = (gpu, cpu, memory)
            state.allocatable = allocatable_share(state)
            state.whole = _whole(state.allocatable, self.total)
            self._divide_among(children.get(state.id, []), state.fair_share, strength, children)


def allocatable_share(state: QueueState) -> Bounds:
    """What others must leave the queue: `min(limit, max(deserved, fair share))`."""
    limit, deserved, fair = state.limit, state.deserved, state.fair_share
    return (
        min(limit[0], max(deserved[0], fair[0])),
        min(limit[1], max(deserved[1], fair[1])),
        min(limit[2], max(deserved[2], fair[2])),
    )


def dominant_share(state: QueueState, amounts: Amounts) -> float:
    """The largest of the three parts of its allocatable share that a queue would use.

    Of an unlimited share the pool's total counts; holding what one has no share of counts
    `NO_SHARE_PENALTY` times. Source: KAI-Scheduler, `queue_resource_share.go`.
    """
    whole = state.whole
    return max(0.0, amounts[0] / whole[0], amounts[1] / whole[1], amounts[2] / whole[2])


def _whole(allocatable: Bounds, total: Amounts) -> Bounds:
    """What counts as a whole in dominant shares."""
    gpu, cpu, memory = (
        (total[index] or 1) if share == inf else share or UNSPLIT[index] / NO_SHARE_PENALTY
        for index, share in enumerate(allocatable)
    )
    return gpu, cpu, memory


def _claim(state: QueueState, index: int) -> Claim:
    quota = (state.queue.gpu, state.queue.cpu, state.queue.memory)[index]
    return Claim(
        id=state.id,
        deserved=state.deserved[index],
        limit=state.limit[index],
        weight=_exactly(quota.over_quota_weight),
        requested=state.requested[index],
        rank=state.queue.rank,
        created_at=state.queue.created_at,
        usage=_exactly(quota.usage),
    )


@lru_cache(maxsize=1000)
def _exactly(number: float) -> Fraction:
    """As it is written in decimals. Remembered: the same few weights count in every plan."""
    return Fraction(str(number))
