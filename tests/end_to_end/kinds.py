"""Requests of every kind to a workload through the gateway, each marked."""

from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

import httpx
from websockets.sync.client import connect

from tests.end_to_end.platforms import Platform, fetch
from tests.integration.gateway.grpc_replica import client_of

LARGE = b"0123456789abcdef" * 312_500
"""5 MB."""
SECONDS = 120.0
_STREAMED = "".join(f"chunk {number}\n" for number in range(5)).encode()


class WrongAnswer(Exception):
    """An answer came, and it was not the right one."""


class HttpKinds:
    """Sends one request of a kind to the canary; raises what goes wrong."""

    def __init__(self, platform: Platform, name: str) -> None:
        self.name = name
        self._address = f"{platform.gateway}/{platform.administrator['project_name']}/{name}"
        self.kinds: Mapping[str, Callable[[str], None]] = {
            "small": self._small,
            "large": self._large,
            "stream": self._stream,
            "websocket": self._web_socket,
            "http2": self._http2,
        }

    def _small(self, mark: str) -> None:
        answer = fetch(f"{self._address}/echo", "POST", b"x", {"x-mark": mark}, SECONDS)
        _require(answer.status == 200 and answer.json()["body"]["length"] == 1, answer.body)

    def _large(self, mark: str) -> None:
        answer = fetch(f"{self._address}/echo", "POST", LARGE, {"x-mark": mark}, SECONDS)
        _require(
            answer.status == 200 and answer.json()["body"]["length"] == len(LARGE), answer.body
        )

    def _stream(self, mark: str) -> None:
        path = "/stream?count=5&interval=0.02"
        answer = fetch(f"{self._address}{path}", "GET", None, {"x-mark": mark}, SECONDS)
        _require(answer.status == 200 and answer.body == _STREAMED, answer.body)

    def _web_socket(self, mark: str) -> None:
        address = f"ws://{urlsplit(self._address).netloc}{urlsplit(self._address).path}/websocket"
        headers = {"x-mark": mark}
        with connect(address, additional_headers=headers, open_timeout=SECONDS) as socket:
            for number in range(3):
                socket.send(f"{mark} {number}")
                _require(socket.recv(SECONDS) == f"{mark} {number}", b"another message")

    def _http2(self, mark: str) -> None:
        with httpx.Client(http1=False, http2=True, timeout=SECONDS) as client:
            answer = client.post(
                f"{self._address}/echo", content=LARGE[:50_000], headers={"x-mark": mark}
            )
        right = answer.status_code == 200 and answer.json()["body"]["length"] == 50_000
        _require(right and answer.http_version == "HTTP/2", answer.content)


class GrpcKinds:
    """Sends one call of a kind to the server of words; raises what goes wrong."""

    def __init__(self, platform: Platform, name: str) -> None:
        known = platform.administrator
        self.name = name
        self._port = int(platform.gateway.rpartition(":")[2])
        self._authority = f"{name}-runai-{known['project_name']}.{known['domain']}"
        self.kinds: Mapping[str, Callable[[str], None]] = {
            "unary": self._unary,
            "bidirectional": self._bidirectional,
        }

    def _unary(self, mark: str) -> None:
        with client_of(self._port, self._authority) as client:
            answer = client.unary("Shout")(b"hello", metadata=[("mark", mark)], timeout=SECONDS)
        _require(answer == b"HELLO", answer)

    def _bidirectional(self, mark: str) -> None:
        messages = [f"{mark} {number}".encode() for number in range(5)]
        with client_of(self._port, self._authority) as client:
            call = client.stream("Echo")
            answers = list(call(iter(messages), metadata=[("mark", mark)], timeout=SECONDS))
        _require(answers == messages, b"other messages")


def _require(right: bool, told: bytes) -> None:
    if not right:
        raise WrongAnswer(told[:300].decode(errors="replace"))
