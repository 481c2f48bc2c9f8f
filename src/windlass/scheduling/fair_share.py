"""How much of a pool each queue may have: deserved first, then the surplus by rank and weight.

Source: KAI-Scheduler, `pkg/scheduler/plugins/proportion/resource_division/resource_division.go`.
All arithmetic is exact.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import inf


@dataclass(slots=True)
class Claim:
    """One queue's claim to one resource among its siblings, and what it got.

    Amounts are in the resource's own unit; infinity is unlimited.
    """

    id: str
    deserved: float
    limit: float
    weight: Fraction
    requested: int
    rank: int
    created_at: float
    usage: Fraction = Fraction(0)
    share: int = 0

    @property
    def requestable(self) -> int:
        """What it asks for, as far as its limit allows."""
        return int(min(self.limit, self.requested))

    @property
    def is_satisfied(self) -> bool:
        """Whether more would be of no use to it."""
        return self.requestable <= self.share


def divide(total: int, claims: Sequence[Claim], whole_unit: int, usage_strength: Fraction) -> None:
    """Set the share of every claim.

    `whole_unit` is the amount that is not split when a queue gets less than it asks for: one
    device, one millicore, one byte.
    """
    remaining = total - give_deserved(total, claims)
    if remaining <= 0:
        return
    cut_off: dict[str, Fraction] = {}
    ranks = sorted({claim.rank for claim in claims}, reverse=True)
    for rank in ranks:
        peers = [claim for claim in claims if claim.rank == rank]
        remaining -= give_surplus(remaining, peers, whole_unit, usage_strength, cut_off)
    for rank in ranks:
        peers = [claim for claim in claims if claim.rank == rank and claim.id in cut_off]
        remaining -= give_leftovers(remaining, peers, whole_unit, cut_off)


def give_deserved(total: int, claims: Iterable[Claim]) -> int:
    """Every queue gets what it deserves and asks for, even if that is more than there is."""
    for claim in claims:
        deserved = total if claim.deserved == inf else int(claim.deserved)
        claim.share = min(deserved, claim.requestable)
    return sum(claim.share for claim in claims)


def give_surplus(
    surplus: int,
    peers: Sequence[Claim],
    whole_unit: int,
    usage_strength: Fraction,
    cut_off: dict[str, Fraction],
) -> int:
    """Share the surplus among queues of one rank by weight, less what they used in the past.

    A queue gets no more than it asks for; what it leaves is shared again. A queue that gets less
    than it asks for gets whole units, and what was cut off is noted in `cut_off`.
    """
    given = 0
    while given < surplus:
        weights = surplus_weights(peers, usage_strength)
        weight_sum = sum(weights.values())
        if weight_sum == 0:
            break
        in_this_round = surplus - given
        someone_left_some = False
        for claim in peers:
            if claim.is_satisfied or claim.weight == 0 or given == surplus:
                continue
            slice_ = in_this_round * weights[claim.id] / weight_sum
            wanted = claim.requestable - claim.share
            if wanted <= slice_:
                gift = wanted
                cut_off.pop(claim.id, None)
            else:
                gift = int(slice_ // whole_unit) * whole_unit
                if slice_ > gift:
                    cut_off[claim.id] = slice_ - gift
            claim.share += gift
            given += gift
            someone_left_some = someone_left_some or (gift > 0 and wanted < slice_)
        if not someone_left_some:
            break
    return given


def surplus_weights(peers: Sequence[Claim], usage_strength: Fraction) -> dict[str, Fraction]:
    """The weight of every unsatisfied queue: its part of all weights, corrected by its usage.

    With `w` that part and `u` the queue's part of past usage: `max(0, w + k * (w - u))`.
    """
    unsatisfied = [claim for claim in peers if not claim.is_satisfied]
    total = sum(claim.weight for claim in unsatisfied)
    if total == 0:
        return {}
    weights = {}
    for claim in unsatisfied:
        part = claim.weight / total
        weights[claim.id] = max(Fraction(0), part + usage_strength * (part - claim.usage))
    return weights


def give_leftovers(
    leftover: int, peers: Sequence[Claim], whole_unit: int, cut_off: dict[str, Fraction]
) -> int:
    """What rounding left goes out by whole units, the largest cut-off first, then the oldest."""
    given = 0
    for claim in sorted(peers, key=lambda peer: (-cut_off[peer.id], peer.created_at, peer.id)):
        if given == leftover:
            break
        gift = min(whole_unit, leftover - given)
        claim.share += gift
        given += gift
    return given
