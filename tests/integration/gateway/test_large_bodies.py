"""Bodies that are larger than Envoy's buffers, where a replica lets no connection in: they reach
another, whole and once."""

import contextlib
import json
import random
import re
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256

import pytest

from tests.integration.gateway.replica import Replica, StartReplica
from tests.integration.gateway.running import DOMAIN, EPOCH, Answer, RunningGateway, route
from windlass.gateway.gateway import Endpoint

AT_ONCE = 8
LIMITS = [pytest.param(0, id="without a limit"), pytest.param(AT_ONCE, id="limited")]
BODIES = {size: random.Random(size).randbytes(size) for size in (300_000, 1_000_000, 5_000_000)}


def _upload(
    gateway: RunningGateway, name: str, size: int, mark: str, *, in_pieces: bool = False
) -> Answer:
    body = BODIES[size]
    pieces = (body[at : at + 50_000] for at in range(0, size, 50_000))
    return gateway.request(
        f"/team/{name}/swallow",
        "POST",
        headers={"x-mark": mark},
        body=pieces if in_pieces else body,
        seconds=60,
    )


def _is_whole(answer: Answer, size: int) -> bool:
    return bool(
        answer.status == 200 and answer.headers["x-digest"] == sha256(BODIES[size]).hexdigest()
    )


@pytest.mark.parametrize("size", BODIES)
@pytest.mark.parametrize(("limit", "in_pieces"), [(0, False), (0, True), (AT_ONCE, False)], ids=str)
def test_a_body_reaches_another_replica_whole_and_once(
    wide_gateway: RunningGateway,
    threads: ThreadPoolExecutor,
    start_replica: StartReplica,
    name: str,
    limit: int,
    in_pieces: bool,
    size: int,
) -> None:
    gateway = wide_gateway
    alive, dead = start_replica("alive"), start_replica("dead")
    dead.stop()
    gateway.client.put(route(name, dead.endpoint, alive.endpoint, concurrency_limit=limit), EPOCH)
    marks = [str(number) for number in range(5 * AT_ONCE)]
    sent = [
        threads.submit(_upload, gateway, name, size, mark, in_pieces=in_pieces) for mark in marks
    ]
    assert all(_is_whole(each.result(), size) for each in sent)
    assert alive.marks == dict.fromkeys(marks, 1)


@pytest.mark.parametrize("limit", LIMITS)
def test_where_most_replicas_are_dead_a_body_reaches_the_one_that_is_not(
    wide_gateway: RunningGateway,
    threads: ThreadPoolExecutor,
    start_replica: StartReplica,
    name: str,
    limit: int,
) -> None:
    gateway, size = wide_gateway, 1_000_000
    alive, *dead = [start_replica(f"replica-{number}") for number in range(4)]
    for each in dead:
        each.stop()
    endpoints = [replica.endpoint for replica in (alive, *dead)]
    gateway.client.put(route(name, *endpoints, concurrency_limit=limit), EPOCH)
    sent = [threads.submit(_upload, gateway, name, size, str(mark)) for mark in range(2 * AT_ONCE)]
    assert all(_is_whole(each.result(), size) for each in sent)
    assert alive.seen["/swallow"] == len(sent)


@pytest.mark.parametrize("limit", LIMITS)
def test_a_body_that_reached_its_replica_is_not_sent_again(
    wide_gateway: RunningGateway, replica: Replica, name: str, limit: int
) -> None:
    gateway = wide_gateway
    gateway.client.put(route(name, replica.endpoint, concurrency_limit=limit), EPOCH)
    for mark, size in enumerate(BODIES):
        answer = gateway.request(
            f"/team/{name}/cut", "POST", headers={"x-mark": str(mark)}, body=BODIES[size]
        )
        assert answer.status == 503
        assert replica.marks[str(mark)] == 1


class Full:
    """Listens, and lets nobody in until somebody is taken out of its queue."""

    def __init__(self, stack: contextlib.ExitStack) -> None:
        self._listening = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        self._listening.settimeout(30)
        self._first = [stack.enter_context(socket.socket()) for _ in range(2)]
        for each in self._first:
            each.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                each.connect(self._listening.getsockname())

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint("full", *self._listening.getsockname())

    def next(self) -> socket.socket:
        """Let in whoever comes after those that fill it."""
        first = [each.getsockname() for each in self._first]
        while True:
            connection, address = self._listening.accept()
            connection.settimeout(30)
            if address not in first:
                return connection
            connection.close()


@pytest.fixture
def full() -> Iterator[Full]:
    """Until the end of the test."""
    with contextlib.ExitStack() as stack:
        yield Full(stack)


@pytest.mark.parametrize("limit", LIMITS)
def test_until_a_replica_lets_it_in_a_body_waits_with_its_client(
    own_gateway: RunningGateway, full: Full, limit: int
) -> None:
    gateway, count = own_gateway, 20
    gateway.client.put(route("slow", full.endpoint, concurrency_limit=limit and count), EPOCH)
    before = _allocated(gateway)
    with contextlib.ExitStack() as stack:
        for _ in range(count):
            _send_as_much_as_is_taken(stack.enter_context(gateway.raw()))
        assert (_allocated(gateway) - before) / count < 2_500_000


def test_between_two_tries_too_a_body_waits_with_its_client(
    own_gateway: RunningGateway, threads: ThreadPoolExecutor, start_replica: StartReplica
) -> None:
    gateway, count, size = own_gateway, 20, 5_000_000
    alive, dead = start_replica("alive"), start_replica("dead")
    dead.stop()
    gateway.client.put(route("slow", dead.endpoint), EPOCH)
    before = _allocated(gateway)
    with contextlib.ExitStack() as stack:
        for _ in range(count):
            _send_as_much_as_is_taken(stack.enter_context(gateway.raw()))
        assert (_allocated(gateway) - before) / count < 5_000_000
    sent = [threads.submit(_upload, gateway, "slow", size, str(mark)) for mark in range(AT_ONCE)]
    time.sleep(0.5)
    gateway.client.put(route("slow", dead.endpoint, alive.endpoint), EPOCH)
    assert all(_is_whole(each.result(), size) for each in sent)


def _send_as_much_as_is_taken(to: socket.socket) -> None:
    head = f"POST /swallow HTTP/1.1\r\nHost: slow-runai-team.{DOMAIN}\r\n"
    to.sendall(head.encode() + b"content-length: 100000000\r\n\r\n")
    to.settimeout(0.1)
    with contextlib.suppress(TimeoutError):
        while True:
            to.send(BODIES[5_000_000])


def _allocated(gateway: RunningGateway) -> int:
    allocated = json.loads(gateway.admin("/memory"))["allocated"]
    return int(allocated)


@pytest.mark.parametrize("limit", LIMITS)
def test_a_body_that_had_to_wait_goes_on_whole(
    gateway: RunningGateway,
    threads: ThreadPoolExecutor,
    full: Full,
    name: str,
    limit: int,
) -> None:
    size = 5_000_000
    gateway.client.put(route(name, full.endpoint, concurrency_limit=limit), EPOCH)
    sent = threads.submit(_upload, gateway, name, size, "late")
    time.sleep(0.3)
    assert not sent.done()
    received = threads.submit(_receive_upload, full)
    assert sent.result().status == 200
    assert received.result() == sha256(BODIES[size]).hexdigest()


def _receive_upload(full: Full) -> str:
    """Answer whoever is let in; what was in the body."""
    with full.next() as connection:
        received = b""
        while b"\r\n\r\n" not in received:
            received += _more(connection)
        head, _, body = received.partition(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head)
        assert length is not None
        while len(body) < int(length[1]):
            body += _more(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        return sha256(body).hexdigest()


def _more(connection: socket.socket) -> bytes:
    received = connection.recv(1_000_000)
    assert received, "it ended before its body did"
    return received
