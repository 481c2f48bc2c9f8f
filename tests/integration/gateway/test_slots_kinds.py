"""Requests of every kind wait for a slot and hold it until they end."""

import queue
from concurrent.futures import ThreadPoolExecutor

from websockets.sync.client import connect

from tests.integration.gateway.grpc_replica import GrpcReplica, client_of
from tests.integration.gateway.replica import Replica
from tests.integration.gateway.running import DOMAIN, EPOCH, RunningGateway, eventually, route
from windlass.gateway.gateway import ReplicaProtocol


def test_a_websocket_holds_its_slot_until_it_closes(
    wide_gateway: RunningGateway, threads: ThreadPoolExecutor, replica: Replica, name: str
) -> None:
    gateway = wide_gateway
    gateway.client.put(route(name, replica.endpoint, concurrency_limit=1), EPOCH)
    address = f"ws://127.0.0.1:{gateway.port}/team/{name}/socket"
    with connect(address, open_timeout=20) as socket:
        socket.send("hello")
        assert socket.recv(timeout=20) == "hello"
        waiting = threads.submit(gateway.request, f"/team/{name}/echo")
        eventually(lambda: gateway.held(name) == 1)
        socket.send("still here")
        assert socket.recv(timeout=20) == "still here"
        assert gateway.held(name) == 1
    assert waiting.result().status == 200


def test_a_stream_of_grpc_holds_its_slot_until_it_ends(
    wide_gateway: RunningGateway, threads: ThreadPoolExecutor, name: str
) -> None:
    gateway, words = wide_gateway, GrpcReplica().start()
    host = f"{name}-runai-team.{DOMAIN}"
    limited = route(name, words.endpoint, protocol=ReplicaProtocol.GRPC, concurrency_limit=1)
    gateway.client.put(limited, EPOCH)
    sent: queue.Queue[bytes | None] = queue.Queue()
    try:
        with client_of(gateway.port, host) as first, client_of(gateway.port, host) as second:
            call = first.stream("Echo")(iter(sent.get, None), timeout=20)
            sent.put(b"one")
            assert next(call) == b"one"
            waiting = threads.submit(second.unary("Shout"), b"hello", timeout=20)
            eventually(lambda: gateway.held(name) == 1)
            sent.put(b"two")
            assert next(call) == b"two"
            assert not waiting.done()
            sent.put(None)
            assert list(call) == []
            assert waiting.result() == b"HELLO"
    finally:
        sent.put(None)
        words.stop()


def test_large_bodies_wait_and_arrive_whole(
    wide_gateway: RunningGateway, threads: ThreadPoolExecutor, replica: Replica, name: str
) -> None:
    gateway = wide_gateway
    gateway.client.put(route(name, concurrency_limit=1), EPOCH)
    size = 5_000_000
    sent = [
        threads.submit(
            gateway.request, "/swallow", "POST", f"{name}-runai-team.{DOMAIN}", body=b"x" * size
        )
        for _ in range(4)
    ]
    eventually(lambda: gateway.held(name) == 4)
    gateway.client.put(route(name, replica.endpoint, concurrency_limit=1), EPOCH)
    assert [each.result().json for each in sent] == [{"size": size}] * 4
    assert replica.peak == 1
