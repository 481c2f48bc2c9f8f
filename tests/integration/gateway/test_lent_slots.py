"""Slots that Envoy hands out itself: the limit is as exact as where the gate is asked for each, and
who waits goes in order of arrival."""

import select
import socket
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

import pytest

from tests.integration.gateway.replica import Replica, StartReplica
from tests.integration.gateway.running import (
    DOMAIN,
    EPOCH,
    Answer,
    RunningGateway,
    eventually,
    route,
)

LIMIT = 2


@pytest.fixture
def replicas(start_replica: StartReplica) -> list[Replica]:
    """Three."""
    return [start_replica(f"replica-{number}") for number in range(3)]


def _lend(gateway: RunningGateway, name: str, limit: int, replicas: Sequence[Replica]) -> None:
    """Return once every slot is lent."""
    endpoints = [replica.endpoint for replica in replicas]
    gateway.client.put(route(name, *endpoints, concurrency_limit=limit), EPOCH)
    assert gateway.request(f"/team/{name}/echo").status == 200
    eventually(_is_lent(gateway, name, limit * len(replicas)))


def _is_lent(gateway: RunningGateway, name: str, count: int) -> Callable[[], bool]:
    return lambda: gateway.client.status()["lent"].get(f"id-{name}", 0) == count


def _asked(gateway: RunningGateway) -> int:
    """How often the gate has been asked for a slot."""
    return int(gateway.admin("/stats?filter=gate-slots.upstream_rq_total").split()[-1])


def _begin(
    gateway: RunningGateway, threads: ThreadPoolExecutor, name: str, mark: int
) -> Future[Answer]:
    marked = {"x-mark": str(mark)}
    return threads.submit(gateway.request, f"/team/{name}/wait", headers=marked, seconds=60)


def _begin_upload(to: socket.socket, name: str) -> None:
    head = f"POST /swallow HTTP/1.1\r\nHost: {name}-runai-team.{DOMAIN}\r\n"
    to.sendall(head.encode() + b"content-length: 1000000\r\n\r\nless")


def _answer_while_sending(to: socket.socket) -> bytes:
    """Never silent: silence would be ended otherwise."""
    for _ in range(100):
        if select.select([to], [], [], 0.1)[0]:
            return to.recv(65536)
        to.sendall(b"more")
    raise TimeoutError("no answer")


@pytest.mark.parametrize("body", [None, b"small", b"large" * 100_000])
def test_while_there_is_room_the_gate_is_not_asked(
    wide_gateway: RunningGateway, replica: Replica, name: str, body: bytes | None
) -> None:
    _lend(wide_gateway, name, LIMIT, [replica])
    before = _asked(wide_gateway)
    for _ in range(10):
        answer = wide_gateway.request(f"/team/{name}/echo", "POST" if body else "GET", body=body)
        assert answer.json["size"] == len(body or b"")
        assert not any(key.startswith("x-windlass") for key in answer.json["headers"])
    assert _asked(wide_gateway) == before
    assert wide_gateway.client.in_flight(f"id-{name}") == {replica.name: 0}


def test_without_a_gate_there_is_room_as_before(
    own_wide_gateway: RunningGateway, threads: ThreadPoolExecutor, replica: Replica
) -> None:
    gateway = own_wide_gateway
    _lend(gateway, "limited", LIMIT, [replica])
    gateway.kill_gate()
    gateway.client.close()
    for _ in range(20):
        assert gateway.request("/team/limited/echo").status == 200
    sent = [_begin(gateway, threads, "limited", mark) for mark in range(LIMIT)]
    eventually(lambda: replica.in_flight == LIMIT)
    # There is no room for these until the next gate knows what is in flight.
    sent += [_begin(gateway, threads, "limited", mark) for mark in range(10)]
    time.sleep(0.3)
    gateway.start_gate()
    eventually(lambda: gateway.held("limited") == 10)
    time.sleep(0.3)
    assert replica.in_flight == LIMIT
    replica.release()
    assert {each.result().status for each in sent} == {200}
    assert replica.peak == LIMIT


@pytest.mark.parametrize("limit", [1, 3])
def test_a_crowd_that_comes_at_once_is_never_more_than_there_is_room_for(
    wide_gateway: RunningGateway,
    threads: ThreadPoolExecutor,
    replicas: list[Replica],
    name: str,
    limit: int,
) -> None:
    gateway = wide_gateway
    _lend(gateway, name, limit, replicas)
    body = b"large" * 10_000

    def ask(number: int) -> Answer:
        path = f"/team/{name}/stream?pieces=2&pause=0.002"
        return gateway.request(path, "POST", body=body) if number % 3 else gateway.request(path)

    sent = [threads.submit(ask, number) for number in range(400)]
    assert {each.result().status for each in sent} == {200}
    assert [replica.peak for replica in replicas] == [limit] * 3
    assert sum(replica.seen["/stream"] for replica in replicas) == 400
    assert gateway.held(name) == 0


def test_who_comes_when_all_is_taken_waits_in_order_for_whichever_is_free_first(
    wide_gateway: RunningGateway,
    threads: ThreadPoolExecutor,
    replicas: list[Replica],
    name: str,
) -> None:
    gateway = wide_gateway
    _lend(gateway, name, 1, replicas[:2])
    sent = []
    for mark in range(2):
        sent.append(_begin(gateway, threads, name, mark))
        eventually(lambda: sum(each.in_flight for each in replicas) == len(sent))
    for mark in range(2, 8):
        sent.append(_begin(gateway, threads, name, mark))
        eventually(lambda: gateway.held(name) == len(sent) - 2)
    replicas[1].release()
    eventually(lambda: gateway.held(name) == 0)
    assert len(replicas[1].order) == 7
    assert [int(mark) for mark in replicas[1].order[1:]] == [2, 3, 4, 5, 6, 7]
    replicas[0].release()
    assert {each.result().status for each in sent} == {200}
    assert [each.peak for each in replicas[:2]] == [1, 1]


def test_a_replica_that_is_added_takes_who_waits_and_who_comes(
    wide_gateway: RunningGateway,
    threads: ThreadPoolExecutor,
    replicas: list[Replica],
    name: str,
) -> None:
    gateway = wide_gateway
    _lend(gateway, name, 1, replicas[:1])
    sent = [_begin(gateway, threads, name, 0)]
    eventually(lambda: replicas[0].in_flight == 1)
    endpoints = [replica.endpoint for replica in replicas]
    gateway.client.put(route(name, *endpoints[:2], concurrency_limit=1), EPOCH)
    sent.append(_begin(gateway, threads, name, 1))
    eventually(lambda: replicas[1].in_flight == 1)
    sent.append(_begin(gateway, threads, name, 2))
    eventually(lambda: gateway.held(name) == 1)
    gateway.client.put(route(name, *endpoints, concurrency_limit=1), EPOCH)
    eventually(lambda: replicas[2].in_flight == 1)
    for replica in replicas:
        replica.release()
    assert {each.result().status for each in sent} == {200}
    assert [each.peak for each in replicas] == [1] * 3


def test_a_replica_that_leaves_gets_nothing_new_and_finishes_what_it_has(
    wide_gateway: RunningGateway,
    threads: ThreadPoolExecutor,
    replicas: list[Replica],
    name: str,
) -> None:
    gateway = wide_gateway
    leaves, stays = replicas[:2]
    _lend(gateway, name, LIMIT, [leaves, stays])
    sent = [_begin(gateway, threads, name, mark) for mark in range(2)]
    eventually(lambda: (leaves.in_flight, stays.in_flight) == (1, 1))
    gateway.client.put(route(name, stays.endpoint, concurrency_limit=LIMIT), EPOCH)
    assert gateway.client.in_flight(f"id-{name}") == {leaves.name: 1, stays.name: 1}
    before = leaves.seen.total()
    sent.append(_begin(gateway, threads, name, 2))
    eventually(lambda: stays.in_flight == LIMIT)
    sent += [_begin(gateway, threads, name, mark) for mark in range(3, 10)]
    eventually(lambda: gateway.held(name) == 7)
    stays.release()
    assert {each.result().body for each in sent[2:]} == {stays.name.encode()}
    assert (leaves.seen.total(), leaves.in_flight) == (before, 1)
    leaves.release()
    assert {each.result().status for each in sent[:2]} == {200}
    assert stays.peak == LIMIT
    eventually(lambda: gateway.client.in_flight(f"id-{name}") == {stays.name: 0})


def test_a_lower_limit_counts_from_then_on(
    wide_gateway: RunningGateway,
    threads: ThreadPoolExecutor,
    replica: Replica,
    name: str,
) -> None:
    gateway = wide_gateway
    _lend(gateway, name, 4, [replica])
    sent = [_begin(gateway, threads, name, mark) for mark in range(3)]
    eventually(lambda: replica.in_flight == 3)
    gateway.client.put(route(name, replica.endpoint, concurrency_limit=1), EPOCH)
    sent += [_begin(gateway, threads, name, mark) for mark in range(3, 6)]
    eventually(lambda: gateway.held(name) == 3)
    time.sleep(0.3)
    assert replica.in_flight == 3
    replica.release()
    assert {each.result().status for each in sent} == {200}
    assert replica.peak == 3


def test_a_replica_that_is_dead_costs_no_request(
    wide_gateway: RunningGateway,
    threads: ThreadPoolExecutor,
    replicas: list[Replica],
    name: str,
) -> None:
    gateway = wide_gateway
    dies, *live = replicas
    _lend(gateway, name, LIMIT, replicas)
    dies.stop()
    path = f"/team/{name}/echo"
    sent = [
        threads.submit(gateway.request, path, "POST", body=b"x" * size)
        for size in [10, 100_000] * 20
    ]
    assert {each.result().status for each in sent} == {200}
    assert max(each.peak for each in live) <= LIMIT
    assert sum(each.seen["/echo"] for each in live) >= len(sent)


def test_slots_are_free_again_once_envoy_is_gone(
    own_wide_gateway: RunningGateway, replica: Replica
) -> None:
    gateway = own_wide_gateway
    _lend(gateway, "limited", 1, [replica])
    with gateway.raw() as asking:
        asking.sendall(b"GET /team/limited/wait HTTP/1.1\r\nHost: a\r\n\r\n")
        eventually(lambda: replica.in_flight == 1)
        gateway.kill_envoy()
    eventually(lambda: replica.in_flight == 0)
    gateway.start_envoy()
    gateway.wait_until_listening()
    for _ in range(3):
        assert gateway.request("/team/limited/echo").status == 200


@pytest.mark.parametrize("ends", ["closed", "reset"])
def test_a_client_that_leaves_frees_its_slot(
    wide_gateway: RunningGateway, replica: Replica, name: str, ends: str
) -> None:
    gateway = wide_gateway
    _lend(gateway, name, 1, [replica])
    before = _asked(gateway)
    for _ in range(5):
        with gateway.raw() as asking:
            if ends == "reset":
                asking.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            asking.sendall(f"GET /team/{name}/wait HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            eventually(lambda: replica.in_flight == 1)
        eventually(lambda: replica.in_flight == 0)
        # Envoy has heard of it, since the replica has.
        assert gateway.request(f"/team/{name}/echo").status == 200
    assert _asked(gateway) == before


def test_an_upload_without_an_answer_ends_with_its_time_out_whatever_ends_later(
    wide_gateway: RunningGateway, replica: Replica, name: str
) -> None:
    gateway = wide_gateway
    seconds = 1.0
    limited = partial(route, name, replica.endpoint, concurrency_limit=1)
    gateway.client.put(limited(request_timeout_seconds=seconds), EPOCH)
    assert gateway.request(f"/team/{name}/echo").status == 200
    eventually(_is_lent(gateway, name, 1))
    later = f"{name}-later"
    _lend(gateway, later, 1, [replica])
    before = _asked(gateway)
    with gateway.raw() as waits, gateway.raw() as asking:
        _begin_upload(waits, later)
        eventually(lambda: gateway.client.in_flight(f"id-{later}") == {replica.name: 1})
        began = time.monotonic()
        _begin_upload(asking, name)
        answer = _answer_while_sending(asking)
    assert answer.startswith(b"HTTP/1.1 504 ")
    assert b"The request was not answered within its time-out." in answer
    assert seconds - 0.02 <= time.monotonic() - began < seconds + 1
    # One that was answered in time is not ended by it.
    body = b"x" * 1_000_000
    answer_in_time = gateway.request(f"/team/{name}/stream?pieces=15&pause=0.1", "POST", body=body)
    assert answer_in_time.body.count(b"piece") == 15
    assert _asked(gateway) == before


def test_slots_that_are_never_free_are_lent_as_requests_end(
    wide_gateway: RunningGateway, threads: ThreadPoolExecutor, replica: Replica, name: str
) -> None:
    gateway = wide_gateway
    gateway.client.put(route(name, replica.endpoint, concurrency_limit=1), EPOCH)
    ended = time.monotonic() + 20

    def keep_asking() -> int:
        count = 0
        with gateway.connection() as connection:
            while time.monotonic() < ended and not _is_lent(gateway, name, 1)():
                for _ in range(50):
                    host = f"{name}-runai-team.{DOMAIN}"
                    connection.request("GET", "/echo", headers={"Host": host})
                    assert connection.getresponse().read()
                    count += 1
        return count

    assert threads.submit(keep_asking).result() > 0
    assert _is_lent(gateway, name, 1)()
    assert replica.peak == 1
