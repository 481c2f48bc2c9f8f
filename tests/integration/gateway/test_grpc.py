"""gRPC from a real client to a real server, also while it waits, and Envoy's own answers to it."""

import queue
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from tests.integration.gateway.grpc_replica import GrpcReplica, client_of
from tests.integration.gateway.running import DOMAIN, EPOCH, RunningGateway, eventually, route
from windlass.gateway.gateway import Access, Callers, ReplicaProtocol, Route

SECONDS = 20


@pytest.fixture
def words() -> Iterator[GrpcReplica]:
    """One gRPC server."""
    replica = GrpcReplica().start()
    yield replica
    replica.stop()


def _route(name: str, *replicas: GrpcReplica, **fields: object) -> Route:
    endpoints = [replica.endpoint for replica in replicas]
    return route(name, *endpoints, protocol=ReplicaProtocol.GRPC, **fields)


def _host(name: str) -> str:
    return f"{name}-runai-team.{DOMAIN}"


def _converse(gateway: RunningGateway, name: str, rounds: int = 5) -> dict[str, str]:
    """One stream in both directions, each message sent after the answer to the one before."""
    sent: queue.Queue[bytes | None] = queue.Queue()
    with client_of(gateway.port, _host(name)) as client:
        call = client.stream("Echo")(iter(sent.get, None), timeout=SECONDS)
        for number in range(rounds):
            sent.put(b"%d" % number)
            assert next(call) == b"%d" % number
        sent.put(None)
        assert list(call) == []
        return dict(call.trailing_metadata())


def test_one_message_and_its_trailers_pass(
    gateway: RunningGateway, words: GrpcReplica, name: str
) -> None:
    gateway.client.put(_route(name, words), EPOCH)
    with client_of(gateway.port, _host(name)) as client:
        answer, call = client.unary("Shout").with_call(
            b"hello", metadata=[("mark", "one")], timeout=SECONDS
        )
    assert answer == b"HELLO"
    assert dict(call.trailing_metadata())["seen"] == "one"


def test_a_stream_in_both_directions_passes_message_by_message(
    gateway: RunningGateway, words: GrpcReplica, name: str
) -> None:
    gateway.client.put(_route(name, words), EPOCH)
    assert _converse(gateway, name)["count"] == "5"


def test_large_messages_pass(gateway: RunningGateway, words: GrpcReplica, name: str) -> None:
    gateway.client.put(_route(name, words), EPOCH)
    with client_of(gateway.port, _host(name)) as client:
        assert client.unary("Shout")(b"x" * 3_000_000, timeout=SECONDS) == b"X" * 3_000_000


def test_a_servers_error_reaches_the_client_as_it_was(
    gateway: RunningGateway, words: GrpcReplica, name: str
) -> None:
    gateway.client.put(_route(name, words), EPOCH)
    with client_of(gateway.port, _host(name)) as client, pytest.raises(grpc.RpcError) as raised:
        client.unary("Fail")(b"", timeout=SECONDS)
    assert raised.value.code() is grpc.StatusCode.NOT_FOUND
    assert raised.value.details() == "no such word"


def test_calls_wait_for_a_replica(gateway: RunningGateway, words: GrpcReplica, name: str) -> None:
    gateway.client.put(_route(name), EPOCH)
    with ThreadPoolExecutor(21) as threads, client_of(gateway.port, _host(name)) as client:
        calls = [client.unary("Shout").future(b"%d" % number, SECONDS) for number in range(20)]
        conversation = threads.submit(_converse, gateway, name)
        eventually(lambda: gateway.held(name) == 21)
        gateway.client.put(_route(name, words), EPOCH)
        assert [call.result() for call in calls] == [b"%d" % number for number in range(20)]
        assert conversation.result()["count"] == "5"


def test_messages_that_wait_block_no_other_workload(
    gateway: RunningGateway, words: GrpcReplica, name: str
) -> None:
    """They share a connection inside Envoy, whose window must not fill up with what waits."""
    waiting, awake = f"{name}-waiting", f"{name}-awake"
    gateway.client.put(_route(waiting), EPOCH)
    gateway.client.put(_route(awake, words), EPOCH)
    large = b"x" * 3_000_000
    with (
        client_of(gateway.port, _host(waiting)) as sleeper,
        client_of(gateway.port, _host(awake)) as client,
    ):
        calls = [sleeper.unary("Shout").future(large, SECONDS * 3) for _ in range(60)]
        eventually(lambda: gateway.held(waiting) == 60)
        for _ in range(4):
            assert client.unary("Shout")(large, timeout=SECONDS) == large.upper()
        gateway.client.put(_route(waiting, words), EPOCH)
        assert {call.result() for call in calls} == {large.upper()}


@pytest.mark.parametrize(
    ("fields", "status", "message"),
    [
        ({"unavailable": "It broke: 1 % of it."}, "UNAVAILABLE", "It broke: 1 % of it."),
        (
            {"request_timeout_seconds": 0.5},
            "UNAVAILABLE",
            "The request was not answered within its time-out.",
        ),
        ({"callers": Callers(Access.AUTHENTICATED)}, "UNAUTHENTICATED", "Jwt is missing"),
    ],
)
def test_envoys_own_answers_have_a_status_of_grpc(
    gateway: RunningGateway, name: str, fields: dict[str, object], status: str, message: str
) -> None:
    gateway.client.put(_route(name, **fields), EPOCH)
    with client_of(gateway.port, _host(name)) as client, pytest.raises(grpc.RpcError) as raised:
        client.unary("Shout")(b"", timeout=SECONDS)
    assert (raised.value.code().name, raised.value.details()) == (status, message)


def test_no_workload_is_a_status_of_grpc_too(gateway: RunningGateway, name: str) -> None:
    with client_of(gateway.port, _host(name)) as client, pytest.raises(grpc.RpcError) as raised:
        client.unary("Shout")(b"", timeout=SECONDS)
    assert raised.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert raised.value.details() == "No workload is served at this address."


def test_a_call_under_way_counts_as_in_flight(
    gateway: RunningGateway, words: GrpcReplica, name: str
) -> None:
    gateway.client.put(_route(name, words), EPOCH)
    sent: queue.Queue[bytes | None] = queue.Queue()
    with client_of(gateway.port, _host(name)) as client:
        call = client.stream("Echo")(iter(sent.get, None), timeout=SECONDS)
        sent.put(b"once")
        assert next(call) == b"once"
        eventually(lambda: gateway.client.in_flight(f"id-{name}") == {words.name: 1})
        sent.put(None)
        assert list(call) == []
    eventually(lambda: gateway.client.in_flight(f"id-{name}") == {words.name: 0})
