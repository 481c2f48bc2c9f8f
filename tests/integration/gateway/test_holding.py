"""With no replica, requests wait; each gets one answer."""

import http.client
import json
import socket
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress

from websockets.sync.client import connect

from tests.integration.gateway.replica import Replica, StartReplica
from tests.integration.gateway.running import EPOCH, Answer, RunningGateway, eventually, route

BODY = b"x" * 20_000


def _hold(
    gateway: RunningGateway,
    threads: ThreadPoolExecutor,
    name: str,
    path: str = "/echo",
    count: int = 1,
) -> list[Future[Answer]]:
    """Send requests that are held, and return once they are."""
    before = gateway.held(name)
    sent = [
        threads.submit(gateway.request, f"/team/{name}{path}", "POST", body=BODY)
        for _ in range(count)
    ]
    eventually(lambda: gateway.held(name) == before + count)
    return sent


def test_held_requests_are_answered_once_a_replica_is_there(
    gateway: RunningGateway, threads: ThreadPoolExecutor, replica: Replica, name: str
) -> None:
    gateway.client.put(route(name), EPOCH)
    held = _hold(gateway, threads, name, count=20)
    gateway.client.put(route(name, replica.endpoint), EPOCH)
    assert [each.result().json["size"] for each in held] == [len(BODY)] * 20
    assert replica.seen["/echo"] == 20
    assert gateway.held(name) == 0


def test_the_hold_returns_with_the_last_replica_gone(
    gateway: RunningGateway, threads: ThreadPoolExecutor, replica: Replica, name: str
) -> None:
    for _ in range(3):
        gateway.client.put(route(name, replica.endpoint), EPOCH)
        assert gateway.request(f"/team/{name}/echo").status == 200
        gateway.client.put(route(name), EPOCH)
        [held] = _hold(gateway, threads, name)
        gateway.client.put(route(name, replica.endpoint), EPOCH)
        assert held.result().status == 200


def test_held_requests_of_a_removed_workload_get_404(
    gateway: RunningGateway, threads: ThreadPoolExecutor, name: str
) -> None:
    gateway.client.put(route(name), EPOCH)
    [held] = _hold(gateway, threads, name)
    gateway.client.remove(f"id-{name}", EPOCH)
    assert held.result().status == 404
    assert held.result().json == {"code": 404, "message": "No workload is served at this address."}


def test_held_and_new_requests_get_503_with_the_reason_once_it_is_unavailable(
    gateway: RunningGateway, threads: ThreadPoolExecutor, replica: Replica, name: str
) -> None:
    reason = 'Exit "1" \\ %REQ(x)% 100% \n\t{"a": 1} über ' + "long " * 2000
    gateway.client.put(route(name), EPOCH)
    [held] = _hold(gateway, threads, name)
    gateway.client.put(route(name, unavailable=reason), EPOCH)
    for answer in (held.result(), gateway.request(f"/team/{name}/echo")):
        assert answer.status == 503
        assert answer.headers["content-type"] == "application/json"
        assert answer.json == {"code": 503, "message": reason}
    gateway.client.put(route(name, replica.endpoint), EPOCH)
    assert gateway.request(f"/team/{name}/echo").status == 200


def test_a_client_that_leaves_frees_its_place(
    gateway: RunningGateway, replica: Replica, name: str
) -> None:
    gateway.client.put(route(name), EPOCH)
    waiting = gateway.raw()
    waiting.sendall(f"GET /team/{name}/echo HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    eventually(lambda: gateway.held(name) == 1)
    waiting.close()
    eventually(lambda: gateway.held(name) == 0)
    gateway.client.put(route(name, replica.endpoint), EPOCH)
    assert gateway.request(f"/team/{name}/echo").status == 200
    assert replica.seen["/echo"] == 1


def test_a_held_websocket_opens_once_a_replica_is_there(
    gateway: RunningGateway, threads: ThreadPoolExecutor, replica: Replica, name: str
) -> None:
    gateway.client.put(route(name), EPOCH)
    address = f"ws://127.0.0.1:{gateway.port}/team/{name}/socket"

    def talk() -> str | bytes:
        with connect(address, open_timeout=20) as socket:
            socket.send("hello")
            return socket.recv(timeout=20)

    talking = threads.submit(talk)
    eventually(lambda: gateway.held(name) == 1)
    gateway.client.put(route(name, replica.endpoint), EPOCH)
    assert talking.result() == "hello"


def test_other_workloads_do_not_wait(
    gateway: RunningGateway, threads: ThreadPoolExecutor, replica: Replica, name: str
) -> None:
    gateway.client.put(route(name), EPOCH)
    gateway.client.put(route(f"{name}-other", replica.endpoint), EPOCH)
    [held] = _hold(gateway, threads, name)
    assert gateway.request(f"/team/{name}-other/echo").status == 200
    gateway.client.remove(f"id-{name}", EPOCH)
    assert held.result().status == 404


def test_a_request_never_fails_while_replicas_come_and_go(
    gateway: RunningGateway,
    threads: ThreadPoolExecutor,
    start_replica: StartReplica,
    name: str,
) -> None:
    replicas = [start_replica(f"replica-{number}") for number in range(2)]
    gateway.client.put(route(name, replicas[0].endpoint), EPOCH)
    finished = threading.Event()

    def keep_asking() -> set[int]:
        statuses = set()
        with gateway.connection() as connection:
            while not finished.is_set():
                connection.request("GET", f"/team/{name}/echo")
                response = connection.getresponse()
                response.read()
                statuses.add(response.status)
        return statuses

    asking = [threads.submit(keep_asking) for _ in range(4)]
    try:
        for number in range(60):
            gateway.client.put(route(name, replicas[number % 2].endpoint), EPOCH)
            gateway.client.put(route(name), EPOCH)
        gateway.client.put(route(name, replicas[0].endpoint), EPOCH)
    finally:
        finished.set()
    assert set().union(*(each.result() for each in asking)) == {200}


def test_where_no_replica_can_come_held_and_new_requests_get_the_reason_until_one_does(
    gateway: RunningGateway, threads: ThreadPoolExecutor, replica: Replica, name: str
) -> None:
    reason = 'No node has 9 GPUs: the largest has 8. "100%" %REQ(x)%'
    gateway.client.put(route(name), EPOCH)
    held = _hold(gateway, threads, name, count=3)
    gateway.client.put(route(name, no_replica_because=reason), EPOCH)
    answers = [*(each.result() for each in held), gateway.request(f"/team/{name}/echo")]
    assert [each.status for each in answers] == [503] * 4
    assert [each.json for each in answers] == [{"code": 503, "message": reason}] * 4
    traffic = gateway.client.traffic()[f"id-{name}"]
    assert (traffic.held, traffic.asked, traffic.released) == (0, 4, 0)

    gateway.client.put(route(name, replica.endpoint, no_replica_because=reason), EPOCH)
    assert gateway.request(f"/team/{name}/echo").status == 200
    gateway.client.put(route(name, no_replica_because=reason), EPOCH)
    assert gateway.request(f"/team/{name}/echo").status == 503
    gateway.client.put(route(name), EPOCH)
    [waiting] = _hold(gateway, threads, name)
    gateway.client.put(route(name, replica.endpoint), EPOCH)
    assert waiting.result().status == 200


def test_one_more_than_may_wait_is_told_to_come_again_and_who_leaves_makes_room(
    gateway: RunningGateway, threads: ThreadPoolExecutor, replica: Replica, name: str
) -> None:
    gateway.client.put(route(name, held_limit=3), EPOCH)
    leaving = gateway.raw()
    leaving.sendall(f"GET /team/{name}/echo HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    eventually(lambda: gateway.held(name) == 1)
    held = _hold(gateway, threads, name, count=2)
    for body in (None, BODY):
        refused = gateway.request(f"/team/{name}/echo", "POST", body=body)
        assert refused.status == 503
        assert refused.json == {
            "code": 503,
            "message": "No replica is ready, and 3 requests wait for one already.",
        }
        assert 1 <= int(refused.headers["retry-after"]) <= 5
    leaving.close()
    eventually(lambda: gateway.held(name) == 2)
    held += _hold(gateway, threads, name)
    gateway.client.put(route(name, replica.endpoint), EPOCH)
    assert [each.result().status for each in held] == [200] * 3
    assert replica.seen["/echo"] == 3


def test_a_body_that_is_too_large_to_be_tried_again_is_told_so(
    gateway: RunningGateway, replica: Replica, name: str
) -> None:
    gateway.client.put(route(name, replica.endpoint, concurrency_limit=1), EPOCH)
    replica.stop()
    path, host = gateway.target(f"/team/{name}/echo")
    head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\n"
    with socket.create_connection(("127.0.0.1", gateway.port)) as client:
        client.sendall(head.encode() + b"4E20\r\n" + b"x" * 20_000 + b"\r\n")
        # The first tries have failed by then.
        time.sleep(0.2)
        with suppress(ConnectionError):
            client.sendall(b"1E8480\r\n" + b"x" * 2_000_000)
        answer = http.client.HTTPResponse(client)
        answer.begin()
        assert answer.status == 503
        assert json.loads(answer.read())["message"] == "No replica could be reached."


def test_a_request_for_a_replica_that_just_died_is_answered_by_the_next(
    gateway: RunningGateway,
    threads: ThreadPoolExecutor,
    start_replica: StartReplica,
    name: str,
) -> None:
    died, following = start_replica("died"), start_replica("following")
    gateway.client.put(route(name, died.endpoint), EPOCH)
    assert gateway.request(f"/team/{name}/echo").status == 200
    died.stop()
    # Nobody knows yet: these find nobody at its address.
    early = [threads.submit(gateway.request, f"/team/{name}/echo") for _ in range(5)]
    time.sleep(0.2)
    # Known now; the next replica takes a while.
    gateway.client.put(route(name), EPOCH)
    late = [threads.submit(gateway.request, f"/team/{name}/echo") for _ in range(5)]
    eventually(lambda: gateway.client.status()["held"].get(f"id-{name}") == 5)
    time.sleep(1.5)
    assert not any(each.done() for each in early + late)
    gateway.client.put(route(name, following.endpoint), EPOCH)
    assert {each.result().status for each in early + late} == {200}
    assert following.seen["/echo"] == 10
