"""The gate and Envoy may die while every replica is busy and requests wait for slots."""

import itertools
import signal
import socket
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from websockets.sync.client import connect

from tests.integration.gateway.replica import Replica, StartReplica
from tests.integration.gateway.running import EPOCH, RunningGateway, eventually, route
from windlass.gateway.client import GateClient

WAITING = 40


def _is_busy(replica: Replica) -> bool:
    return replica.in_flight == 1


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_gate_fails_nothing_in_flight_and_lets_none_past_the_limit(
    own_wide_gateway: RunningGateway,
    threads: ThreadPoolExecutor,
    start_replica: StartReplica,
    number: signal.Signals,
) -> None:
    gateway = own_wide_gateway
    replicas = [start_replica(f"replica-{each}") for each in range(6)]
    endpoints = [replica.endpoint for replica in replicas]
    gateway.client.put(route("limited", *endpoints[:5], concurrency_limit=1), EPOCH)

    def ask(mark: int) -> int:
        marked = {"x-mark": str(mark)}
        return gateway.request("/team/limited/wait", headers=marked, seconds=60).status

    sent = []
    for mark in range(5 + WAITING):
        sent.append(threads.submit(ask, mark))
        if mark < 5:
            eventually(lambda: sum(map(_is_busy, replicas)) == len(sent))
        else:
            eventually(lambda: gateway.held("limited") == len(sent) - 5)
    gateway.kill_gate(number)
    gateway.client.close()
    gateway.start_gate()
    eventually(lambda: gateway.held("limited") == WAITING)
    # The sixth is new to the second gate, so it is the first that takes one of those that wait.
    gateway.client.put(route("limited", *endpoints, concurrency_limit=1), EPOCH)
    eventually(partial(_is_busy, replicas[5]))
    assert [replica.in_flight for replica in replicas] == [1] * 6
    for replica in replicas:
        replica.release()
    assert Counter(each.result() for each in sent) == {200: 5 + WAITING}
    assert [replica.peak for replica in replicas] == [1] * 6
    assert replicas[5].order[0] == "5", "those who wait keep their order"
    seen = Counter(mark for replica in replicas for mark in replica.order)
    assert seen == {str(mark): 1 for mark in range(5 + WAITING)}
    eventually(lambda: gateway.held("limited") == 0)


def test_while_there_is_no_gate_requests_in_flight_end_and_new_ones_wait(
    own_wide_gateway: RunningGateway, threads: ThreadPoolExecutor, replica: Replica
) -> None:
    gateway = own_wide_gateway
    gateway.client.put(route("limited", replica.endpoint, concurrency_limit=1), EPOCH)
    address = f"ws://127.0.0.1:{gateway.port}/team/limited/socket"
    with connect(address, open_timeout=20) as socket:
        gateway.kill_gate()
        gateway.client.close()
        waiting = threads.submit(gateway.request, "/team/limited/echo")
        for _ in range(20):
            socket.send("still here")
            assert socket.recv(timeout=20) == "still here"
        gateway.start_gate()
        eventually(lambda: gateway.held("limited") == 1)
        socket.send("and after")
        assert socket.recv(timeout=20) == "and after"
        assert (replica.in_flight, gateway.held("limited")) == (1, 1)
    assert waiting.result().status == 200
    assert replica.peak == 1


def test_a_gate_killed_again_and_again_under_load_costs_no_request(
    own_wide_gateway: RunningGateway,
    threads: ThreadPoolExecutor,
    start_replica: StartReplica,
) -> None:
    gateway = own_wide_gateway
    replicas = [start_replica(f"replica-{each}") for each in range(3)]
    endpoints = [replica.endpoint for replica in replicas]
    gateway.client.put(route("limited", *endpoints, concurrency_limit=2), EPOCH)
    finished = threading.Event()
    answered = Counter[int]()

    def keep_asking() -> None:
        for body in itertools.cycle((None, b"large" * 10_000)):
            if finished.is_set():
                return
            path, method = "/team/limited/stream?pieces=2&pause=0.002", "POST" if body else "GET"
            answered[gateway.request(path, method, body=body, seconds=60).status] += 1

    asking = [threads.submit(keep_asking) for _ in range(16)]
    try:
        for _ in range(6):
            target = answered.total() + 100
            eventually(partial(lambda wanted: answered.total() >= wanted, target))
            gateway.kill_gate()
            gateway.start_gate()
    finally:
        finished.set()
    for each in asking:
        each.result()
    assert set(answered) == {200}
    assert [replica.peak for replica in replicas] == [2] * 3


def test_slots_are_free_again_once_envoy_is_gone(
    own_wide_gateway: RunningGateway, replica: Replica
) -> None:
    gateway = own_wide_gateway
    gateway.client.put(route("limited", replica.endpoint, concurrency_limit=1), EPOCH)
    sockets: list[socket.socket] = []
    for _ in range(3):
        sockets.append(gateway.raw())
        sockets[-1].sendall(b"GET /team/limited/wait HTTP/1.1\r\nHost: a\r\n\r\n")
    eventually(lambda: replica.in_flight == 1 and gateway.held("limited") == 2)
    gateway.kill_envoy()
    eventually(lambda: gateway.held("limited") == 0)
    gateway.start_envoy()
    gateway.wait_until_listening()
    eventually(lambda: replica.in_flight == 0)
    assert gateway.request("/team/limited/echo").status == 200
    for each in sockets:
        each.close()


def test_a_gate_that_comes_back_with_a_new_envoy_grants_slots(
    own_wide_gateway: RunningGateway, replica: Replica
) -> None:
    gateway = own_wide_gateway
    gateway.client.put(route("limited", replica.endpoint, concurrency_limit=1), EPOCH)
    gateway.client.close()
    gateway.kill_gate()
    gateway.kill_envoy()
    gateway.start_envoy()
    gateway.start_gate()
    gateway.wait_until_listening()
    impatient = GateClient(gateway.directory)
    assert gateway.request("/team/limited/echo").status == 200
    assert impatient.in_flight("id-limited") == {replica.name: 0}
    impatient.close()
