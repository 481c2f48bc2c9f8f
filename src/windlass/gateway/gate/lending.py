"""Slots that the gate lends to Envoy.

While there is room for all, who asks where it came in need not ask the gate: Envoy's workers take
slots from one place (`envoy_module`), and put them back. Once somebody has to wait, all are taken
back, and the gate grants each as before: in order of arrival, among all replicas. Of what was still
in flight then, Envoy's own count tells when it has ended.

A slot is lent when it has been free for a while. Where as many requests as there is room for come
one upon the other, none ever is: there, the gate says with its grant that the slot is lent once the
request has ended, and both take it for so from then on. At most it is the gate alone, where the
request ended before its answer came, until it tells next what is lent.
"""

import asyncio
import itertools
import time
from collections.abc import Sequence
from typing import Protocol

from windlass.gateway.gate.discovery import Discovery
from windlass.gateway.gate.holds import Outlook
from windlass.gateway.gate.queues import Lent, Queue, Queues
from windlass.gateway.gate.slots import NO_LIMIT
from windlass.kit.clock import Clock

EVERY_SECONDS = 0.1
KEPT_SECONDS = 5.0
"""Slots that were taken back are not lent again at once: somebody may soon have to wait again."""


class Workloads(Protocol):
    """What is known of workloads, and their way to Envoy."""

    def outlook(self, workload_id: str) -> Outlook:
        """How things stand for a workload's requests that wait."""

    def may_lend(self, workload_id: str) -> bool:
        """Whether Envoy can be lent slots of it now."""

    def lend(self, workload_id: str, lent: Lent) -> None:
        """Let Envoy hand out these slots and no others."""


class Lending:
    """What is lent of all workloads. For one event loop."""

    def __init__(
        self, queues: Queues, workloads: Workloads, discovery: Discovery, clock: Clock
    ) -> None:
        self._queues = queues
        self._workloads = workloads
        self._discovery = discovery
        self._clock = clock
        self._to_lend: set[str] = set()
        """Workloads that were asked for slots since all were lent."""
        self._kept_until: dict[str, float] = {}
        """Until when no slots of a workload are lent, since they were just taken back."""
        self._versions = itertools.count(time.monotonic_ns())
        """Of what is lent: they rise from gate to gate for as long as an Envoy may live."""
        self.to_count = asyncio.Event()
        """Set when requests may be in flight without a slot that is known."""

    def asked(self, workload_id: str) -> None:
        """Somebody needed a slot that was not lent."""
        self._to_lend.add(workload_id)

    def era(self, workload_id: str) -> int:
        """That in which a slot granted now is lent once its request has ended; 0 where it is not,
        since Envoy does not yet know of it."""
        return self._queues[workload_id].era if self._workloads.may_lend(workload_id) else 0

    def lend(self) -> None:
        """Lend to Envoy what is free, of workloads where nobody had to wait for a while."""
        if not self._discovery.lends:
            for workload_id, _ in self._queues:
                self.take_back(workload_id)
            return
        now = self._clock.monotonic()
        self._kept_until = {key: at for key, at in self._kept_until.items() if at > now}
        for workload_id in sorted(self._to_lend - self._kept_until.keys()):
            if self._workloads.may_lend(workload_id):
                self._lend(workload_id)

    def take_back(self, workload_id: str) -> None:
        """Whoever asks goes in order of arrival from now on."""
        queue = self._queues.get(workload_id)
        if queue is None or queue.lent is None:
            return
        queue.slots.take_back()
        queue.lent = None
        self._workloads.lend(workload_id, Lent(next(self._versions), 0, {}, is_whole=False))
        self._kept_until[workload_id] = self._clock.monotonic() + KEPT_SECONDS
        self._to_lend.add(workload_id)
        self.to_count.set()

    def take_back_but(self, workload_id: str, kept: Sequence[str]) -> None:
        """Lend only at these addresses any more."""
        queue = self._queues.get(workload_id)
        if queue is None or queue.lent is None:
            return
        if not kept:
            self.take_back(workload_id)
            return
        queue.slots.offer(kept)
        queue.slots.take_back(kept)
        self._tell(workload_id, queue)
        self._to_lend.add(workload_id)
        self.to_count.set()

    def lent(self) -> dict[str, int]:
        """How many slots of each workload Envoy hands out."""
        lent = {key: sum(queue.slots.lent.values()) for key, queue in self._queues}
        return {key: count for key, count in lent.items() if count}

    def _lend(self, workload_id: str) -> None:
        queue = self._queues.make(workload_id)
        outlook = self._workloads.outlook(workload_id)
        slots = queue.slots
        slots.limit = outlook.concurrency_limit
        slots.offer(outlook.addresses)
        if not outlook.addresses or slots.limit == NO_LIMIT:
            self._to_lend.discard(workload_id)
        elif not queue.visits and not slots.uncounted:
            if slots.lend() or queue.lent is None or slots.is_lent_whole:
                self._tell(workload_id, queue)
            if slots.is_lent_whole:
                self._to_lend.discard(workload_id)
        self._queues.forget_if_unused(workload_id)

    def _tell(self, workload_id: str, queue: Queue) -> None:
        version = next(self._versions)
        slots, is_whole = queue.slots.to_lend, queue.slots.is_lent_whole
        told = queue.lent
        if told is None or (told.slots, told.is_whole) != (slots, is_whole):
            queue.lent = Lent(version, queue.era or version, slots, is_whole)
            self._workloads.lend(workload_id, queue.lent)


async def lend_forever(lending: Lending) -> None:
    """Lend, again and again, what has become free."""
    while True:
        await asyncio.sleep(EVERY_SECONDS)
        lending.lend()
