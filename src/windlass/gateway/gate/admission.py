"""Requests to workloads that limit how many each replica has at once: when each may go, and where.

When the gate is killed, requests in flight go on, and Envoy asks its successor for those that wait.
The successor grants nothing at a replica until Envoy's own count shows that there is room.
"""

import asyncio
import itertools
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from contextlib import suppress

from windlass.gateway.gate.demand import Demand
from windlass.gateway.gate.discovery import ENDPOINTS, Discovery, Rejected, ResourceKey
from windlass.gateway.gate.holds import Denial, Denied, Outlook, admit_to_wait, retry_after_seconds
from windlass.gateway.gate.lending import Lending, Workloads
from windlass.gateway.gate.queues import Arrival, Grant, Queue, Queues, Visit
from windlass.gateway.gate.slots import Ticket
from windlass.gateway.gate.statistics import written
from windlass.gateway.gate.store import Record
from windlass.gateway.gate.workload import serving_addresses
from windlass.kit.clock import Clock

LONGEST_WAIT_SECONDS = 3590.0
"""Envoy waits for no answer longer than an hour."""
REMEMBERED = 4096
"""So many ended requests are remembered, for the case that they return from a dead replica."""


class Admission:
    """The queues of all limited workloads. For one event loop."""

    def __init__(
        self, workloads: Workloads, discovery: Discovery, demand: Demand, clock: Clock
    ) -> None:
        self._workloads = workloads
        self._discovery = discovery
        self._demand = demand
        self._clock = clock
        self._queues = Queues()
        self.lending = Lending(self._queues, workloads, discovery, clock)
        self._numbers = itertools.count()
        self._ended: OrderedDict[str, frozenset[str]] = OrderedDict()
        self._straight: dict[str, Visit] = {}
        """By their identities: those that may come back for another slot."""

    def enter(self, arrival: Arrival) -> Visit:
        """Take in a request. It may be decided at once; when it has ended it must `leave`."""
        unreached = self._straight.get(arrival.identity)
        if unreached is not None:
            # Envoy would take its slot for lent once it has ended altogether.
            self.lending.take_back(arrival.workload_id)
            self.leave(unreached)
        waited = max(0.0, self._clock.now() - arrival.at)
        tried = self._ended.pop(arrival.identity, frozenset())
        outlook = self._workloads.outlook(arrival.workload_id)
        visit = Visit(
            arrival,
            self._clock.monotonic() - waited,
            outlook.limit_seconds,
            Ticket(arrival.at, next(self._numbers), tried),
            asyncio.get_running_loop().create_future(),
        )
        queue = self._queues.make(arrival.workload_id)
        if arrival.is_straight:
            visit.era = self.lending.era(arrival.workload_id)
            self._straight[arrival.identity] = visit
        queue.slots.join(visit.ticket)
        queue.visits[visit.ticket] = visit
        self.lending.asked(arrival.workload_id)
        self._grant_free(queue, outlook)
        if not visit.decided.done():
            self.lending.take_back(arrival.workload_id)
            self._begin_to_wait(visit, queue, outlook)
        return visit

    async def wait(self, visit: Visit) -> None:
        """Return once it is decided. Cancelled when the request ends before that."""
        seconds = max(0.0, min(visit.limit_seconds, LONGEST_WAIT_SECONDS) - self._waited(visit))
        outlook = self._workloads.outlook(visit.arrival.workload_id)
        with (
            suppress(_NotSentOn),
            self._demand.waiting(
                visit.arrival.workload_id,
                without_endpoint=not outlook.has_endpoint,
                size=visit.arrival.size,
            ),
        ):
            await asyncio.wait([visit.decided], timeout=seconds)
            if visit.ticket.address is None:
                raise _NotSentOn
        if not visit.decided.done():
            self._decide(self._queues[visit.arrival.workload_id], visit, self._too_late(visit))

    def decision(self, visit: Visit) -> Grant | Denial:
        """What is decided."""
        denial = visit.decided.result()
        if denial is not None:
            return denial
        assert visit.ticket.address is not None
        waited = self._waited(visit)
        if waited >= visit.limit_seconds:
            # It had slots before, on replicas that nobody could reach.
            return Denial(504, "No replica was reached within the time-out.")
        return Grant(visit.ticket.address, waited, visit.limit_seconds - waited, visit.era)

    def leave(self, visit: Visit) -> None:
        """Give up a place in the queue, or a slot: the request has ended, or not reached its
        replica."""
        if visit.has_left:
            return
        visit.has_left = True
        if self._straight.get(visit.arrival.identity) is visit:
            del self._straight[visit.arrival.identity]
        queue = self._queues.get(visit.arrival.workload_id)
        if queue is None:
            # It was denied, and so was everybody else.
            return
        queue.visits.pop(visit.ticket, None)
        if visit.era and visit.era == queue.era:
            queue.slots.lend_next(visit.ticket)
        else:
            queue.slots.leave(visit.ticket)
        if visit.ticket.address is not None:
            self._remember(visit.arrival.identity, visit.ticket)
            if queue.visits:
                self.look(visit.arrival.workload_id)
        self._queues.forget_if_unused(visit.arrival.workload_id)

    def lose(self, visit: Visit) -> None:
        """It is not known whether a request is in flight any more; `leave` follows."""
        if visit.ticket.address is not None and not visit.has_left:
            workload_id = visit.arrival.workload_id
            self._queues[workload_id].slots.distrust([visit.ticket.address])
            self.lending.take_back(workload_id)

    @property
    def waits_for_count(self) -> bool:
        """Whether somebody waits for a slot that may be free."""
        return any(queue.visits and queue.slots.uncounted for _, queue in self._queues)

    def loaded(self, record: Record) -> None:
        """A workload is known from before: what an earlier gate granted is not."""
        if record.route.concurrency_limit:
            self._expect_uncounted(record)

    def changed(self, before: Record, after: Record) -> None:
        """A workload is wanted otherwise from now on; where its limit is new, there are requests
        that never asked for a slot."""
        if after.route.concurrency_limit and not before.route.concurrency_limit:
            self._expect_uncounted(before)
        self.lending.take_back_but(after.route.workload_id, _kept(before, after))
        self.look(after.route.workload_id)

    def uncounted(self) -> list[str]:
        """Workloads of which requests may be in flight without a slot."""
        return [key for key, queue in self._queues if queue.slots.uncounted]

    def count(self, workload_id: str, in_flight: Mapping[str, int], settled_before: float) -> None:
        """Take in how many requests Envoy counts, by address as `written`; `Slots.count` says the
        rest."""
        queue = self._queues.get(workload_id)
        if queue is None:
            return
        for address in queue.slots.uncounted:
            queue.slots.count(address, in_flight.get(written(address), 0), settled_before)
        self.look(workload_id)
        self._queues.forget_if_unused(workload_id)

    def look(self, workload_id: str) -> None:
        """Things stand otherwise: let those go who may, and deny those who must not wait."""
        queue = self._queues.get(workload_id)
        if queue is None:
            return
        outlook = self._workloads.outlook(workload_id)
        denial = outlook.denial
        if outlook.hopeless_because is not None:
            denial = Denial(503, outlook.hopeless_because)
        if denial is None:
            self._grant_free(queue, outlook)
            return
        for visit in list(queue.visits.values()):
            self._decide(queue, visit, denial)

    def in_use(self, workload_id: str) -> Mapping[str, int]:
        """How many slots are held, by address."""
        queue = self._queues.get(workload_id)
        return {} if queue is None else queue.slots.in_use()

    def _expect_uncounted(self, record: Record) -> None:
        endpoints = (*record.route.endpoints, *record.draining)
        queue = self._queues.make(record.route.workload_id)
        queue.slots.distrust(str(endpoint.addresses[0]) for endpoint in endpoints)

    def _grant_free(self, queue: Queue, outlook: Outlook) -> None:
        queue.slots.limit = outlook.concurrency_limit
        queue.slots.offer(outlook.addresses)
        for ticket in queue.slots.grant(self._clock.monotonic()):
            visit = queue.visits[ticket]
            visit.known_since = outlook.known_since
            self._decide(queue, visit, None)

    def _begin_to_wait(self, visit: Visit, queue: Queue, outlook: Outlook) -> None:
        if outlook.denial is not None:
            self._decide(queue, visit, outlook.denial)
            return
        try:
            admit_to_wait(visit.arrival.workload_id, outlook, self._demand, visit.arrival.size)
        except Denied as denied:
            self._decide(queue, visit, denied.denial)
            return
        if queue.following is None:
            queue.following = asyncio.create_task(self._follow(visit.arrival.workload_id, queue))

    async def _follow(self, workload_id: str, queue: Queue) -> None:
        """Look again whenever Envoy acknowledges something, for as long as a request waits."""
        while queue.visits:
            with suppress(Rejected):
                depends_on = self._workloads.outlook(workload_id).depends_on
                await self._discovery.any_changed(
                    {ResourceKey(ENDPOINTS, workload_id), *depends_on}
                )
            self.look(workload_id)
        queue.following = None
        self._queues.forget_if_unused(workload_id)

    def _decide(self, queue: Queue, visit: Visit, denial: Denial | None) -> None:
        del queue.visits[visit.ticket]
        if denial is not None:
            queue.slots.leave(visit.ticket)
        if not visit.decided.done():
            visit.decided.set_result(denial)

    def _waited(self, visit: Visit) -> float:
        return self._clock.monotonic() - visit.started

    def _too_late(self, visit: Visit) -> Denial:
        if visit.limit_seconds > LONGEST_WAIT_SECONDS:
            return Denial(503, "The request has waited for an hour.", retry_after_seconds())
        return Denial(504, "No replica was free within the time-out.")

    def _remember(self, identity: str, ticket: Ticket) -> None:
        assert ticket.address is not None
        self._ended[identity] = ticket.tried | {ticket.address}
        if len(self._ended) > REMEMBERED:
            self._ended.popitem(last=False)


def _kept(before: Record, after: Record) -> Sequence[str]:
    """The addresses of which slots may stay lent."""
    route = after.route
    if after.removed or route.unavailable is not None:
        return ()
    is_same_limit = route.concurrency_limit == before.route.concurrency_limit
    return serving_addresses(route) if is_same_limit else ()


class _NotSentOn(Exception):
    """A request that waited was denied, or its client left."""
