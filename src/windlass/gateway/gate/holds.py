"""Requests that wait for a replica: Envoy asks, and is answered when one is there.

No byte of a request passes here: Envoy keeps the request and asks with its headers' bare minimum.
When the gate is killed, Envoy asks its successor the same again.
"""

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from envoy.config.core.v3 import base_pb2
from envoy.service.auth.v3 import external_auth_pb2
from google.rpc import code_pb2

from windlass.gateway.gate.demand import Demand
from windlass.gateway.gate.discovery import ENDPOINTS, Discovery, Rejected, ResourceKey
from windlass.gateway.gate.grpc_streams import Stream
from windlass.gateway.gate.room import held_bytes
from windlass.gateway.gateway import HELD_AT_ONCE
from windlass.gateway.names import LONGEST_SECONDS, REMAINING_HEADER, WORKLOAD
from windlass.kit.clock import Clock

_log = logging.getLogger(__name__)
RETRY_AFTER_SECONDS = (1, 5)
"""Who is sent away tries again after a while, and not all at the same moment."""


@dataclass(frozen=True, slots=True)
class Denial:
    """A held request's answer, where no replica will give one."""

    status: int
    message: str
    retry_after_seconds: int | None = None


class Denied(Exception):
    """A request may neither go on nor wait."""

    def __init__(self, denial: Denial) -> None:
        super().__init__(denial.message)
        self.denial = denial


@dataclass(frozen=True, slots=True)
class Outlook:
    """How things stand for a workload's held requests."""

    denial: Denial | None = None
    hopeless_because: str | None = None
    """Why no replica will be there soon; who asks nevertheless is counted."""
    has_endpoint: bool = False
    """Whether a replica is wanted in the route, though Envoy may not know it yet."""
    may_pass: bool = False
    addresses: tuple[str, ...] = ()
    """Where it may pass to."""
    concurrency_limit: int = 0
    """Most requests in flight to one of these; 0 is no limit."""
    limit_seconds: float = LONGEST_SECONDS
    """From a request's arrival to the first byte of its answer."""
    held_limit: int = HELD_AT_ONCE
    depends_on: tuple[ResourceKey, ...] = ()
    """Beside the workload's endpoints, what this may change with."""
    known_since: int = 0
    """The moment at which Envoy acknowledged these addresses, by the numbers of `Discovery`; it may
    be that not all of its workers have heard of them yet."""


class Checks:
    """Begins an exchange with Envoy for each request that it asks about."""

    def __init__(self, holds: "Holds") -> None:
        self._holds = holds

    def begin(self, stream: Stream) -> "Checked":
        """A request wants to go on."""
        return Checked(self._holds, stream)


class Checked:
    """One question, which is answered when the request may go on or must not wait."""

    def __init__(self, holds: "Holds", stream: Stream) -> None:
        self._holds = holds
        self._stream = stream
        self._answering: asyncio.Task[None] | None = None

    def received(self, message: bytes) -> None:
        """The question."""
        self._answering = asyncio.create_task(self._answer(message))

    def finished(self) -> None:
        """There is but one."""

    def ended(self) -> None:
        """The request has been given up."""
        if self._answering is not None:
            self._answering.cancel()

    def lost(self) -> None:
        """Envoy will ask again, if it still can."""
        self.ended()

    async def _answer(self, message: bytes) -> None:
        try:
            request = external_auth_pb2.CheckRequest.FromString(message)
            response = await self._holds.check(request, self._stream.wait_until_known)
        except Exception:
            _log.exception("A question is given up")
            self._stream.give_up()
            return
        self._stream.write(response.SerializeToString())
        self._stream.end()


class Holds:
    """The requests now held."""

    def __init__(
        self,
        discovery: Discovery,
        outlook: Callable[[str], Outlook],
        demand: Demand,
        clock: Clock,
    ) -> None:
        self._discovery = discovery
        self._outlook = outlook
        self._demand = demand
        self._clock = clock
        self.answered: Counter[str] = Counter()

    async def check(
        self,
        request: external_auth_pb2.CheckRequest,
        wait_until_known: Callable[[int], Awaitable[None]],
    ) -> external_auth_pb2.CheckResponse:
        """Answer when the request may go on, or must not wait any longer. Before the former, wait
        until the one that asks knows what Envoy acknowledged at a moment."""
        workload_id = request.attributes.context_extensions.get(WORKLOAD, "")
        try:
            size = held_bytes(request.attributes.request.http.headers)
            remaining = await self._remaining(
                workload_id, _arrival(request), size, wait_until_known
            )
            # Else Envoy's worker may look for a replica that it has yet to hear of.
            await wait_until_known(self._outlook(workload_id).known_since)
        except Denied as denied:
            self.answered["denied"] += 1
            return _denied(denied.denial)
        self.answered["passed"] += 1
        return _passed(remaining)

    async def _remaining(
        self,
        workload_id: str,
        arrived_at: float,
        size: int,
        wait_until_known: Callable[[int], Awaitable[None]],
    ) -> float:
        """What is left of the time-out once the request may go on. Raises Denied."""
        waited = min(max(0.0, self._clock.now() - arrived_at), LONGEST_SECONDS)
        started = self._clock.monotonic() - waited
        outlook = self._outlook(workload_id)
        remaining = self._left(outlook, started)
        if outlook.may_pass:
            return remaining
        admit_to_wait(workload_id, outlook, self._demand, size)
        with self._demand.waiting(
            workload_id, without_endpoint=not outlook.has_endpoint, size=size
        ):
            while not outlook.may_pass:
                await self._wait(workload_id, outlook, remaining)
                # Mostly that is one which is starting: nobody waits for it once it is ready.
                await wait_until_known(self._outlook(workload_id).known_since)
                outlook = self._outlook(workload_id)
                remaining = self._left(outlook, started)
                if outlook.hopeless_because is not None:
                    raise Denied(Denial(503, outlook.hopeless_because))
            return remaining

    def _left(self, outlook: Outlook, started: float) -> float:
        if outlook.denial is not None:
            raise Denied(outlook.denial)
        remaining = outlook.limit_seconds - (self._clock.monotonic() - started)
        if remaining <= 0:
            raise Denied(Denial(504, "No replica became ready within the time-out."))
        return remaining

    async def _wait(self, workload_id: str, outlook: Outlook, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._discovery.any_changed(
                    {ResourceKey(ENDPOINTS, workload_id), *outlook.depends_on}
                )
        except (TimeoutError, Rejected):
            return


def admit_to_wait(workload_id: str, outlook: Outlook, demand: Demand, size: int) -> None:
    """Raises Denied where a request that takes so much may not even wait."""
    if outlook.hopeless_because is not None:
        demand.refused(workload_id)
        raise Denied(Denial(503, outlook.hopeless_because))
    waiting = _crowd(workload_id, outlook, demand, size)
    if waiting is None:
        return
    demand.refused(workload_id)
    raise Denied(
        Denial(
            503,
            f"No replica is {'free' if outlook.has_endpoint else 'ready'}, and {waiting}.",
            retry_after_seconds=retry_after_seconds(),
        )
    )


def retry_after_seconds() -> int:
    """When somebody who is sent away may try again."""
    return random.randint(*RETRY_AFTER_SECONDS)


def _crowd(workload_id: str, outlook: Outlook, demand: Demand, size: int) -> str | None:
    """Who waits, where no more may."""
    held = demand.held(workload_id)
    if held >= outlook.held_limit:
        return f"{held} requests wait for one already"
    if not demand.room.has(size):
        return f"{demand.room.requests} requests wait already for one workload or another"
    return None


def _arrival(request: external_auth_pb2.CheckRequest) -> float:
    time = request.attributes.request.time
    return float(time.seconds) + float(time.nanos) / 1e9


def _passed(remaining_seconds: float) -> external_auth_pb2.CheckResponse:
    response = external_auth_pb2.CheckResponse()
    response.ok_response.headers.add(
        header=base_pb2.HeaderValue(
            key=REMAINING_HEADER, value=str(max(1, int(remaining_seconds * 1000)))
        ),
        append_action=base_pb2.HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD,
    )
    return response


def _denied(denial: Denial) -> external_auth_pb2.CheckResponse:
    response = external_auth_pb2.CheckResponse()
    response.status.code = code_pb2.PERMISSION_DENIED
    response.denied_response.status.code = denial.status
    response.denied_response.body = denial.message
    if denial.retry_after_seconds is not None:
        response.denied_response.headers.add(
            header=base_pb2.HeaderValue(key="retry-after", value=str(denial.retry_after_seconds))
        )
    return response
