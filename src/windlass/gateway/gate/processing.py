"""What Envoy and the gate say to each other of a request that needs a slot.

Envoy opens a stream of its external processing protocol for each (`ext_proc`, with headers alone),
and the stream ends when the request has, in whichever way. The answer on it names the replica; a
replica's slot is taken from there to the stream's end.
"""

import asyncio
from functools import lru_cache
from typing import Any, Protocol

import grpc
from envoy.config.core.v3 import base_pb2
from envoy.service.ext_proc.v3 import external_processor_pb2

from windlass.gateway.gate.admission import Admission, Arrival, Grant
from windlass.gateway.gate.holds import REMAINING_HEADER, Denial
from windlass.gateway.gate.resources import SLOT_TRIES
from windlass.gateway.gate.room import held_bytes
from windlass.gateway.names import ARRIVAL_HEADER, SLOT, SLOT_FILTER
from windlass.kit.clock import Clock

ProcessingRequest = external_processor_pb2.ProcessingRequest
ProcessingResponse = external_processor_pb2.ProcessingResponse
_TRAILERS_UNCHANGED = ProcessingResponse(
    response_trailers=external_processor_pb2.TrailersResponse()
).SerializeToString()
UNNOTICED_SECONDS = 0.1
"""Who waited no longer than that has the whole time-out at the replica."""
ANSWERS_KEPT = 10_000


class Stream(Protocol):
    """One stream; a cancelled one raises asyncio.CancelledError."""

    async def read(self) -> Any:
        """The next message, or `grpc.aio.EOF`."""

    async def write(self, message: bytes) -> None:
        """Send a response as it goes over the wire."""


class Processing:
    """Answers Envoy's streams."""

    def __init__(self, admission: Admission, clock: Clock) -> None:
        self._admission = admission
        self._clock = clock

    async def process(self, workload_id: str, stream: Stream) -> None:
        """Return once the request has ended, or has been denied."""
        first = await stream.read()
        if first is grpc.aio.EOF:
            return
        visit = self._admission.enter(workload_id, self._arrival(first))
        try:
            reading = asyncio.ensure_future(stream.read())
            decision = await self._admission.decision(visit, reading)
            if decision is None:
                return
            if isinstance(decision, Denial):
                await stream.write(_denied(decision))
                return
            await stream.write(_granted(decision))
            while await reading is not grpc.aio.EOF:
                await stream.write(_TRAILERS_UNCHANGED)
                reading = asyncio.ensure_future(stream.read())
        finally:
            self._admission.leave(visit)

    def _arrival(self, request: Any) -> Arrival:
        received = request.request_headers.headers.headers
        headers = {header.key: header.raw_value.decode() for header in received}
        size = held_bytes(headers)
        identity = headers.get(ARRIVAL_HEADER)
        if identity is None:
            return Arrival(self._clock.now(), "", size)
        return Arrival(float(identity.split()[0]), identity, size)


def _granted(grant: Grant) -> bytes:
    seconds = grant.remaining_seconds
    if grant.waited_seconds < UNNOTICED_SECONDS:
        # The same answer for all of these.
        seconds += grant.waited_seconds
    return _grant(grant.address, max(1, round(seconds * 1000)))


@lru_cache(ANSWERS_KEPT)
def _grant(address: str, milliseconds: int) -> bytes:
    answer = ProcessingResponse()
    # One for each try: without any, Envoy would choose.
    answer.dynamic_metadata[SLOT_FILTER] = {SLOT: ",".join([address] * SLOT_TRIES)}
    common = answer.request_headers.response
    # Envoy looks for another route only where a header has changed, too.
    common.clear_route_cache = True
    _set(common.header_mutation, REMAINING_HEADER, str(milliseconds))
    return _written(answer)


def _written(answer: Any) -> bytes:
    written: bytes = answer.SerializeToString()
    return written


def _denied(denial: Denial) -> bytes:
    answer = ProcessingResponse()
    immediate = answer.immediate_response
    immediate.status.code = denial.status
    immediate.body = denial.message.encode()
    if denial.retry_after_seconds is not None:
        _set(immediate.headers, "retry-after", str(denial.retry_after_seconds))
    return _written(answer)


def _set(mutation: Any, key: str, value: str) -> None:
    option = mutation.set_headers.add(
        append_action=base_pb2.HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD
    )
    option.header.key = key
    option.header.raw_value = value.encode()
