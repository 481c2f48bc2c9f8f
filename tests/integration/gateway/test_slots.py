"""Each replica of a limited workload has so many requests at once and never more, as it sees it
itself, whichever of Envoy's four workers they come by."""

import re
import socket
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

import pytest

from tests.integration.gateway.issuer import SIGNED_IN, Issuer, bearer, trust_in
from tests.integration.gateway.replica import Replica, StartReplica
from tests.integration.gateway.running import (
    DOMAIN,
    EPOCH,
    Answer,
    RunningGateway,
    eventually,
    route,
)
from windlass.gateway.gateway import Endpoint


@pytest.fixture
def replicas(start_replica: StartReplica) -> list[Replica]:
    """Five, whose requests to `/wait` wait."""
    return [start_replica(f"replica-{number}") for number in range(5)]


def _endpoints(replicas: Sequence[Replica]) -> list[Endpoint]:
    return [replica.endpoint for replica in replicas]


def _queue_up(
    gateway: RunningGateway,
    threads: ThreadPoolExecutor,
    name: str,
    count: int,
    path: str = "/stream?pieces=3&pause=0.01",
) -> list[Future[Answer]]:
    """Send requests one after the other, each marked with its number; return once they wait."""
    sent = []
    before = gateway.held(name)
    for number in range(count):
        sent.append(
            threads.submit(gateway.request, f"/team/{name}{path}", headers={"x-mark": str(number)})
        )
        eventually(lambda: gateway.held(name) == before + len(sent))
    return sent


def _is_busy(replica: Replica) -> bool:
    return replica.in_flight == 1


def _in_order(marks: Sequence[str]) -> bool:
    return list(marks) == sorted(marks, key=int)


def test_one_at_a_time_on_each_of_one_to_five_replicas_in_order_of_arrival(
    wide_gateway: RunningGateway,
    threads: ThreadPoolExecutor,
    replicas: list[Replica],
    name: str,
) -> None:
    gateway = wide_gateway
    gateway.client.put(route(name, replicas[0].endpoint, concurrency_limit=1), EPOCH)
    first = threads.submit(gateway.request, f"/team/{name}/wait", headers={"x-mark": "0"})
    eventually(lambda: replicas[0].in_flight == 1)
    sent = _queue_up(gateway, threads, name, 30, path="/wait")
    for number, replica in enumerate(replicas):
        some = _endpoints(replicas[: number + 1])
        gateway.client.put(route(name, *some, concurrency_limit=1), EPOCH)
        eventually(partial(_is_busy, replica))
    assert [replica.order for replica in replicas[1:]] == [["0"], ["1"], ["2"], ["3"]]
    for replica in replicas:
        replica.release()
    assert {each.result().status for each in (first, *sent)} == {200}
    assert [replica.peak for replica in replicas] == [1] * 5
    assert sum(replica.seen["/wait"] for replica in replicas) == 31
    assert all(_in_order(replica.order) for replica in replicas)
    assert gateway.held(name) == 0


@pytest.mark.parametrize("limit", [1, 3])
def test_at_zero_requests_wait_in_order_and_then_go_as_slots_are_there(
    wide_gateway: RunningGateway,
    threads: ThreadPoolExecutor,
    replicas: list[Replica],
    name: str,
    limit: int,
) -> None:
    gateway = wide_gateway
    gateway.client.put(route(name, concurrency_limit=limit), EPOCH)
    sent = _queue_up(gateway, threads, name, 30)
    gateway.client.put(route(name, replicas[0].endpoint, concurrency_limit=limit), EPOCH)
    eventually(lambda: replicas[0].seen["/stream"] > 2 * limit)
    gateway.client.put(route(name, *_endpoints(replicas), concurrency_limit=limit), EPOCH)
    assert {each.result().status for each in sent} == {200}
    assert replicas[0].peak == limit
    assert max(replica.peak for replica in replicas) == limit
    assert sum(replica.seen["/stream"] for replica in replicas) == 30
    assert all(replica.order for replica in replicas)
    if limit == 1:
        assert all(_in_order(replica.order) for replica in replicas)


def test_a_replica_that_leaves_finishes_what_it_has_and_those_who_wait_go_elsewhere(
    wide_gateway: RunningGateway,
    threads: ThreadPoolExecutor,
    replicas: list[Replica],
    name: str,
) -> None:
    gateway = wide_gateway
    leaving, staying = replicas[:2]
    gateway.client.put(route(name, leaving.endpoint, concurrency_limit=1), EPOCH)
    in_flight = threads.submit(gateway.request, f"/team/{name}/wait")
    eventually(lambda: leaving.in_flight == 1)
    sent = _queue_up(gateway, threads, name, 3)
    gateway.client.put(route(name, concurrency_limit=1), EPOCH)
    assert gateway.client.in_flight(f"id-{name}") == {leaving.name: 1}
    assert gateway.held(name) == 3
    gateway.client.put(route(name, staying.endpoint, concurrency_limit=1), EPOCH)
    assert {each.result().status for each in sent} == {200}
    assert staying.order == ["0", "1", "2"]
    leaving.release()
    assert in_flight.result().body == leaving.name.encode()
    eventually(lambda: gateway.client.in_flight(f"id-{name}") == {staying.name: 0})


def test_a_client_that_leaves_frees_its_place_and_its_slot(
    wide_gateway: RunningGateway,
    threads: ThreadPoolExecutor,
    replica: Replica,
    name: str,
) -> None:
    gateway = wide_gateway
    gateway.client.put(route(name, replica.endpoint, concurrency_limit=1), EPOCH)

    def ask(path: str) -> socket.socket:
        asking = gateway.raw()
        asking.sendall(f"GET /team/{name}{path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        return asking

    in_flight = ask("/wait")
    eventually(lambda: replica.in_flight == 1)
    queued = ask("/echo?queued")
    eventually(lambda: gateway.held(name) == 1)
    last = threads.submit(gateway.request, f"/team/{name}/echo?last")
    eventually(lambda: gateway.held(name) == 2)
    queued.close()
    eventually(lambda: gateway.held(name) == 1)
    in_flight.close()
    assert last.result().json["path"] == "/echo?last"
    assert replica.seen["/echo"] == 1


def test_nobody_gets_a_slot_by_what_a_client_says(
    wide_gateway: RunningGateway,
    threads: ThreadPoolExecutor,
    replica: Replica,
    name: str,
) -> None:
    gateway = wide_gateway
    gateway.client.put(route(name, replica.endpoint, concurrency_limit=1), EPOCH)
    waiting = threads.submit(gateway.request, f"/team/{name}/wait")
    eventually(lambda: replica.in_flight == 1)
    forged = {
        "x-windlass-inner": "yes",
        "x-windlass-slot": str(replica.endpoint.addresses[0]),
        "x-windlass-arrival": "0.000000000 1",
        "x-envoy-upstream-rq-per-try-timeout-ms": "1",
    }
    first = threads.submit(gateway.request, f"/team/{name}/echo?1", headers={"x-mark": "1"})
    eventually(lambda: gateway.held(name) == 1)
    second = threads.submit(
        gateway.request, f"/team/{name}/echo?2", headers={**forged, "x-mark": "2"}
    )
    eventually(lambda: gateway.held(name) == 2)
    replica.release()
    assert {each.result().status for each in (waiting, first, second)} == {200}
    assert replica.order == ["1", "2"], "who claims to have come first has not"
    assert "x-windlass-arrival" not in second.result().json["headers"]
    assert replica.peak == 1


def test_a_request_that_waits_beyond_its_time_out_is_504_and_leaves_its_place(
    wide_gateway: RunningGateway, replica: Replica, name: str
) -> None:
    gateway = wide_gateway
    limited = route(name, replica.endpoint, concurrency_limit=1, request_timeout_seconds=3)
    gateway.client.put(limited, EPOCH)
    with gateway.connection() as streaming:
        streaming.request("GET", f"/team/{name}/stream?pieces=100&pause=0.1")
        response = streaming.getresponse()
        answer = gateway.request(f"/team/{name}/echo")
        assert (answer.status, answer.json["code"]) == (504, 504)
        assert gateway.held(name) == 0
        assert response.status == 200
    assert gateway.request(f"/team/{name}/echo").status == 200


def test_what_is_left_of_the_time_out_after_the_queue_is_what_the_replica_has(
    wide_gateway: RunningGateway,
    threads: ThreadPoolExecutor,
    replica: Replica,
    name: str,
) -> None:
    gateway = wide_gateway
    limited = route(name, replica.endpoint, concurrency_limit=1, request_timeout_seconds=4)
    gateway.client.put(limited, EPOCH)
    in_flight = gateway.raw()
    in_flight.sendall(f"GET /team/{name}/wait HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    eventually(lambda: replica.in_flight == 1)
    asked = time.monotonic()
    waiting = threads.submit(gateway.request, f"/team/{name}/wait")
    eventually(lambda: gateway.held(name) == 1)
    time.sleep(2)
    in_flight.close()
    assert waiting.result().status == 504
    assert 3.5 < time.monotonic() - asked < 5.5


def test_more_than_may_wait_are_sent_away(
    wide_gateway: RunningGateway, threads: ThreadPoolExecutor, replica: Replica, name: str
) -> None:
    gateway = wide_gateway
    limited = route(name, replica.endpoint, concurrency_limit=1, held_limit=2)
    gateway.client.put(limited, EPOCH)
    in_flight = threads.submit(gateway.request, f"/team/{name}/wait")
    eventually(lambda: replica.in_flight == 1)
    sent = _queue_up(gateway, threads, name, 2)
    answer = gateway.request(f"/team/{name}/echo")
    assert (answer.status, answer.json["code"]) == (503, 503)
    assert int(answer.headers["retry-after"]) > 0
    replica.release()
    assert {each.result().status for each in (in_flight, *sent)} == {200}


def test_those_who_wait_are_told_when_it_is_certain_that_they_wait_in_vain(
    wide_gateway: RunningGateway, threads: ThreadPoolExecutor, name: str
) -> None:
    gateway = wide_gateway
    for change, status, message in (
        ({"no_replica_because": "No room."}, 503, "No room."),
        ({"unavailable": "It broke."}, 503, "It broke."),
        (None, 404, "No workload is served at this address."),
    ):
        gateway.client.put(route(name, concurrency_limit=1), EPOCH)
        [waiting] = _queue_up(gateway, threads, name, 1)
        if change is None:
            gateway.client.remove(f"id-{name}", EPOCH)
        else:
            gateway.client.put(route(name, concurrency_limit=1, **change), EPOCH)
        for answer in (waiting.result(), gateway.request(f"/team/{name}/echo")):
            assert answer.status == status
            assert answer.json == {"code": status, "message": message}


def test_a_limit_may_come_and_change_and_go_while_requests_are_in_flight(
    wide_gateway: RunningGateway,
    threads: ThreadPoolExecutor,
    start_replica: StartReplica,
    name: str,
) -> None:
    gateway = wide_gateway
    one, two = start_replica("one"), start_replica("two")
    gateway.client.put(route(name, one.endpoint), EPOCH)
    unlimited = [threads.submit(gateway.request, f"/team/{name}/wait") for _ in range(2)]
    eventually(lambda: one.in_flight == 2)

    gateway.client.put(route(name, one.endpoint, concurrency_limit=3), EPOCH)
    sent = [threads.submit(gateway.request, f"/team/{name}/wait") for _ in range(6)]
    eventually(lambda: gateway.held(name) == 5)
    # Requests that came before there was a limit count.
    eventually(lambda: one.in_flight == 3)

    gateway.client.put(route(name, one.endpoint, two.endpoint, concurrency_limit=2), EPOCH)
    eventually(lambda: two.in_flight == 2)
    assert (gateway.held(name), one.peak) == (3, 3)
    one.release()
    eventually(lambda: gateway.held(name) == 0)
    assert (one.peak, two.peak) == (3, 2)

    more = [threads.submit(gateway.request, f"/team/{name}/wait") for _ in range(3)]
    eventually(lambda: all(each.done() for each in more))
    gateway.client.put(route(name, two.endpoint, concurrency_limit=2), EPOCH)
    last = [threads.submit(gateway.request, f"/team/{name}/wait") for _ in range(4)]
    eventually(lambda: gateway.held(name) == 4)
    gateway.client.put(route(name, two.endpoint), EPOCH)
    eventually(lambda: two.in_flight == 6)
    two.release()
    assert {each.result().status for each in (*unlimited, *sent, *more, *last)} == {200}
    assert gateway.request(f"/team/{name}/echo").status == 200


def test_requests_held_at_zero_without_a_limit_need_a_slot_once_there_is_one(
    wide_gateway: RunningGateway, threads: ThreadPoolExecutor, replica: Replica, name: str
) -> None:
    gateway = wide_gateway
    gateway.client.put(route(name), EPOCH)
    sent = _queue_up(gateway, threads, name, 8)
    gateway.client.put(route(name, concurrency_limit=2), EPOCH)
    gateway.client.put(route(name, replica.endpoint, concurrency_limit=2), EPOCH)
    assert {each.result().status for each in sent} == {200}
    assert replica.peak == 2


def test_who_may_not_call_takes_neither_slot_nor_place(
    own_gateway: RunningGateway, threads: ThreadPoolExecutor, replica: Replica
) -> None:
    issuer = Issuer("key-1")
    closed = route("closed", replica.endpoint, callers=SIGNED_IN, concurrency_limit=1)
    own_gateway.client.replace_all([closed], trust_in(issuer), EPOCH)
    token = bearer(issuer.token())
    in_flight = threads.submit(own_gateway.request, "/team/closed/wait", headers=token)
    eventually(lambda: replica.in_flight == 1)
    assert own_gateway.request("/team/closed/echo").status == 401
    waiting = threads.submit(own_gateway.request, "/team/closed/echo", headers=token)
    eventually(lambda: own_gateway.held("closed") == 1)
    assert own_gateway.request("/team/closed/echo").status == 401
    assert own_gateway.held("closed") == 1
    replica.release()
    assert {each.result().status for each in (in_flight, waiting)} == {200}
    assert replica.seen == {"/wait": 1, "/echo": 1}


def test_replicas_come_and_go_under_load_and_none_ever_has_more_than_its_limit(
    wide_gateway: RunningGateway,
    threads: ThreadPoolExecutor,
    replicas: list[Replica],
    name: str,
) -> None:
    gateway = wide_gateway
    gateway.client.put(route(name, replicas[0].endpoint, concurrency_limit=2), EPOCH)
    finished = threading.Event()

    def keep_asking() -> set[int]:
        statuses = set()
        while not finished.is_set():
            statuses.add(gateway.request(f"/team/{name}/stream?pieces=2&pause=0.002").status)
        return statuses

    asking = [threads.submit(keep_asking) for _ in range(20)]
    try:
        for number in range(40):
            some = [replicas[(number + each) % 5] for each in range(number % 4)]
            gateway.client.put(route(name, *_endpoints(some), concurrency_limit=2), EPOCH)
        gateway.client.put(route(name, *_endpoints(replicas), concurrency_limit=2), EPOCH)
    finally:
        finished.set()
    assert set().union(*(each.result() for each in asking)) == {200}
    assert [replica.peak for replica in replicas] == [2] * 5
    eventually(lambda: set(gateway.client.in_flight(f"id-{name}").values()) == {0})


def test_headers_of_any_size_pass_and_reasons_of_any_length_arrive(
    wide_gateway: RunningGateway, replica: Replica, name: str
) -> None:
    gateway = wide_gateway
    gateway.client.put(route(name, replica.endpoint, concurrency_limit=1), EPOCH)
    many = {f"x-much-{number}": "m" * 4000 for number in range(12)}
    for _ in range(3):
        answer = gateway.request(f"/team/{name}/echo", headers=many)
        assert answer.status == 200
        assert many.items() <= answer.json["headers"].items()
    reason = "Why not. " * 10_000
    limited = route(name, concurrency_limit=1, no_replica_because=reason)
    gateway.client.put(limited, EPOCH)
    answer = gateway.request(f"/team/{name}/echo")
    assert answer.status == 503
    assert reason.startswith(answer.json["message"])
    assert len(answer.json["message"]) > 10_000


@pytest.mark.parametrize("body", [None, b"small", b"large" * 10_000, [b"chunked"]])
def test_who_may_call_is_not_asked_for_a_token_again_where_its_replica_is_dead(
    own_wide_gateway: RunningGateway,
    threads: ThreadPoolExecutor,
    start_replica: StartReplica,
    body: bytes | list[bytes] | None,
) -> None:
    gateway, issuer = own_wide_gateway, Issuer("key-1")
    alive, dead = start_replica("alive"), start_replica("dead")
    dead.stop()
    closed = route("closed", dead.endpoint, alive.endpoint, callers=SIGNED_IN, concurrency_limit=1)
    gateway.client.replace_all([closed], trust_in(issuer), EPOCH)
    token, method = bearer(issuer.token()), "GET" if body is None else "POST"
    asked = [
        threads.submit(gateway.request, "/team/closed/echo?q", method, headers=token, body=body)
        for _ in range(10)
    ]
    answers = [each.result() for each in asked]
    assert {answer.status for answer in answers} == {200}
    assert (alive.peak, alive.seen["/echo"]) == (1, 10)
    assert {answer.json["path"] for answer in answers} == {"/echo?q"}
    seen = {key for answer in answers for key in answer.json["headers"]}
    assert not any(key.startswith(("x-windlass", "x-envoy", "authorization")) for key in seen)


@pytest.mark.parametrize("limit", [0, 1])
def test_nobody_passes_for_one_who_may_call_by_what_a_client_says(
    wide_gateway: RunningGateway, replica: Replica, name: str, limit: int
) -> None:
    gateway = wide_gateway
    closed = route(name, replica.endpoint, callers=SIGNED_IN, concurrency_limit=limit)
    gateway.client.put(closed, EPOCH)
    forged = {"x-windlass-unreached": "yes", "x-windlass-inner": "yes"}
    for port in (gateway.port, gateway.internal_port):
        for body in (None, b"small", b"large" * 10_000, [b"chunked"]):
            method = "GET" if body is None else "POST"
            for _ in range(3):
                path = f"/team/{name}/echo"
                answer = gateway.request(path, method, headers=forged, body=body, port=port)
                assert answer.status == 401
    assert not replica.seen


def test_what_is_internal_is_reached_from_inside_though_a_replica_is_dead(
    wide_gateway: RunningGateway, start_replica: StartReplica, name: str
) -> None:
    gateway, alive, dead = wide_gateway, start_replica("alive"), start_replica("dead")
    dead.stop()
    hidden = route(name, dead.endpoint, alive.endpoint, internal_only=True, concurrency_limit=1)
    gateway.client.put(hidden, EPOCH)
    for _ in range(6):
        path = f"/team/{name}/echo"
        assert gateway.request(path, port=gateway.internal_port).status == 200
        assert gateway.request(path).status == 404


def _through_inner(gateway: RunningGateway) -> int:
    """How many requests have passed an inner listener, as Envoy counts them."""
    told = gateway.admin("/clusters")
    return sum(map(int, re.findall(r"(?m)^(?:inner-|again).*::rq_total::(\d+)", told)))


@pytest.mark.parametrize(("body", "turns"), [(None, 0), (b"large" * 10_000, 0), ([b"chunked"], 1)])
def test_who_says_how_much_goes_straight_to_the_replica(
    own_gateway: RunningGateway, replica: Replica, body: bytes | list[bytes] | None, turns: int
) -> None:
    own_gateway.client.put(route("one", replica.endpoint, concurrency_limit=1), EPOCH)
    method, host = "GET" if body is None else "POST", f"one-runai-team.{DOMAIN}"
    for _ in range(5):
        assert own_gateway.request("/echo", method, host, body=body).status == 200
    assert _through_inner(own_gateway) == 5 * turns
    for number in range(3):
        told = own_gateway.request(f"/team/one/echo?{number}", method, body=body).json
        assert told["path"] == f"/echo?{number}"
    assert _through_inner(own_gateway) == 8 * turns
    assert replica.peak == 1
