"""What Envoy and the gate say to each other of a request that needs a slot.

Envoy opens a stream of its external processing protocol for each (`ext_proc`, with headers alone),
and the stream ends when the request has, in whichever way. The answer on it names the replica; a
replica's slot is taken from there to the stream's end.
"""

import asyncio
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from envoy.config.core.v3 import base_pb2
from envoy.service.ext_proc.v3 import external_processor_pb2

from windlass.gateway.gate.admission import Admission
from windlass.gateway.gate.grpc_streams import Stream
from windlass.gateway.gate.holds import Denial
from windlass.gateway.gate.queues import Arrival, Grant, Visit
from windlass.gateway.gate.room import held_bytes
from windlass.gateway.gate.routes import LARGE_BODY, NO_SLOT, SLOT_TRIES
from windlass.gateway.names import (
    ARRIVAL_HEADER,
    ERA,
    INNER_HEADER,
    REMAINING_HEADER,
    SLOT,
    SLOT_FILTER,
    TOO_LATE,
)

ProcessingRequest = external_processor_pb2.ProcessingRequest
ProcessingResponse = external_processor_pb2.ProcessingResponse
_HEADERS_UNCHANGED = ProcessingResponse(
    response_headers=external_processor_pb2.HeadersResponse()
).SerializeToString()
_TRAILERS_UNCHANGED = ProcessingResponse(
    response_trailers=external_processor_pb2.TrailersResponse()
).SerializeToString()
_TOO_LATE = Denial(504, TOO_LATE)
UNNOTICED_SECONDS = 0.1
"""Who waited no longer than that has the whole time-out at the replica."""
ANSWERS_KEPT = 10_000
LONGEST_DENIAL = 12_000
"""Characters that fit into one message of the stream, whatever they are."""


class Processing:
    """Begins an exchange with Envoy for each of its streams."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission

    def begin(self, stream: Stream) -> "Processed":
        """A request wants a slot."""
        return Processed(self._admission, stream)


class Processed:
    """One request, as Envoy tells of it."""

    def __init__(self, admission: Admission, stream: Stream) -> None:
        self._admission = admission
        self._stream = stream
        self._visit: Visit | None = None
        self._is_upload = False
        self._waiting: asyncio.Task[None] | None = None
        self._deadline: asyncio.TimerHandle | None = None

    def received(self, message: bytes) -> None:
        """Its headers have come, or, later, the headers or trailers of its answer."""
        request = ProcessingRequest.FromString(message)
        if not request.HasField("request_headers"):
            # Where Envoy itself has refused the request, that is the first to be heard of it.
            self._answer_begins(request)
            return
        headers = _headers(request)
        arrival = _arrival(headers)
        if arrival is None:
            self._stream.write(_denied(Denial(503, NO_SLOT)))
            return
        self._is_upload = arrival.is_straight and _may_take_long(headers)
        self._visit = self._admission.enter(arrival)
        if self._visit.decided.done():
            self._decided(self._visit)
        else:
            self._waiting = asyncio.create_task(self._wait(self._visit))

    def finished(self) -> None:
        """It has ended well."""
        self.ended()
        self._stream.end()

    def ended(self) -> None:
        """It has ended, in whichever way."""
        if self._waiting is not None:
            self._waiting.cancel()
        if self._deadline is not None:
            self._deadline.cancel()
        if self._visit is not None:
            self._admission.leave(self._visit)

    def lost(self) -> None:
        """Whether it has ended is not known."""
        if self._visit is not None:
            self._admission.lose(self._visit)
        self.ended()

    async def _wait(self, visit: Visit) -> None:
        await self._admission.wait(visit)
        self._decided(visit)

    def _decided(self, visit: Visit) -> None:
        decision = self._admission.decision(visit)
        if isinstance(decision, Denial):
            self._stream.write(_denied(decision))
        elif self._stream.knows(visit.known_since):
            self._let_go(decision)
        else:
            self._waiting = asyncio.create_task(self._let_go_once_known(decision, visit))

    async def _let_go_once_known(self, grant: Grant, visit: Visit) -> None:
        """Envoy's worker would send it to another replica, or nowhere, if it heard of its grant
        before it hears of its replica."""
        await self._stream.wait_until_known(visit.known_since)
        self._let_go(grant)

    def _let_go(self, grant: Grant) -> None:
        self._stream.write(_granted(grant))
        if self._is_upload:
            # Where it came in, Envoy's own time-out begins only when its body is complete.
            self._deadline = asyncio.get_running_loop().call_later(
                grant.remaining_seconds, self._stream.write, _denied(_TOO_LATE)
            )

    def _answer_begins(self, request: Any) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        is_headers = request.HasField("response_headers")
        self._stream.write(_HEADERS_UNCHANGED if is_headers else _TRAILERS_UNCHANGED)


def _headers(request: Any) -> dict[str, str]:
    received = request.request_headers.headers.headers
    return {header.key: header.raw_value.decode() for header in received}


def _arrival(headers: Mapping[str, str]) -> Arrival | None:
    """None where Envoy does not say what its routes have it say."""
    identity = headers.get(ARRIVAL_HEADER)
    if identity is None:
        return None
    at, _, workload_id = identity.split(" ", 2)
    is_straight = INNER_HEADER not in headers
    return Arrival(workload_id, float(at), identity, held_bytes(headers), is_straight)


def _may_take_long(headers: Mapping[str, str]) -> bool:
    """Whether Envoy tells when the answer begins, by the same rule as its routes."""
    return re.fullmatch(LARGE_BODY, headers.get("content-length", "")) is not None


def _granted(grant: Grant) -> bytes:
    seconds = grant.remaining_seconds
    if grant.waited_seconds < UNNOTICED_SECONDS:
        # The same answer for all of these.
        seconds += grant.waited_seconds
    return _grant(grant.address, max(1, round(seconds * 1000)), grant.era)


@lru_cache(ANSWERS_KEPT)
def _grant(address: str, milliseconds: int, era: int) -> bytes:
    answer = ProcessingResponse()
    # One for each try: without any, Envoy would choose.
    answer.dynamic_metadata[SLOT_FILTER] = {
        SLOT: ",".join([address] * SLOT_TRIES),
        **({ERA: str(era)} if era else {}),
    }
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
    immediate.body = denial.message[:LONGEST_DENIAL].encode()
    if denial.retry_after_seconds is not None:
        _set(immediate.headers, "retry-after", str(denial.retry_after_seconds))
    return _written(answer)


def _set(mutation: Any, key: str, value: str) -> None:
    option = mutation.set_headers.add(
        append_action=base_pb2.HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD
    )
    option.header.key = key
    option.header.raw_value = value.encode()
