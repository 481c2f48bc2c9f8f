"""Requests to limited workloads: from the arrival of each, through its queue, to its end."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from windlass.gateway.gate.holds import Denial
from windlass.gateway.gate.room import REQUEST_BYTES
from windlass.gateway.gate.slots import Slots, Ticket


@dataclass(frozen=True, slots=True)
class Lent:
    """What Envoy hands out of one workload's slots, `lending`."""

    version: int
    """Higher than of all that was said before, also by an earlier gate."""
    era: int
    """The version with which it began; 0 where all has been taken back."""
    slots: Mapping[str, int]
    """By address, of all replicas that could have one."""
    is_whole: bool
    """Whether the gate has kept none."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request, as it arrived: all the same when it is asked for again."""

    workload_id: str
    at: float
    """Seconds since the epoch."""
    identity: str
    """Tells it apart."""
    size: int = REQUEST_BYTES
    """What it takes of memory while it waits, `room.held_bytes`."""
    is_straight: bool = False
    """Whether it asks where it came in. If it does not reach the replica that it then goes to, it
    asks again elsewhere, before it is known that it has ended here."""


@dataclass(frozen=True, slots=True)
class Grant:
    """A slot: where the request may go, and how long it may wait for its answer there."""

    address: str
    waited_seconds: float
    remaining_seconds: float
    era: int = 0
    """Of the lending in which its slot is lent once it has ended; 0 where it is free then."""


@dataclass(slots=True, eq=False)
class Visit:
    """One request, from its arrival to its end."""

    arrival: Arrival
    started: float
    """Its arrival, by the monotonic clock."""
    limit_seconds: float
    """From there to the first byte of its answer."""
    ticket: Ticket
    decided: "asyncio.Future[Denial | None]"
    """Done when it need not wait any more, with None where it has a slot."""
    known_since: int = 0
    """The same as in `Outlook`, of the replicas among which it has its slot."""
    era: int = 0
    """The same as in `Grant`, unless what is lent is taken back meanwhile."""
    has_left: bool = False


@dataclass(slots=True, eq=False)
class Queue:
    """One workload's: who waits, and the slots that are granted or lent."""

    slots: Slots = field(default_factory=Slots)
    visits: dict[Ticket, Visit] = field(default_factory=dict)
    """Of those who wait."""
    following: "asyncio.Task[None] | None" = None
    lent: Lent | None = None
    """What Envoy hands out, as it was last told, while it may."""

    @property
    def era(self) -> int:
        """That of its lending; 0 while nothing is lent."""
        return 0 if self.lent is None else self.lent.era

    @property
    def is_unused(self) -> bool:
        """Whether nothing is known in it."""
        return self.lent is None and self.following is None and self.slots.is_unused


class Queues:
    """Those of all workloads, for as long as anything is known in them."""

    def __init__(self) -> None:
        self._by_workload: dict[str, Queue] = {}

    def __getitem__(self, workload_id: str) -> Queue:
        """One workload's, of which something is known."""
        return self._by_workload[workload_id]

    def __iter__(self) -> Iterator[tuple[str, Queue]]:
        return iter(tuple(self._by_workload.items()))

    def get(self, workload_id: str) -> Queue | None:
        """One workload's, where there is one."""
        return self._by_workload.get(workload_id)

    def make(self, workload_id: str) -> Queue:
        """One workload's, which is new where there was none."""
        return self._by_workload.setdefault(workload_id, Queue())

    def forget_if_unused(self, workload_id: str) -> None:
        """A limited workload's queue goes when it is idle."""
        queue = self.get(workload_id)
        if queue is not None and queue.is_unused:
            del self._by_workload[workload_id]
