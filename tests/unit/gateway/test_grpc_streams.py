"""Streams as grpcio's client, and bytes as RFC 9113, have them; on the gate's event loop."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
import uvloop

from windlass.gateway.gate.grpc_streams import MOST_BYTES, PREFACE, Stream, serve_streams

METHOD = "/any.Service/Method"


class Echo:
    """Says back what it hears, as often as the first byte tells."""

    ended_streams = 0
    lost_streams = 0

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def received(self, message: bytes) -> None:
        for _ in range(message[0]):
            self._stream.write(message)

    def finished(self) -> None:
        self.ended()
        self._stream.end()

    def ended(self) -> None:
        Echo.ended_streams += 1

    def lost(self) -> None:
        Echo.lost_streams += 1


def _run(tmp_path: Path, scenario: Callable[[Any], Awaitable[None]]) -> None:
    """With a function that opens a stream of grpcio's."""

    async def run() -> None:
        Echo.ended_streams = Echo.lost_streams = 0
        socket = tmp_path / "socket"
        server = await serve_streams(socket, Echo)
        async with grpc.aio.insecure_channel(f"unix:{socket}") as channel:
            await scenario(channel.stream_stream(METHOD))
        server.close()

    uvloop.run(asyncio.wait_for(run(), 60))


async def _until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.001)


@pytest.mark.parametrize("size", [1, 100, 16_384 - 5, 16_384, MOST_BYTES // 3])
def test_messages_of_every_size_go_to_and_fro(tmp_path: Path, size: int) -> None:
    async def scenario(open_stream: Any) -> None:
        stream = open_stream()
        for _ in range(3):
            message = b"\x01" * size
            await stream.write(message)
            assert await stream.read() == message
        await stream.done_writing()
        assert await stream.read() is grpc.aio.EOF
        assert await stream.code() is grpc.StatusCode.OK
        assert Echo.ended_streams == 1

    _run(tmp_path, scenario)


def test_more_than_a_window_arrives_as_the_other_side_makes_room(tmp_path: Path) -> None:
    async def scenario(open_stream: Any) -> None:
        async def ask() -> None:
            async def questions() -> AsyncIterator[bytes]:
                yield b"\x01" * 50_000

            answers = [answer async for answer in open_stream(questions())]
            assert answers == [b"\x01" * 50_000]

        await asyncio.gather(*(ask() for _ in range(200)))
        assert Echo.ended_streams == 200

    _run(tmp_path, scenario)


def test_a_stream_that_is_cancelled_has_ended_and_others_go_on(tmp_path: Path) -> None:
    async def scenario(open_stream: Any) -> None:
        streams = [open_stream() for _ in range(100)]
        for stream in streams:
            await stream.write(b"\x01")
            assert await stream.read() == b"\x01"
        for stream in streams[1:]:
            stream.cancel()
        await _until(lambda: Echo.ended_streams == 99)
        await streams[0].write(b"\x02more")
        assert [await streams[0].read(), await streams[0].read()] == [b"\x02more"] * 2
        assert Echo.ended_streams == 99

    _run(tmp_path, scenario)


def test_a_stream_without_a_word_ends_well(tmp_path: Path) -> None:
    async def scenario(open_stream: Any) -> None:
        stream = open_stream()
        await stream.done_writing()
        assert await stream.read() is grpc.aio.EOF
        assert await stream.code() is grpc.StatusCode.OK

    _run(tmp_path, scenario)


def test_streams_are_lost_when_the_connection_breaks(tmp_path: Path) -> None:
    async def run() -> None:
        Echo.ended_streams = Echo.lost_streams = 0
        server = await serve_streams(tmp_path / "socket", Echo)
        _, writer = await asyncio.open_unix_connection(str(tmp_path / "socket"))
        writer.write(PREFACE)
        for number in (1, 3, 5):
            writer.write(bytes.fromhex(f"000001 01 04 0000000{number}") + b".")
        writer.write(bytes.fromhex("000004 03 00 00000003 00000008"))
        await writer.drain()
        await _until(lambda: Echo.ended_streams == 1)
        writer.close()
        await _until(lambda: Echo.lost_streams == 2)
        assert Echo.ended_streams == 1
        server.close()

    uvloop.run(asyncio.wait_for(run(), 20))


def test_one_stream_that_goes_wrong_takes_no_other_with_it(tmp_path: Path) -> None:
    class Wrong(Echo):
        def received(self, message: bytes) -> None:
            if message == b"wrong":
                raise RuntimeError
            super().received(message)

    async def run() -> None:
        Echo.ended_streams = Echo.lost_streams = 0
        server = await serve_streams(tmp_path / "socket", Wrong)
        async with grpc.aio.insecure_channel(f"unix:{tmp_path / 'socket'}") as channel:
            right, wrong = (channel.stream_stream(METHOD)() for _ in range(2))
            for stream in (right, wrong):
                await stream.write(b"\x01")
                assert await stream.read() == b"\x01"
            await wrong.write(b"wrong")
            assert await wrong.code() is grpc.StatusCode.INTERNAL
            await right.write(b"\x01")
            assert await right.read() == b"\x01"
            assert (Echo.ended_streams, Echo.lost_streams) == (1, 0)
        server.close()

    uvloop.run(asyncio.wait_for(run(), 20))


@pytest.mark.parametrize("size", [1, MOST_BYTES])
def test_one_question_gets_one_answer_in_its_time(tmp_path: Path, size: int) -> None:
    class Answer(Echo):
        def received(self, message: bytes) -> None:
            asyncio.get_running_loop().call_later(0.01, self._answer, message)

        def finished(self) -> None:
            """More is to come."""

        def _answer(self, message: bytes) -> None:
            self._stream.write(message * size)
            self._stream.end()

    async def run() -> None:
        server = await serve_streams(tmp_path / "socket", Answer)
        async with grpc.aio.insecure_channel(f"unix:{tmp_path / 'socket'}") as channel:
            ask = channel.unary_unary(METHOD)
            answers = await asyncio.gather(*(ask(b"x") for _ in range(50)))
            assert answers == [b"x" * size] * 50
        server.close()

    uvloop.run(asyncio.wait_for(run(), 20))


def test_who_must_know_is_pinged_and_waited_for(tmp_path: Path) -> None:
    """A client of RFC 9113, section 6.7, that answers pings when it likes."""
    ping = bytes.fromhex("000008 06 00 00000000")
    pong = bytes.fromhex("000008 06 01 00000000")
    moment = 5

    def answer(wanted: int) -> bytes:
        return bytes.fromhex(f"00 00000001 0{wanted}")

    class Learning(Echo):
        def received(self, message: bytes) -> None:
            self._learned = asyncio.create_task(self._learn(message))

        async def _learn(self, message: bytes) -> None:
            await self._stream.wait_until_known(message[0])
            self._stream.write(message)

    async def run() -> None:
        nonlocal moment
        server = await serve_streams(tmp_path / "socket", Learning, lambda: moment)
        reader, writer = await asyncio.open_unix_connection(str(tmp_path / "socket"))
        writer.write(PREFACE)
        for number, wanted in ((1, 5), (3, 4), (5, 6)):
            writer.write(bytes.fromhex(f"000001 01 04 0000000{number}") + b".")
            writer.write(bytes.fromhex(f"000006 00 00 0000000{number} 00 00000001 0{wanted}"))
        before = await reader.readuntil(ping)
        moment = 6
        writer.write(pong + await reader.readexactly(8))
        # What was acknowledged after the first ping was sent is asked for by the next.
        await reader.readuntil(ping)
        second = await reader.readexactly(8)
        await reader.readuntil(answer(5))
        between = await reader.readuntil(answer(4))
        writer.write(pong + second)
        await reader.readuntil(answer(6))
        assert answer(5) not in before
        assert answer(6) not in between
        # Known now: no ping any more.
        writer.write(bytes.fromhex("000001 01 04 00000007") + b".")
        writer.write(bytes.fromhex("000006 00 00 00000007 00 00000001 06"))
        assert ping not in await reader.readuntil(answer(6))
        writer.close()
        server.close()

    uvloop.run(asyncio.wait_for(run(), 20))


def test_bytes_may_come_in_any_pieces_padded_and_pinged(tmp_path: Path) -> None:
    """A settings frame; headers, and a continuation of them; padded data in two frames; a ping."""
    sent = PREFACE + b"".join(
        (
            bytes.fromhex("000000 04 00 00000000"),
            bytes.fromhex("000002 01 00 00000001") + b"..",
            bytes.fromhex("000002 09 04 00000001") + b"..",
            bytes.fromhex("000008 00 08 00000001") + b"\x03\x00\x00\x00\x00...",
            bytes.fromhex("000006 00 00 00000001") + b"\x05\x01four",
            bytes.fromhex("000008 06 00 00000000") + b"12345678",
            bytes.fromhex("000000 00 01 00000001"),
        )
    )
    wanted = (
        bytes.fromhex("000000 04 01 00000000"),
        bytes.fromhex("00000a 00 00 00000001") + b"\x00\x00\x00\x00\x05\x01four",
        bytes.fromhex("000008 06 01 00000000") + b"12345678",
        bytes.fromhex("00000f 01 05 00000001") + b"\x00\x0bgrpc-status\x010",
    )

    async def run() -> None:
        server = await serve_streams(tmp_path / "socket", Echo)
        reader, writer = await asyncio.open_unix_connection(str(tmp_path / "socket"))
        for byte in sent:
            writer.write(bytes([byte]))
            await writer.drain()
        writer.write_eof()
        received = await reader.read()
        positions = [received.find(each) for each in wanted]
        assert -1 not in positions
        assert positions == sorted(positions)
        writer.close()
        server.close()

    uvloop.run(asyncio.wait_for(run(), 20))


def test_who_does_not_speak_http2_is_cut_off(tmp_path: Path) -> None:
    async def run() -> None:
        server = await serve_streams(tmp_path / "socket", Echo)
        reader, writer = await asyncio.open_unix_connection(str(tmp_path / "socket"))
        writer.write(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        with contextlib.suppress(ConnectionResetError):
            while await reader.read(100):
                pass
        writer.close()
        server.close()

    uvloop.run(asyncio.wait_for(run(), 20))


def test_more_than_fits_through_a_window_is_refused(tmp_path: Path) -> None:
    async def run() -> None:
        refused = asyncio.get_running_loop().create_future()

        class TooMuch(Echo):
            def received(self, message: bytes) -> None:  # noqa: ARG002
                try:
                    self._stream.write(b"x" * (MOST_BYTES + 1))
                except ValueError as error:
                    refused.set_result(str(error))

        server = await serve_streams(tmp_path / "socket", TooMuch)
        async with grpc.aio.insecure_channel(f"unix:{tmp_path / 'socket'}") as channel:
            stream = channel.stream_stream(METHOD)()
            await stream.write(b"\x01")
            assert await refused == "60001 bytes are too many for a stream."
        server.close()

    uvloop.run(asyncio.wait_for(run(), 20))
