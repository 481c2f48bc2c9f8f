"""A slot is free again once its request has ended, in whichever way it does."""

import contextlib
import random
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.integration.gateway.running import EPOCH, RunningGateway, eventually, route
from windlass.gateway.gateway import Endpoint

REQUESTS = 3000
CLIENTS = 12
LIMIT = 2
TIME_OUT = 1.0


class UnrulyReplica:
    """Ends each request in the way its path asks for, and counts what it has.

    A connection whose answer says nothing of its end stays open: Envoy may use it again.
    """

    def __init__(self, name: str) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.endpoint = Endpoint(name, "127.0.0.1", self._listening.getsockname()[1])
        self.seen: Counter[str] = Counter()
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self) -> None:
        """Listen no more."""
        self._listening.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            connection.settimeout(30)
            way = next(iter(LASTING))
            while way in LASTING:
                head = b""
                while b"\r\n\r\n" not in head:
                    piece = connection.recv(65536)
                    if not piece:
                        return
                    head += piece
                way = head.split(b" ", 2)[1].decode().strip("/")
                self.seen[way] += 1
                getattr(self, f"_{way}")(connection)

    def _answer(self, connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")

    def _chunks(self, connection: socket.socket) -> None:
        head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-end\r\n\r\n"
        connection.sendall(head + b"2\r\nok\r\n")
        connection.sendall(b"0\r\nx-end: yes\r\n\r\n")

    def _to_the_end(self, connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nok")

    def _nothing(self, connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

    def _hints(self, connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n")
        self._answer(connection)

    def _head(self, connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n")

    def _early(self, connection: socket.socket) -> None:
        """Answers before it has read the body."""
        connection.sendall(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok")
        connection.recv(1)

    def _cut(self, connection: socket.socket) -> None:
        pass

    def _reset(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def _cut_body(self, connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nless")

    def _garbage(self, connection: socket.socket) -> None:
        connection.sendall(b"this is not HTTP\r\n\r\n")

    def _unreached(self, connection: socket.socket) -> None:
        """Says what only the gateway may say of it."""
        connection.sendall(
            b"HTTP/1.1 503 Service Unavailable\r\nx-windlass-unreached: yes\r\n"
            b"connection: close\r\ncontent-length: 0\r\n\r\n"
        )

    def _silence(self, connection: socket.socket) -> None:
        """Says nothing until the other side has had enough."""
        connection.recv(1)

    def _silence_in_body(self, connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nless")
        connection.recv(1)

    def _upgrade(self, connection: socket.socket) -> None:
        connection.sendall(
            b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n"
        )
        connection.sendall(connection.recv(100))

    def _no_upgrade(self, connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n")


UPGRADE = b"connection: upgrade\r\nupgrade: websocket\r\n"
LARGE = b"content-length: 200000\r\n"
WAYS: dict[str, tuple[str, bytes]] = {
    "answer": ("GET", b""),
    "chunks": ("GET", b""),
    "to_the_end": ("GET", b""),
    "nothing": ("DELETE", b""),
    "hints": ("GET", b""),
    "head": ("HEAD", b""),
    "early": ("POST", LARGE),
    "cut": ("GET", b""),
    "reset": ("GET", b""),
    "cut_body": ("GET", b""),
    "garbage": ("GET", b""),
    "silence": ("GET", b""),
    "silence_in_body": ("GET", b""),
    "upgrade": ("GET", UPGRADE),
    "no_upgrade": ("GET", UPGRADE),
}
SLOW = {"silence", "silence_in_body"}
LASTING = {"answer", "chunks", "nothing", "hints", "head", "no_upgrade"}
"""Ways after which the connection waits for another request."""


@pytest.fixture
def unruly() -> Iterator[UnrulyReplica]:
    """One replica that does as it is told."""
    replica = UnrulyReplica("unruly")
    yield replica
    replica.stop()


def _ask(gateway: RunningGateway, name: str, way: str) -> socket.socket:
    method, headers = WAYS[way]
    path, host = gateway.target(f"/team/{name}/{way}")
    asking = gateway.raw(seconds=30)
    asking.sendall(f"{method} {path} HTTP/1.1\r\nHost: {host}\r\n".encode() + headers)
    asking.sendall(b"\r\n" + (b"x" * 200_000 if headers == LARGE else b""))
    if headers == UPGRADE:
        asking.sendall(b"hello")
    return asking


def _end(asking: socket.socket, how: str) -> None:
    with contextlib.suppress(OSError), asking:
        if how == "at once":
            return
        if how == "reset":
            asking.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return
        asking.recv(1)
        if how == "first byte":
            return
        asking.settimeout(0.2 if how == "a while" else 10)
        while asking.recv(65536):
            pass


def _free(gateway: RunningGateway, name: str, count: int) -> Callable[[], bool]:
    """Whether all slots are: as the gate sees it, and in that a request in each is answered."""
    return lambda: gateway.client.in_flight(f"id-{name}") == {"unruly": count}


@pytest.mark.parametrize("way", WAYS)
def test_however_a_request_ends_its_slot_is_free(
    wide_gateway: RunningGateway, unruly: UnrulyReplica, name: str, way: str
) -> None:
    gateway = wide_gateway
    limited = route(
        name, unruly.endpoint, concurrency_limit=1, request_timeout_seconds=TIME_OUT * 20
    )
    gateway.client.put(limited, EPOCH)
    ends = ("at once", "reset", "first byte", "a while")
    for how in ends if way not in SLOW else ("at once", "reset"):
        seen = unruly.seen[way]
        asking = _ask(gateway, name, way)
        eventually(lambda seen=seen: unruly.seen[way] > seen)  # type: ignore[misc]
        _end(asking, how)
        began = time.monotonic()
        assert gateway.request(f"/team/{name}/answer").body == b"ok"
        assert time.monotonic() - began < TIME_OUT * 20
    eventually(_free(gateway, name, 0))


def test_thousands_of_requests_that_end_at_random_leave_every_slot_free(
    wide_gateway: RunningGateway, unruly: UnrulyReplica, name: str
) -> None:
    gateway = wide_gateway
    limited = route(
        name, unruly.endpoint, concurrency_limit=LIMIT, request_timeout_seconds=TIME_OUT
    )
    gateway.client.put(limited, EPOCH)

    def be_unruly(seed: int) -> None:
        chance = random.Random(seed)
        fast = [way for way in WAYS if way not in SLOW]
        for _ in range(REQUESTS // CLIENTS):
            way = chance.choice(sorted(SLOW) if chance.random() < 0.01 else fast)
            asking = _ask(gateway, name, way)
            if chance.random() < 0.3:
                time.sleep(chance.random() * 0.01)
            _end(asking, chance.choice(["at once", "reset", "first byte", "a while"]))

    with ThreadPoolExecutor(CLIENTS) as threads:
        for each in [threads.submit(be_unruly, seed) for seed in range(CLIENTS)]:
            each.result()
    assert set(unruly.seen) == set(WAYS)
    eventually(lambda: gateway.held(name) == 0, seconds=30)
    eventually(_free(gateway, name, 0), seconds=30)
    with ThreadPoolExecutor(LIMIT) as threads:
        for _ in range(10):
            asked = [threads.submit(gateway.request, f"/team/{name}/answer") for _ in range(LIMIT)]
            assert {each.result().body for each in asked} == {b"ok"}


def test_a_replica_cannot_have_its_requests_sent_again_by_what_it_says(
    wide_gateway: RunningGateway, unruly: UnrulyReplica, name: str
) -> None:
    gateway = wide_gateway
    gateway.client.put(route(name, unruly.endpoint, concurrency_limit=1), EPOCH)
    answer = gateway.request(f"/team/{name}/unreached", "POST", body=b"once")
    assert answer.status == 503
    assert "x-windlass-unreached" not in answer.headers
    assert unruly.seen["unreached"] == 1
