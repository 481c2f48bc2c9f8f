"""Requests of every kind wait through the death of the gate, and each is answered exactly once."""

import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import httpx
import pytest
from websockets.sync.client import connect

from tests.integration.gateway.grpc_replica import GrpcReplica, client_of
from tests.integration.gateway.replica import PIECE, Replica
from tests.integration.gateway.running import (
    DOMAIN,
    EPOCH,
    Answer,
    RunningGateway,
    eventually,
    route,
)
from windlass.gateway.gateway import ReplicaProtocol

EACH = 10
LARGE = b"0123456789abcdef" * 312_500
SECONDS = 60


class Clients:
    """Sends one request of some kind, marked, and says whether its answer was right."""

    def __init__(self, gateway: RunningGateway) -> None:
        self.kinds: dict[str, Callable[[str], bool]] = {
            "small": self._small,
            "large": self._large,
            "chunked": self._chunked,
            "stream": self._stream,
            "WebSocket": self._web_socket,
            "HTTP/2": self._http2,
        }
        self._gateway = gateway
        self._address = f"127.0.0.1:{gateway.port}/team/kinds"

    def grpc(self, mark: str) -> bool:
        with client_of(self._gateway.port, f"words-runai-team.{DOMAIN}") as client:
            call: grpc.UnaryUnaryMultiCallable = client.unary("Shout")
            answer: bytes = call(b"hello", metadata=[("mark", mark)], timeout=SECONDS)
            return answer == b"HELLO"

    def _small(self, mark: str) -> bool:
        return bool(self._sent(mark, "/echo", b"x").json["size"] == 1)

    def _large(self, mark: str) -> bool:
        return bool(self._sent(mark, "/swallow", LARGE).json == {"size": len(LARGE)})

    def _chunked(self, mark: str) -> bool:
        pieces = [LARGE[:100_000]] * 10
        return bool(self._sent(mark, "/swallow", iter(pieces)).json == {"size": 1_000_000})

    def _stream(self, mark: str) -> bool:
        return self._sent(mark, "/stream?pieces=5&pause=0.02", b"x").body == PIECE * 5

    def _web_socket(self, mark: str) -> bool:
        address, headers = f"ws://{self._address}/socket", {"x-mark": mark}
        with connect(address, additional_headers=headers, open_timeout=SECONDS) as socket:
            for number in range(3):
                socket.send(f"{mark} {number}")
                if socket.recv(SECONDS) != f"{mark} {number}":
                    return False
        return True

    def _http2(self, mark: str) -> bool:
        with httpx.Client(http1=False, http2=True, timeout=SECONDS) as client:
            body = LARGE[:50_000]
            address, headers = f"http://{self._address}/echo", {"x-mark": mark}
            answer = client.post(address, content=body, headers=headers)
            return answer.http_version == "HTTP/2" and answer.json()["size"] == len(body)

    def _sent(self, mark: str, path: str, body: bytes | Iterator[bytes]) -> Answer:
        return self._gateway.request(
            f"/team/kinds{path}", "POST", headers={"x-mark": mark}, body=body, seconds=SECONDS
        )


@pytest.fixture
def words() -> Iterator[GrpcReplica]:
    """One gRPC server."""
    replica = GrpcReplica().start()
    yield replica
    replica.stop()


def test_requests_of_every_kind_outlive_the_gate_and_are_answered_exactly_once(
    own_gateway: RunningGateway, replica: Replica, words: GrpcReplica
) -> None:
    clients = Clients(own_gateway)
    own_gateway.client.put(route("kinds"), EPOCH)
    own_gateway.client.put(route("words", protocol=ReplicaProtocol.GRPC), EPOCH)
    marks = [f"{kind} {number}" for kind, number in itertools.product(clients.kinds, range(EACH))]
    words_marks = [f"gRPC {number}" for number in range(EACH)]
    with ThreadPoolExecutor(len(marks) + EACH) as threads:
        held = {mark: threads.submit(clients.kinds[mark.split()[0]], mark) for mark in marks}
        held |= {mark: threads.submit(clients.grpc, mark) for mark in words_marks}
        eventually(lambda: own_gateway.held("kinds") == len(marks))
        eventually(lambda: own_gateway.held("words") == EACH)
        own_gateway.kill_gate()
        own_gateway.start_gate()
        own_gateway.client.put(route("kinds", replica.endpoint), EPOCH)
        serving = route("words", words.endpoint, protocol=ReplicaProtocol.GRPC)
        own_gateway.client.put(serving, EPOCH)
        wrong = [mark for mark, each in held.items() if not each.result()]
    assert wrong == []
    assert replica.marks == dict.fromkeys(marks, 1)
    assert Counter(words.marks) == dict.fromkeys(words_marks, 1)
