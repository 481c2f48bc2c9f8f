"""Requests to a container engine over its Unix socket: HTTP/1.1, without blocking.

The standard library's client would double the supervisor's memory.
Sources: https://www.rfc-editor.org/rfc/rfc9112 (message syntax, chunked coding) and
https://docs.docker.com/reference/api/engine/ (what is asked).
"""

import json
import select
import socket
import time
from collections.abc import Callable, Generator
from typing import Any, TypeVar

from windlass.kit.supervision.program.containers.activity import NEVER, Waiting

Result = TypeVar("Result")

_CHUNK = 65536
_RETRY = 0.02
_LONGEST_LINE = 65536


class Unreachable(Exception):
    """The engine does not answer, or broke off; the message says how."""


class Answer:
    """What the engine said."""

    def __init__(self, status: int, body: bytes) -> None:
        self.status = status
        self.body = body

    @property
    def content(self) -> Any:
        """The body, where it is JSON; else None."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    @property
    def message(self) -> str:
        """What the engine says went wrong."""
        content = self.content
        if isinstance(content, dict) and content.get("message"):
            return str(content["message"])
        return self.body.decode(errors="replace").strip() or f"status {self.status}"


def ask(
    path_of_socket: str, method: str, path: str, body: object = None, seconds: float = 60.0
) -> Generator[Waiting, None, Answer]:
    """One request and its whole answer. Raises Unreachable, also after `seconds`."""
    parts: list[bytes] = []
    status = yield from stream(
        path_of_socket, method, path, parts.append, body, time.monotonic() + seconds
    )
    return Answer(status, b"".join(parts))


def stream(
    path_of_socket: str,
    method: str,
    path: str,
    take: Callable[[bytes], object],
    body: object = None,
    deadline: float = NEVER,
    headers: str = "",
) -> Generator[Waiting, None, int]:
    """One request whose answer is handed to `take` as it comes; returns its status.

    `headers` are whole lines. Raises Unreachable.
    """
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.setblocking(False)
    try:
        yield from _connect(connection, path_of_socket, deadline)
        yield from _send(connection, _request(method, path, body, headers), deadline)
        return (yield from _Reader(connection, deadline).answer(take))
    except OSError as error:
        raise Unreachable(error.strerror or str(error)) from error
    finally:
        connection.close()


def wait_for(steps: Generator[Waiting, None, Result]) -> Result:
    """Run a request to its end, for those who have nothing else to do. Raises Unreachable."""
    while True:
        try:
            wait, due = next(steps)
        except StopIteration as end:
            result: Result = end.value
            return result
        poll = select.poll()
        if wait is not None:
            poll.register(*wait)
        left = due - time.monotonic()
        poll.poll(None if due == NEVER else int(max(0.0, left) * 1000) + 1)


def _request(method: str, path: str, body: object, headers: str) -> bytes:
    data = b"" if body is None else json.dumps(body).encode()
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: engine\r\nConnection: close\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n{headers}\r\n"
    )
    return head.encode() + data


def _connect(
    connection: socket.socket, path: str, deadline: float
) -> Generator[Waiting, None, None]:
    while True:
        try:
            connection.connect(path)
            return
        except BlockingIOError:
            # So many wait to be accepted that the kernel takes no more for now.
            _check(deadline)
            yield None, time.monotonic() + _RETRY


def _send(
    connection: socket.socket, data: bytes, deadline: float
) -> Generator[Waiting, None, None]:
    while data:
        try:
            data = data[connection.send(data) :]
        except BlockingIOError:
            _check(deadline)
            yield (connection.fileno(), select.POLLOUT), deadline


def _check(deadline: float) -> None:
    if time.monotonic() >= deadline:
        raise Unreachable("it did not answer in time")


class _Reader:
    """Reads an answer from a connection."""

    def __init__(self, connection: socket.socket, deadline: float) -> None:
        self._connection = connection
        self._deadline = deadline
        self._received = b""

    def answer(self, take: Callable[[bytes], object]) -> Generator[Waiting, None, int]:
        status_line = (yield from self._line()).split(None, 2)
        if len(status_line) < 2 or not status_line[1].isdigit():
            raise Unreachable("the answer is not HTTP")
        headers = yield from self._headers()
        if headers.get(b"transfer-encoding") == b"chunked":
            yield from self._chunks(take)
        elif b"content-length" in headers:
            yield from self._exactly(int(headers[b"content-length"]), take)
        elif int(status_line[1]) not in (204, 304):
            yield from self._everything(take)
        return int(status_line[1])

    def _headers(self) -> Generator[Waiting, None, dict[bytes, bytes]]:
        headers: dict[bytes, bytes] = {}
        while line := (yield from self._line()):
            name, _, value = line.partition(b":")
            headers[name.strip().lower()] = value.strip().lower()
        return headers

    def _chunks(self, take: Callable[[bytes], object]) -> Generator[Waiting, None, None]:
        while size := int((yield from self._line()).partition(b";")[0], 16):
            yield from self._exactly(size, take)
            yield from self._line()
        while (yield from self._line()):
            """Trailers."""

    def _exactly(
        self, size: int, take: Callable[[bytes], object]
    ) -> Generator[Waiting, None, None]:
        while size:
            if not self._received:
                yield from self._more()
            part, self._received = self._received[:size], self._received[size:]
            size -= len(part)
            take(part)

    def _everything(self, take: Callable[[bytes], object]) -> Generator[Waiting, None, None]:
        while True:
            if self._received:
                take(self._received)
                self._received = b""
            try:
                yield from self._more()
            except _Ended:
                return

    def _line(self) -> Generator[Waiting, None, bytes]:
        while b"\r\n" not in self._received:
            if len(self._received) > _LONGEST_LINE:
                raise Unreachable("the answer is not HTTP")
            yield from self._more()
        line, _, self._received = self._received.partition(b"\r\n")
        return line

    def _more(self) -> Generator[Waiting, None, None]:
        while True:
            try:
                data = self._connection.recv(_CHUNK)
                break
            except BlockingIOError:
                _check(self._deadline)
                yield (self._connection.fileno(), select.POLLIN), self._deadline
        if not data:
            raise _Ended("it broke off")
        self._received += data


class _Ended(Unreachable):
    """The other end closed the connection."""
