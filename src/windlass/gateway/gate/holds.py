"""Requests that wait for a replica: Envoy asks, and is answered when one is there.

No byte of a request passes here: Envoy keeps the request and asks with its headers' bare minimum.
When the gate is killed, Envoy asks its successor the same again.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from envoy.config.core.v3 import base_pb2
from envoy.service.auth.v3 import external_auth_pb2
from google.rpc import code_pb2

from windlass.gateway.gate.discovery import ENDPOINTS, Discovery, Rejected, ResourceKey
from windlass.gateway.names import LONGEST_SECONDS, WORKLOAD
from windlass.kit.clock import Clock

REMAINING_HEADER = "x-envoy-upstream-rq-per-try-timeout-ms"
"""Tells Envoy's router how long the replica may take to its first byte."""


@dataclass(frozen=True, slots=True)
class Denial:
    """A held request's answer, where no replica will give one."""

    status: int
    message: str


@dataclass(frozen=True, slots=True)
class Outlook:
    """How things stand for a workload's held requests."""

    denial: Denial | None = None
    may_pass: bool = False
    limit_seconds: float = LONGEST_SECONDS
    """From a request's arrival to the first byte of its answer."""


class Holds:
    """The requests now held."""

    def __init__(
        self, discovery: Discovery, outlook: Callable[[str], Outlook], clock: Clock
    ) -> None:
        self._discovery = discovery
        self._outlook = outlook
        self._clock = clock
        self.held: Counter[str] = Counter()
        self.answered: Counter[str] = Counter()

    async def check(
        self, request: external_auth_pb2.CheckRequest
    ) -> external_auth_pb2.CheckResponse:
        """Answer when the request may go on, or must not wait any longer."""
        workload_id = request.attributes.context_extensions.get(WORKLOAD, "")
        self.held[workload_id] += 1
        try:
            response = await self._decide(workload_id, _arrival(request))
        finally:
            self.held[workload_id] -= 1
            if not self.held[workload_id]:
                del self.held[workload_id]
        self.answered["passed" if response.HasField("ok_response") else "denied"] += 1
        return response

    async def _decide(self, workload_id: str, arrived_at: float) -> external_auth_pb2.CheckResponse:
        waited = min(max(0.0, self._clock.now() - arrived_at), LONGEST_SECONDS)
        started = self._clock.monotonic() - waited
        while True:
            outlook = self._outlook(workload_id)
            remaining = outlook.limit_seconds - (self._clock.monotonic() - started)
            if outlook.denial is not None:
                return _denied(outlook.denial)
            if remaining <= 0:
                return _denied(Denial(504, "No replica became ready within the time-out."))
            if outlook.may_pass:
                return _passed(remaining)
            await self._wait(workload_id, remaining)

    async def _wait(self, workload_id: str, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._discovery.changed(ResourceKey(ENDPOINTS, workload_id))
        except (TimeoutError, Rejected):
            return


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
    return response
