"""Answers Envoy's questions for slots, each at once, by one of several servers: `KIND SOCKET`.

What it says is the same for all kinds, so that they differ by what a stream costs alone.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, cast

import grpc
import uvloop
from envoy.service.ext_proc.v3 import external_processor_pb2
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, Event, StreamEnded
from h2.exceptions import ProtocolError

from windlass.gateway.gate.grpc_streams import Stream, serve_streams

METHOD = "envoy.service.ext_proc.v3.ExternalProcessor"
ANSWER = external_processor_pb2.ProcessingResponse(
    request_headers=external_processor_pb2.HeadersResponse()
).SerializeToString()
_WINDOW = 2**31 - 1 - 65_535
_SMALL = 2**16


class _Answered:
    """A stream of the gate's own server."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def received(self, message: bytes) -> None:
        external_processor_pb2.ProcessingRequest.FromString(message)
        self._stream.write(ANSWER)

    def finished(self) -> None:
        self._stream.end()

    def ended(self) -> None:
        pass

    def lost(self) -> None:
        pass


async def _with_ours(socket: Path) -> None:
    server = await serve_streams(socket, _Answered)
    await server.serve_forever()


async def _with_grpcio(socket: Path) -> None:
    async def process(_: Any, context: grpc.aio.ServicerContext[Any, Any]) -> None:
        while await context.read() is not grpc.aio.EOF:
            await context.write(ANSWER)

    handler = grpc.stream_stream_rpc_method_handler(
        process, external_processor_pb2.ProcessingRequest.FromString
    )
    server = grpc.aio.server()
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler(METHOD, {"Process": handler}),)
    )
    server.add_insecure_port(f"unix:{socket}")
    await server.start()
    await server.wait_for_termination()


class _H2(asyncio.Protocol):
    """The library h2, told to check as little as it can be."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        lax = H2Configuration(
            client_side=False,
            validate_inbound_headers=False,
            normalize_inbound_headers=False,
            validate_outbound_headers=False,
            normalize_outbound_headers=False,
        )
        self._connection = H2Connection(lax)
        self._connection.initiate_connection()
        self._connection.increment_flow_control_window(_WINDOW)
        self._taken = 0
        self._flush()

    def data_received(self, data: bytes) -> None:
        try:
            for event in self._connection.receive_data(data):
                self._take(event)
        except ProtocolError:
            self._transport.abort()
            return
        self._flush()

    def _take(self, event: Event) -> None:
        # A stream that was reset is forgotten by the library itself.
        if isinstance(event, DataReceived):
            external_processor_pb2.ProcessingRequest.FromString(event.data[5:])
            number = event.stream_id
            self._connection.send_headers(
                number, [(":status", "200"), ("content-type", "application/grpc")]
            )
            self._connection.send_data(number, b"\x00" + len(ANSWER).to_bytes(4, "big") + ANSWER)
        elif isinstance(event, StreamEnded):
            self._connection.send_headers(event.stream_id, [("grpc-status", "0")], end_stream=True)

    def _flush(self) -> None:
        self._transport.write(self._connection.data_to_send())


async def _with_h2(socket: Path) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_unix_server(_H2, str(socket))
    await server.serve_forever()


KINDS: Mapping[str, Callable[[Path], Awaitable[None]]] = {
    "gate": _with_ours,
    "grpcio": _with_grpcio,
    "h2": _with_h2,
}


async def _serve(kind: str, socket: str) -> None:
    await KINDS[kind](Path(socket))


if __name__ == "__main__":
    uvloop.run(_serve(*sys.argv[1:]))
