"""A server on a real socket that answers as a test tells it to, and remembers what was asked."""

import json
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    token: str
    body: Any


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered: `body` as JSON, or `text` as it is, in pieces."""

    status: int = 200
    body: Any = None
    text: tuple[str, ...] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    breaks_off: bool = False


Handler = Callable[[Request], Answer]


class ScriptedPlatform:
    """Tokens are numbered; any but the newest is refused. Other paths go to `handler`."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.tokens_granted = 0
        self.token_life_seconds: int | None = 3600
        self.token_answers: deque[Answer] = deque()
        self.handler: Handler = lambda _request: Answer(404, {"code": 404, "message": "No."})
        self.url = ""

    def revoke_tokens(self) -> None:
        """No token granted until now counts any more."""
        self._accepted_from = self.tokens_granted + 1

    _accepted_from = 1

    def answer(self, request: Request) -> Answer:
        """What the server sends."""
        self.requests.append(request)
        if request.path == "/api/v1/token":
            return self._grant()
        number = int(request.token.removeprefix("token-") or 0)
        if number < self._accepted_from:
            return Answer(401, {"code": 401, "message": "The token is not valid."})
        return self.handler(request)

    def _grant(self) -> Answer:
        if self.token_answers:
            return self.token_answers.popleft()
        self.tokens_granted += 1
        grant: dict[str, Any] = {"accessToken": f"token-{self.tokens_granted}"}
        if self.token_life_seconds is not None:
            grant["expiresIn"] = self.token_life_seconds
        return Answer(body=grant)


@contextmanager
def serving(platform: ScriptedPlatform) -> Iterator[ScriptedPlatform]:
    """Serve it on a free port of the loopback interface."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(platform))
    server.daemon_threads = True
    platform.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield platform
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler_of(platform: ScriptedPlatform) -> type[BaseHTTPRequestHandler]:
    class _Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def log_message(self, *_arguments: object) -> None:
            """Say nothing on standard error."""

        def do_GET(self) -> None:
            self._handle()

        def do_POST(self) -> None:
            self._handle()

        def do_DELETE(self) -> None:
            self._handle()

        def _handle(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            content = self.rfile.read(length)
            url = urlsplit(self.path)
            self._send(
                platform.answer(
                    Request(
                        self.command,
                        url.path,
                        parse_qs(url.query),
                        self.headers.get("Authorization", "").removeprefix("Bearer "),
                        json.loads(content) if content else None,
                    )
                )
            )

        def _send(self, answer: Answer) -> None:
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            if answer.text is not None:
                self._send_text(answer)
                return
            content = b"" if answer.body is None else json.dumps(answer.body).encode()
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def _send_text(self, answer: Answer) -> None:
            self.send_header("Content-Type", "text/plain; charset=utf-8")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for piece in answer.text or ():
                data = piece.encode()
                self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
                self.wfile.flush()
            if answer.breaks_off:
                self.close_connection = True
                return
            self.wfile.write(b"0\r\n\r\n")

    return _Handler
