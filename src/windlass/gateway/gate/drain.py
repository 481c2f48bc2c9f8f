"""Requests in flight; replicas forgotten, and listeners withdrawn, once theirs have ended."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from windlass.gateway.gate.admin import EnvoyAdmin, EnvoyUnreachable
from windlass.gateway.gate.discovery import Rejected
from windlass.gateway.gate.hearing import Hearing
from windlass.gateway.gate.publisher import Publisher, Superseded
from windlass.gateway.gate.quiet import Quiet
from windlass.gateway.gate.replicas import CONNECT_TIMEOUT_SECONDS
from windlass.gateway.gate.routes import LONGEST_PAUSE_SECONDS
from windlass.gateway.gate.statistics import in_flight_of, written
from windlass.gateway.gate.store import Record
from windlass.gateway.gate.ways import counted_clusters, is_held, slots_cluster_name
from windlass.gateway.gateway import Endpoint, Route
from windlass.kit.clock import Clock

SWEEP_SECONDS = 1.0
UNTRIED_SECONDS = CONNECT_TIMEOUT_SECONDS + 4 * LONGEST_PAUSE_SECONDS
"""Who is tried again and again is so within it."""


class Drain:
    """Counts requests in flight."""

    def __init__(
        self,
        publisher: Publisher,
        admin: EnvoyAdmin,
        hearing: Hearing,
        slots_in_use: Callable[[str], Mapping[str, int]],
        held: Callable[[str], int],
        clock: Clock,
    ) -> None:
        """`slots_in_use` tells how many slots of a workload are held, by address; `held` how many
        of its requests wait."""
        self._publisher = publisher
        self._admin = admin
        self._hearing = hearing
        self._slots_in_use = slots_in_use
        self._held = held
        self._last: dict[str, tuple[Endpoint, ...]] = {}
        """Of workloads that hold requests, the one replica that stays listed though it is done."""
        self._quiet = Quiet(clock)

    async def in_flight(self, workload_id: str) -> Mapping[str, int]:
        """Requests in flight by replica id, of replicas listed or draining.

        Raises EnvoyUnreachable.
        """
        record = self._publisher.record(workload_id)
        if record is None:
            return {}
        acknowledged_at = self._publisher.acknowledged_at(workload_id)
        if record.draining and acknowledged_at is not None:
            # Until then some worker may send a request to one that leaves.
            await self._hearing.of_all_until(acknowledged_at)
        counts = await self._count([record])
        return {
            each.replica_id: _in_flight(each, record.route, counts)
            for each in (*record.route.endpoints, *record.draining)
            if (each,) != self._last.get(workload_id)
        }

    async def sweep_forever(self) -> None:
        """Forget drained replicas, and withdraw inner listeners, again and again."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            await self._sweep_inner_listeners()
            with suppress(EnvoyUnreachable, Rejected, Superseded, OSError):
                await self.sweep()

    async def sweep(self) -> None:
        """Forget drained replicas. Raises EnvoyUnreachable, Rejected, Superseded, OSError."""
        self._forget_gone()
        leaving = [record for record in self._publisher.records if self._may_forget(record)]
        if leaving:
            await self._sweep(leaving)

    async def _sweep_inner_listeners(self) -> None:
        listeners = self._publisher.inner_listeners
        if not listeners.unused:
            return
        with suppress(EnvoyUnreachable):
            listeners.look(await self._admin.passing(), self._held)

    def _forget_gone(self) -> None:
        for workload_id in [key for key in self._last if self._publisher.record(key) is None]:
            self._forget_last(workload_id)

    def _forget_last(self, workload_id: str) -> None:
        self._last.pop(workload_id, None)
        self._quiet.forget(workload_id)

    async def _sweep(self, records: list[Record]) -> None:
        acknowledged = (self._publisher.acknowledged_at(each.route.workload_id) for each in records)
        await self._hearing.of_all_until(max(at for at in acknowledged if at is not None))
        counts = await self._count(records)
        retries = await self._admin.retries()
        for record in records:
            ended = {
                each.replica_id
                for each in record.draining
                if not _in_flight(each, record.route, counts)
            }
            if len(ended) == len(record.draining) and self._may_be_tried(record, retries):
                ended.remove(record.draining[-1].replica_id)
                self._last[record.route.workload_id] = record.draining[-1:]
            if ended or not record.draining:
                await self._publisher.drained(record, frozenset(ended))

    async def _count(self, records: Sequence[Record]) -> Mapping[str, Mapping[str, int]]:
        """Requests in flight, by cluster and address: those that Envoy counts, or those that have a
        slot, some of which may be on their way."""
        slots = {
            slots_cluster_name(workload_id): Counter(
                {written(key): count for key, count in self._slots_in_use(workload_id).items()}
            )
            for workload_id in (record.route.workload_id for record in records)
        }
        counted = await self._admin.in_flight()
        return {
            **counted,
            **{name: held | Counter(counted.get(name, {})) for name, held in slots.items()},
        }

    def _may_be_tried(self, record: Record, retries: Mapping[str, int]) -> bool:
        """Whether one of the replicas on their way out has to stay listed: a request that did not
        reach it is tried again until there is another."""
        workload_id = record.route.workload_id
        if record.draining and not record.removed and is_held(record.route):
            total = sum(retries.get(name, 0) for name in counted_clusters(record.route))
            if self._quiet.seconds(workload_id, total) < UNTRIED_SECONDS:
                return True
        self._forget_last(workload_id)
        return False

    def _may_forget(self, record: Record) -> bool:
        if not record.draining and not record.removed:
            return False
        return self._publisher.acknowledged_at(record.route.workload_id) is not None


def _in_flight(endpoint: Endpoint, route: Route, counts: Mapping[str, Mapping[str, int]]) -> int:
    """Requests on a replica, over all its ports."""
    addresses = [written(str(address)) for address in endpoint.addresses]
    in_flight = in_flight_of(counts, counted_clusters(route))
    return sum(in_flight.get(address, 0) for address in addresses)
