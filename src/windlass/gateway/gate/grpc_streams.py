"""Short gRPC messages to and fro, on many short streams, for one client that is known: Envoy.

Each request to a limited workload is a stream of its own. For one, the server of `grpcio` takes
eight to ten times as much of the processor as this, and the library `h2` four to five times
(`make bench ONLY=slot_streams`). So this does only what that one client needs:

- The whole socket is one method, so no header block is ever read, also not one in several frames,
  and nothing depends on the tables of its compression.
- A stream carries less than the smallest window that a client may have unless it says otherwise,
  and Envoy is configured by us; so only the connection's window is kept account of.
- A client that goes away in order resets or ends its streams first.

One thing it does beyond that. Envoy acknowledges what it is told before each of its workers has
heard of it. A connection belongs to one worker, which answers a ping only after what it had yet to
hear of when the ping came: so whoever must not be answered ahead of that can wait for it here.

The wire formats are those of RFC 9113 (HTTP/2), RFC 7541 (its headers) and of gRPC over HTTP/2.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from enum import IntEnum
from pathlib import Path
from typing import Protocol, cast

_log = logging.getLogger(__name__)
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
MOST_BYTES = 60_000
"""What fits through a stream's window, each way in all, so that it need never be renewed."""
_FRAME_BYTES = 16_384
_FIRST_WINDOW = 65_535
_LARGEST_WINDOW = 2**31 - 1
_WINDOW_RENEWED_BYTES = 2**20
_HEADERS = b"\x88\x0f\x10\x10application/grpc"
"""`:status: 200` and `content-type`, none of it for the table of headers."""
_TRAILERS = b"\x00\x0bgrpc-status\x010"
_INTERNAL_ERROR = 2
_PING = b"windlass"
_END_STREAM, _ACKNOWLEDGES, _END_HEADERS, _PADDED = 0x1, 0x1, 0x4, 0x8


class _Frame(IntEnum):
    DATA = 0
    HEADERS = 1
    RST_STREAM = 3
    SETTINGS = 4
    PING = 6
    WINDOW_UPDATE = 8


class Exchange(Protocol):
    """What happens on one stream."""

    def received(self, message: bytes) -> None:
        """The client has sent a message."""

    def finished(self) -> None:
        """The client has said its last, and listens until `Stream.end`."""

    def ended(self) -> None:
        """The client has given the stream up."""

    def lost(self) -> None:
        """The connection broke; what the client has done since is not known."""


class Stream:
    """One stream, to write to."""

    def __init__(self, connection: "_Connection", number: int) -> None:
        self._connection = connection
        self.number = number
        self.has_headers = False
        self.unread = b""
        self._written = 0

    def write(self, message: bytes) -> None:
        """Send a message; nothing happens if the client is gone.

        Raises ValueError where there are more than MOST_BYTES on the stream with it.
        """
        self._written += len(message)
        if self._written > MOST_BYTES:
            raise ValueError(f"{self._written} bytes are too many for a stream.")
        self._connection.send(self, b"\x00" + len(message).to_bytes(4, "big") + message)

    def end(self) -> None:
        """Nothing follows; nothing happens if the client is gone."""
        self._connection.end(self)

    def give_up(self) -> None:
        """End it as one that went wrong: the client may ask again."""
        self._connection.give_up(self.number)

    def knows(self, moment: int) -> bool:
        """Whether the client's thread is known to have heard of all that was acknowledged until
        then, by the numbers that `serve_streams` is told."""
        return self._connection.known >= moment

    async def wait_until_known(self, moment: int) -> None:
        """Return once it is."""
        if not self.knows(moment):
            await self._connection.learn(moment)


Begin = Callable[[Stream], Exchange]


async def serve_streams(
    socket: Path, begin: Begin, moment: Callable[[], int] = lambda: 0
) -> asyncio.Server:
    """Answer every stream that is opened on a Unix socket, whatever method it asks for.

    `moment` numbers what the client has acknowledged elsewhere, from 0 on.
    """
    loop = asyncio.get_running_loop()
    return await loop.create_unix_server(lambda: _Connection(begin, moment), str(socket))


class _Connection(asyncio.Protocol):
    def __init__(self, begin: Begin, moment: Callable[[], int]) -> None:
        self._begin = begin
        self._moment = moment
        self.known = -1
        """What was acknowledged when the last ping was sent that has been answered."""
        self._asked: int | None = None
        """The same of the one that is under way."""
        self._learning: list[tuple[int, asyncio.Future[None]]] = []
        self._unread = b""
        self._has_preface = False
        self._streams: dict[int, tuple[Stream, Exchange]] = {}
        self._window = _FIRST_WINDOW
        self._held_back: deque[tuple[int, bytes | None]] = deque()
        """By stream: what the window is too small for, and None for its end."""
        self._taken = 0
        self._unsent: list[bytes] = []
        self._is_reading = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        # No table of headers, which nobody reads; as many streams as can be.
        settings = b"\x00\x01\x00\x00\x00\x00" + b"\x00\x03" + _number(_LARGEST_WINDOW)
        self._frame(_Frame.SETTINGS, 0, 0, settings)
        self._frame(_Frame.WINDOW_UPDATE, 0, 0, _number(_LARGEST_WINDOW - _FIRST_WINDOW))
        self._flush()

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002
        streams, self._streams = self._streams, {}
        for _, exchange in streams.values():
            exchange.lost()

    def data_received(self, data: bytes) -> None:
        data = self._unread + data
        start = 0
        if not self._has_preface:
            if len(data) < len(PREFACE):
                self._unread = data
                return
            if not data.startswith(PREFACE):
                self._transport.abort()
                return
            self._has_preface, start = True, len(PREFACE)
        self._is_reading = True
        while len(data) - start >= 9:
            end = start + 9 + int.from_bytes(data[start : start + 3], "big")
            if len(data) < end:
                break
            kind, flags = data[start + 3], data[start + 4]
            number = int.from_bytes(data[start + 5 : start + 9], "big")
            self._take(kind, flags, number, data[start + 9 : end])
            start = end
        self._unread = data[start:]
        self._is_reading = False
        self._flush()

    def send(self, stream: Stream, message: bytes) -> None:
        if stream.number not in self._streams:
            return
        if not stream.has_headers:
            stream.has_headers = True
            self._frame(_Frame.HEADERS, _END_HEADERS, stream.number, _HEADERS)
        for start in range(0, len(message), _FRAME_BYTES):
            self._held_back.append((stream.number, message[start : start + _FRAME_BYTES]))
        self._send_held_back()
        if not self._is_reading:
            self._flush()

    def end(self, stream: Stream) -> None:
        if stream.number not in self._streams:
            return
        self._held_back.append((stream.number, None))
        self._send_held_back()
        if not self._is_reading:
            self._flush()

    def give_up(self, number: int) -> None:
        self._streams.pop(number, None)
        self._frame(_Frame.RST_STREAM, 0, number, _number(_INTERNAL_ERROR))
        if not self._is_reading:
            self._flush()

    def learn(self, moment: int) -> "asyncio.Future[None]":
        learned = asyncio.get_running_loop().create_future()
        self._learning.append((moment, learned))
        if self._asked is None:
            self._ask()
        return learned

    def _ask(self) -> None:
        self._asked = self._moment()
        self._frame(_Frame.PING, 0, 0, _PING)
        if not self._is_reading:
            self._flush()

    def _is_answered(self) -> None:
        if self._asked is None:
            return
        self.known, self._asked = self._asked, None
        waiting, self._learning = self._learning, []
        for moment, learned in waiting:
            if moment > self.known:
                self._learning.append((moment, learned))
            elif not learned.done():
                learned.set_result(None)
        if self._learning:
            self._ask()

    def _take(self, kind: int, flags: int, number: int, payload: bytes) -> None:
        match kind:
            case _Frame.DATA:
                self._take_data(flags, number, payload)
            case _Frame.HEADERS:
                if number not in self._streams:
                    stream = Stream(self, number)
                    self._streams[number] = stream, self._begin(stream)
            case _Frame.RST_STREAM:
                self._end(number)
            case _Frame.SETTINGS if not flags & _ACKNOWLEDGES:
                self._frame(_Frame.SETTINGS, _ACKNOWLEDGES, 0, b"")
            case _Frame.PING if flags & _ACKNOWLEDGES:
                self._is_answered()
            case _Frame.PING:
                self._frame(_Frame.PING, _ACKNOWLEDGES, 0, payload)
            case _Frame.WINDOW_UPDATE if number == 0:
                self._window += int.from_bytes(payload, "big")
                self._send_held_back()
        if kind in (_Frame.DATA, _Frame.HEADERS) and flags & _END_STREAM:
            _, exchange = self._streams.get(number, (None, None))
            if exchange is not None:
                exchange.finished()

    def _take_data(self, flags: int, number: int, payload: bytes) -> None:
        self._taken += len(payload)
        if self._taken >= _WINDOW_RENEWED_BYTES:
            self._frame(_Frame.WINDOW_UPDATE, 0, 0, _number(self._taken))
            self._taken = 0
        if number not in self._streams:
            return
        stream, exchange = self._streams[number]
        if flags & _PADDED:
            payload = payload[1 : len(payload) - payload[0]]
        stream.unread += payload
        while len(stream.unread) >= 5:
            end = 5 + int.from_bytes(stream.unread[1:5], "big")
            if len(stream.unread) < end:
                break
            message, stream.unread = stream.unread[5:end], stream.unread[end:]
            self._give(stream, exchange, message)

    def _give(self, stream: Stream, exchange: Exchange, message: bytes) -> None:
        """One exchange that goes wrong must not take the connection with it."""
        try:
            exchange.received(message)
        except Exception:
            _log.exception("A stream is given up")
            self._end(stream.number)
            self.give_up(stream.number)

    def _end(self, number: int) -> None:
        _, exchange = self._streams.pop(number, (None, None))
        if exchange is not None:
            exchange.ended()

    def _send_held_back(self) -> None:
        while self._held_back and len(self._held_back[0][1] or b"") <= self._window:
            number, piece = self._held_back.popleft()
            if number not in self._streams:
                continue
            if piece is None:
                stream, _ = self._streams.pop(number)
                trailers = _TRAILERS if stream.has_headers else _HEADERS + _TRAILERS
                self._frame(_Frame.HEADERS, _END_HEADERS | _END_STREAM, number, trailers)
                continue
            self._window -= len(piece)
            self._frame(_Frame.DATA, 0, number, piece)

    def _frame(self, kind: int, flags: int, number: int, payload: bytes) -> None:
        head = len(payload).to_bytes(3, "big") + bytes((kind, flags)) + _number(number)
        self._unsent.append(head + payload)

    def _flush(self) -> None:
        """Headers must not go out without the message behind them: a client that has headers, and
        sees the gate die, does not ask again."""
        if self._unsent:
            self._transport.write(b"".join(self._unsent))
            self._unsent.clear()


def _number(value: int) -> bytes:
    return value.to_bytes(4, "big")
