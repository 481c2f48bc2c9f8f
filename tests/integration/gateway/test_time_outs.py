"""The time-out: from arrival, hold included, to the first byte; after that it limits silence."""

import itertools
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.integration.gateway.replica import PIECE, Replica
from tests.integration.gateway.running import DOMAIN, EPOCH, RunningGateway, eventually, route

LIMIT = 0.6
TOLERANCE = 0.5
"""Above the limit, for a machine that is busy; below it there is none but a timer's."""
CLOSING = 1.0
"""For how long Envoy lets a client read the rest before it closes a connection."""


class Elapsed:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self._started = time.monotonic()

    def __call__(self) -> float:
        return time.monotonic() - self._started


def assert_limit(seconds: float, extra: float = 0.0) -> None:
    """That a time-out ended it, and not much later than it should."""
    assert LIMIT - 0.02 <= seconds < LIMIT + TOLERANCE + extra


@pytest.mark.parametrize("by", ["host", "path"])
def test_a_replica_that_does_not_answer_is_504(
    gateway: RunningGateway, replica: Replica, name: str, by: str
) -> None:
    gateway.client.put(route(name, replica.endpoint, request_timeout_seconds=LIMIT), EPOCH)
    elapsed = Elapsed()
    if by == "host":
        answer = gateway.request("/wait", host=f"{name}-runai-team.{DOMAIN}")
    else:
        answer = gateway.request(f"/team/{name}/wait", method="POST", body=b"small")
    assert_limit(elapsed())
    assert answer.status == 504
    assert answer.json["code"] == 504
    eventually(lambda: replica.abandoned == 1)


def test_a_request_held_for_too_long_is_504(gateway: RunningGateway, name: str) -> None:
    gateway.client.put(route(name, request_timeout_seconds=LIMIT), EPOCH)
    elapsed = Elapsed()
    answer = gateway.request(f"/team/{name}/echo")
    assert_limit(elapsed())
    assert (answer.status, answer.json["code"]) == (504, 504)
    assert gateway.held(name) == 0


@pytest.mark.parametrize("at_once", [0, 1])
@pytest.mark.parametrize("body", [None, b"small", [b"chunked"], b"large" * 10_000])
def test_hold_and_replica_together_do_not_exceed_it(
    gateway: RunningGateway,
    replica: Replica,
    name: str,
    body: bytes | list[bytes] | None,
    at_once: int,
) -> None:
    limit = 3 * LIMIT
    wanted = partial(route, name, request_timeout_seconds=limit, concurrency_limit=at_once)
    gateway.client.put(wanted(), EPOCH)
    with ThreadPoolExecutor(1) as threads:
        elapsed = Elapsed()
        method = "GET" if body is None else "POST"
        host = f"{name}-runai-team.{DOMAIN}"
        held = threads.submit(gateway.request, "/wait", method, host, body=body)
        eventually(lambda: gateway.held(name) == 1 and elapsed() > LIMIT)
        gateway.client.put(wanted(replica.endpoint), EPOCH)
        assert held.result().status == 504
    assert limit - 0.02 <= elapsed() < limit + TOLERANCE
    assert replica.seen["/wait"] == 1


@pytest.mark.parametrize("at_once", [0, 1])
@pytest.mark.parametrize("body", [b"small", b"large" * 10_000])
def test_a_stream_may_last_longer(
    gateway: RunningGateway, replica: Replica, name: str, body: bytes, at_once: int
) -> None:
    wanted = route(name, replica.endpoint, request_timeout_seconds=LIMIT, concurrency_limit=at_once)
    gateway.client.put(wanted, EPOCH)
    elapsed = Elapsed()
    host = f"{name}-runai-team.{DOMAIN}"
    answer = gateway.request("/stream?pieces=12&pause=0.1", "POST", host, body=body)
    assert elapsed() > 2 * LIMIT
    assert (answer.status, answer.body) == (200, PIECE * 12)


def test_a_stream_arrives_piece_by_piece(
    gateway: RunningGateway, replica: Replica, name: str
) -> None:
    gateway.client.put(route(name, replica.endpoint), EPOCH)
    with gateway.connection() as connection:
        connection.request("GET", f"/team/{name}/stream?pieces=2&pause=30")
        response = connection.getresponse()
        assert response.read1(1000) == PIECE


def test_a_stream_that_falls_silent_ends(
    gateway: RunningGateway, replica: Replica, name: str
) -> None:
    gateway.client.put(route(name, replica.endpoint, request_timeout_seconds=LIMIT), EPOCH)
    with gateway.raw() as connection:
        request = f"GET /team/{name}/stream?pieces=2&pause=30 HTTP/1.1\r\nHost: a\r\n\r\n"
        connection.sendall(request.encode())
        elapsed = Elapsed()
        received = b"".join(iter(lambda: connection.recv(4096), b""))
    assert_limit(elapsed(), CLOSING)
    assert received.startswith(b"HTTP/1.1 200")
    assert received.count(PIECE) == 1
    assert not received.endswith(b"0\r\n\r\n")


def _drip(host: str, headers: str, chunk: bytes) -> Iterator[bytes]:
    yield f"POST /swallow HTTP/1.1\r\nHost: {host}\r\n{headers}\r\n\r\n".encode()
    yield from itertools.repeat(chunk)


@pytest.mark.parametrize(
    ("headers", "chunk"),
    [("Transfer-Encoding: chunked", b"1\r\nx\r\n"), ("Content-Length: 1000000000", b"x")],
)
@pytest.mark.parametrize("is_held", [False, True])
@pytest.mark.parametrize("at_once", [0, 1])
def test_an_endless_upload_is_504(
    gateway: RunningGateway,
    replica: Replica,
    name: str,
    headers: str,
    chunk: bytes,
    is_held: bool,
    at_once: int,
) -> None:
    endpoints = () if is_held else (replica.endpoint,)
    wanted = route(name, *endpoints, request_timeout_seconds=LIMIT, concurrency_limit=at_once)
    gateway.client.put(wanted, EPOCH)
    elapsed = Elapsed()
    with gateway.raw() as connection:
        connection.settimeout(0.05)
        received = b""
        for piece in _drip(f"{name}-runai-team.{DOMAIN}", headers, chunk):
            connection.sendall(piece)
            try:
                received = connection.recv(65536)
                break
            except TimeoutError:
                assert elapsed() < 10
    assert_limit(elapsed())
    assert received.startswith(b"HTTP/1.1 504")
    assert b'"code":504' in received
    eventually(lambda: set(gateway.client.in_flight(f"id-{name}").values()) <= {0})


def test_a_long_upload_that_ends_in_time_arrives_whole(
    gateway: RunningGateway, replica: Replica, name: str
) -> None:
    gateway.client.put(route(name, replica.endpoint), EPOCH)
    size = 20_000_000
    answer = gateway.request(f"/team/{name}/swallow", method="POST", body=b"x" * size)
    assert answer.json == {"size": size}
    pieces = (b"y" * 1000 for _ in range(1000))
    host = f"{name}-runai-team.{DOMAIN}"
    assert gateway.request("/swallow", "PUT", host=host, body=pieces).json == {"size": 1_000_000}


def test_an_upload_reaches_the_replica_as_it_was_sent(
    gateway: RunningGateway, replica: Replica, name: str
) -> None:
    gateway.client.put(route(name, replica.endpoint), EPOCH)
    small, large = (
        gateway.request(
            f"/team/{name}/echo%2F?q", "POST", headers={"x-mine": "1"}, body=b"x" * size
        )
        for size in (10, 100_000)
    )
    assert large.json["path"] == small.json["path"] == "/echo%2F?q"
    varying = {"content-length", "x-request-id"}
    seen = [
        {key: value for key, value in each.json["headers"].items() if key not in varying}
        for each in (small, large)
    ]
    assert seen[0] == seen[1]


def test_a_websocket_lives_on_while_it_talks_and_ends_in_silence(
    gateway: RunningGateway, replica: Replica, name: str
) -> None:
    gateway.client.put(route(name, replica.endpoint, request_timeout_seconds=LIMIT), EPOCH)
    address = f"ws://127.0.0.1:{gateway.port}/team/{name}/socket"
    with connect(address, ping_interval=None, open_timeout=20) as socket:
        lived = Elapsed()
        while lived() < 3 * LIMIT:
            socket.send("still here")
            assert socket.recv(timeout=20) == "still here"
            time.sleep(LIMIT / 6)
        silent = Elapsed()
        with pytest.raises(ConnectionClosed):
            socket.recv(timeout=20)
        assert silent() < LIMIT + TOLERANCE + CLOSING
