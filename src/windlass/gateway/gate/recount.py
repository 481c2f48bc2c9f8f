"""Requests that are in flight without a slot, where each should have one: counted until none is."""

import asyncio
from contextlib import suppress

from windlass.gateway.gate.admin import EnvoyAdmin, EnvoyUnreachable
from windlass.gateway.gate.admission import Admission
from windlass.gateway.gate.hearing import Hearing
from windlass.gateway.gate.publisher import Publisher
from windlass.gateway.gate.statistics import in_flight_of
from windlass.gateway.gate.ways import counted_clusters
from windlass.kit.clock import Clock

EVERY_SECONDS = 0.05
SOON_SECONDS = 0.01
"""While somebody waits for it."""
GRANT_SETTLES_SECONDS = 1.0
"""Ample for a request that was granted a slot to be among those that Envoy counts."""


class Recount:
    """Asks Envoy while it matters."""

    def __init__(
        self,
        admission: Admission,
        publisher: Publisher,
        admin: EnvoyAdmin,
        hearing: Hearing,
        clock: Clock,
    ) -> None:
        self._admission = admission
        self._publisher = publisher
        self._admin = admin
        self._hearing = hearing
        self._clock = clock

    async def run_forever(self) -> None:
        """Count, again and again, wherever there may be requests without a slot."""
        while True:
            await self._until_due()
            workload_ids = [
                each
                for each in self._admission.uncounted()
                if self._publisher.record(each) is None
                or self._publisher.acknowledged_at(each) is not None
            ]
            if not workload_ids:
                continue
            began = self._clock.monotonic()
            try:
                await self._settle()
                counts = await self._admin.in_flight()
            except EnvoyUnreachable:
                continue
            for workload_id in workload_ids:
                record = self._publisher.record(workload_id)
                names = () if record is None else counted_clusters(record.route)
                in_flight = in_flight_of(counts, names)
                self._admission.count(workload_id, in_flight, began - GRANT_SETTLES_SECONDS)

    async def _until_due(self) -> None:
        due = self._admission.lending.to_count
        seconds = SOON_SECONDS if self._admission.waits_for_count else EVERY_SECONDS
        with suppress(TimeoutError):
            await asyncio.wait_for(due.wait(), seconds)
        due.clear()

    async def _settle(self) -> None:
        """Return once no request can be on its way any more by what was wanted before, or because
        of what an earlier gate said: a worker that has heard a first word looks next at what else
        there is, and has done with that when it has heard a third."""
        for _ in range(3):
            await self._hearing.of_all_until(self._clock.monotonic())
