"""Who may go to which replica when each takes only so many requests at once: pure.

Requests queue in order of arrival for all replicas together, so that the first in the queue goes to
whichever replica frees first, also to one that was added while it waited.
"""

import bisect
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field

NO_LIMIT = 0


@dataclass(slots=True, eq=False)
class Ticket:
    """One request: in the queue until it is granted an address, then in a slot there."""

    arrived_at: float
    number: int
    """Tells those apart that arrived at the same moment."""
    tried: frozenset[str] = frozenset()
    """Addresses that did not let it in; it goes there again only where there is no other."""
    address: str | None = None
    granted_at: float = 0.0
    """By the monotonic clock."""


@dataclass(slots=True)
class _Replica:
    holders: set[Ticket] = field(default_factory=set)
    turn: int = 0
    """Grows with each grant anywhere, so that equals take turns."""
    lent: int = 0
    """Slots that Envoy hands out."""
    most_busy: float = 0
    """Since it was last asked for what is free."""
    uncounted: float = 0
    """How many more requests it may have than hold a slot: those that were sent there before there
    were slots, or by a gate that was killed. Infinite until that is known."""

    @property
    def busy(self) -> float:
        return len(self.holders) + self.lent + self.uncounted


class Slots:
    """The queue and the slots of one workload."""

    def __init__(self) -> None:
        self.limit = NO_LIMIT
        """Most requests to one replica; those that have more already keep them."""
        self._replicas: dict[str, _Replica] = {}
        self._listed: tuple[str, ...] = ()
        self._queue: list[Ticket] = []
        self._turns = 0

    @property
    def queue(self) -> Iterator[Ticket]:
        """Who waits, in order of arrival."""
        return iter(tuple(self._queue))

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._queue)

    @property
    def is_unused(self) -> bool:
        """Whether nobody waits or has a slot, nor may be anywhere without one."""
        return not self._queue and not any(each.busy for each in self._replicas.values())

    @property
    def uncounted(self) -> tuple[str, ...]:
        """Addresses where there may be requests without a slot."""
        return tuple(key for key, each in self._replicas.items() if each.uncounted)

    @property
    def lent(self) -> dict[str, int]:
        """How many slots Envoy hands out, by address."""
        return {key: each.lent for key, each in self._replicas.items() if each.lent}

    @property
    def to_lend(self) -> dict[str, int]:
        """How many slots Envoy should hand out, by each address where slots may be granted."""
        return {key: self._replicas[key].lent for key in self._listed}

    @property
    def is_lent_whole(self) -> bool:
        """Whether nothing is left to grant, since all there is is lent."""
        return all(self._replicas[key].lent == self.limit for key in self._listed)

    def lend(self) -> bool:
        """Lend whatever has been free since this was last asked for; whether that is something.
        Nobody may be waiting."""
        is_more = False
        for address in self._listed:
            replica = self._replicas[address]
            free = self.limit - max(replica.busy, replica.most_busy)
            if free > 0:
                replica.lent += int(free)
                is_more = True
            replica.most_busy = replica.busy
        return is_more

    def lend_next(self, ticket: Ticket) -> None:
        """Take a request out of its slot, and lend that."""
        self.leave(ticket)
        if ticket.address in self._listed:
            self._replicas[ticket.address].lent += 1

    def take_back(self, kept: Collection[str] = ()) -> None:
        """Lend nothing any more but at these addresses. Elsewhere nothing is granted until `count`
        has said what is in flight there."""
        gone = [address for address in self.lent if address not in kept]
        for address in gone:
            self._replicas[address].lent = 0
        self.distrust(gone)

    def in_use(self) -> dict[str, int]:
        """How many hold a slot, by address."""
        return {key: len(each.holders) for key, each in self._replicas.items() if each.holders}

    def offer(self, addresses: Iterable[str]) -> None:
        """Say where slots may be granted from now on. Elsewhere slots are only given back."""
        self._listed = tuple(addresses)
        for address in self._listed:
            self._replicas.setdefault(address, _Replica())
        for address in [key for key, each in self._replicas.items() if not each.holders]:
            replica = self._replicas[address]
            if address not in self._listed and not replica.uncounted and not replica.lent:
                del self._replicas[address]

    def distrust(self, addresses: Iterable[str]) -> None:
        """Grant nothing at these addresses until `count` has said what is in flight there."""
        for address in addresses:
            self._replicas.setdefault(address, _Replica()).uncounted = float("inf")

    def count(self, address: str, in_flight: int, settled_before: float) -> None:
        """Take in how many requests Envoy counts in flight at an address.

        Slots granted at `settled_before` or later may not be among them yet, so they are not taken
        for some of these: what results is never less than what is there without a slot.
        """
        replica = self._replicas.get(address)
        if replica is None:
            return
        settled = sum(each.granted_at < settled_before for each in replica.holders)
        replica.uncounted = min(replica.uncounted, max(0, in_flight - settled))

    def join(self, ticket: Ticket) -> None:
        """Put a request into the queue, in order of its arrival."""
        bisect.insort(self._queue, ticket, key=_order)

    def leave(self, ticket: Ticket) -> None:
        """Take a request out, of the queue or of its slot; nothing happens if it is in neither."""
        if ticket.address is not None:
            replica = self._replicas.get(ticket.address)
            if replica is not None:
                replica.holders.discard(ticket)
            return
        index = bisect.bisect_left(self._queue, _order(ticket), key=_order)
        if index < len(self._queue) and self._queue[index] is ticket:
            del self._queue[index]

    def grant(self, now: float) -> Iterator[Ticket]:
        """Hand out the slots that are free, one after the other; endless only while they are."""
        index = 0
        while index < len(self._queue):
            free = [key for key in self._listed if self._is_free(key)]
            if not free:
                return
            ticket = self._queue[index]
            address = self._choose(ticket, free)
            if address is None:
                index += 1
                continue
            del self._queue[index]
            ticket.address, ticket.granted_at = address, now
            self._turns += 1
            replica = self._replicas[address]
            replica.holders.add(ticket)
            replica.most_busy = max(replica.most_busy, replica.busy)
            replica.turn = self._turns
            yield ticket

    def _is_free(self, address: str) -> bool:
        return self.limit == NO_LIMIT or self._replicas[address].busy < self.limit

    def _choose(self, ticket: Ticket, free: Iterable[str]) -> str | None:
        """The free replica with fewest requests; none where the ticket had better wait."""
        if ticket.tried and not ticket.tried.issuperset(self._listed):
            free = [address for address in free if address not in ticket.tried]
        return min(free, key=self._load, default=None)

    def _load(self, address: str) -> tuple[float, int]:
        replica = self._replicas[address]
        return replica.busy, replica.turn


def _order(ticket: Ticket) -> tuple[float, int]:
    return ticket.arrived_at, ticket.number
