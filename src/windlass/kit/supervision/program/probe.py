"""One HTTP GET of a readiness probe, without blocking: a generator that says what it waits for."""

import errno
import os
import select
import socket
from collections.abc import Generator

Wait = tuple[int, int]
"""A file descriptor, and the `select.poll` events it is waited for."""

_LONGEST_STATUS_LINE = 4096


class ProbeFailed(Exception):
    """Why the probe failed, for whoever asks why the process is not ready."""


def http_get(port: int, path: str, secure: bool) -> Generator[Wait, None, None]:
    """Ask 127.0.0.1:`port` for `path`; a status from 200 to 399 is a success.

    Yields whenever it would block. Raises ProbeFailed. Certificates are not verified. Closing the
    generator ends the probe.
    """
    connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        connection.setblocking(False)
        yield from _connect(connection, port)
        if secure:
            connection = yield from _secure(connection)
        request = (
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUser-Agent: windlass-probe\r\n"
            "Accept: */*\r\nConnection: close\r\n\r\n"
        )
        yield from _send(connection, request.encode())
        _judge((yield from _status_line(connection)))
    except OSError as error:
        raise ProbeFailed(error.strerror or str(error)) from error
    finally:
        connection.close()


def _connect(connection: socket.socket, port: int) -> Generator[Wait, None, None]:
    result = connection.connect_ex(("127.0.0.1", port))
    if result == errno.EINPROGRESS:
        yield connection.fileno(), select.POLLOUT
        result = connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if result != 0:
        raise ProbeFailed(os.strerror(result))


def _secure(connection: socket.socket) -> Generator[Wait, None, socket.socket]:
    # Imported only where a probe needs it: it costs five megabytes.
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    secured = context.wrap_socket(connection, do_handshake_on_connect=False)
    while True:
        try:
            secured.do_handshake()
            return secured
        except ssl.SSLWantReadError:
            yield secured.fileno(), select.POLLIN
        except ssl.SSLWantWriteError:
            yield secured.fileno(), select.POLLOUT


def _send(connection: socket.socket, data: bytes) -> Generator[Wait, None, None]:
    while data:
        try:
            data = data[connection.send(data) :]
        except OSError as error:
            yield connection.fileno(), _wanted(error, select.POLLOUT)


def _status_line(connection: socket.socket) -> Generator[Wait, None, bytes]:
    received = b""
    while b"\n" not in received:
        if len(received) > _LONGEST_STATUS_LINE:
            raise ProbeFailed("the answer is not HTTP")
        try:
            chunk = connection.recv(_LONGEST_STATUS_LINE)
        except OSError as error:
            yield connection.fileno(), _wanted(error, select.POLLIN)
            continue
        if not chunk:
            raise ProbeFailed("the connection was closed without an answer")
        received += chunk
    return received.partition(b"\n")[0]


def _wanted(error: OSError, otherwise: int) -> int:
    """What a call that would block waits for; any other error is raised again."""
    # The names, because the classes would need the `ssl` module.
    name = type(error).__name__
    if name == "SSLWantReadError":
        return select.POLLIN
    if name == "SSLWantWriteError":
        return select.POLLOUT
    if isinstance(error, BlockingIOError):
        return otherwise
    raise error


def _judge(status_line: bytes) -> None:
    words = status_line.split(None, 2)
    if len(words) < 2 or not words[0].startswith(b"HTTP/") or not words[1].isdigit():
        raise ProbeFailed("the answer is not HTTP")
    status = int(words[1])
    if not 200 <= status < 400:
        raise ProbeFailed(f"HTTP status {status}")
