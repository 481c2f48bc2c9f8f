"""The API called without a network, whose changes are undone: for very many small requests."""

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar
from urllib.parse import unquote

from sqlalchemy import Connection

from windlass.kit.database import Database

T = TypeVar("T")


class UndoneDatabase(Database):
    """A store in which nothing that is written stays, once `undo` is set."""

    undo = False

    def write(self, work: Callable[[Connection], T]) -> T:
        """Run it at once: nobody else writes."""
        return self._run(work)

    def _run(self, work: Callable[[Connection], T]) -> T:
        if not self.undo:
            return super()._run(work)
        with self._engine.connect() as connection:
            transaction = connection.begin()
            try:
                return work(connection)
            finally:
                transaction.rollback()


class Answer(NamedTuple):
    """What came back."""

    status: int
    body: bytes

    @property
    def json(self) -> Any:
        """The body, None where it is empty or no JSON."""
        try:
            return json.loads(self.body) if self.body else None
        except ValueError:
            return None

    @property
    def message(self) -> str:
        """What an error says."""
        return str(self.json["message"])


class InProcess:
    """Calls an ASGI application, one request after the other."""

    def __init__(self, application: Any) -> None:
        self._application = application
        self._loop = asyncio.new_event_loop()

    def close(self) -> None:
        """Let the loop go."""
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()

    def ask(self, method: str, path: str, headers: Mapping[str, str], body: object) -> Answer:
        """One request with a body as it is, as JSON, or without one where it is None."""
        return self._loop.run_until_complete(self._ask(method, path, headers, body))

    async def _ask(
        self, method: str, path: str, headers: Mapping[str, str], body: object
    ) -> Answer:
        place, _, query = path.partition("?")
        sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        if body is None:
            sent = b""
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": unquote(place),
            "raw_path": place.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [
                (b"content-type", b"application/json"),
                *((name.lower().encode(), value.encode()) for name, value in headers.items()),
            ],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
        }
        status = 0
        parts: list[bytes] = []
        was_read = False

        async def receive() -> dict[str, Any]:
            nonlocal was_read
            if was_read:
                return {"type": "http.disconnect"}
            was_read = True
            return {"type": "http.request", "body": sent, "more_body": False}

        async def send(message: Mapping[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            elif message["type"] == "http.response.body":
                parts.append(message.get("body", b""))

        await self._application(scope, receive, send)
        return Answer(status, b"".join(parts))
