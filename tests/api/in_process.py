"""The API called without a network, whose changes are undone: for very many small requests."""

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar
from urllib.parse import unquote

from sqlalchemy import Connection

from tests.api.description import Description
from windlass.kit.database import Database

T = TypeVar("T")


class UndoneDatabase(Database):
    """A store in which, once `undo` is set, nothing stays that a request writes: all its statements
    are in one transaction, which is rolled back."""

    undo = False
    _shared: Connection | None = None

    @contextmanager
    def undone(self) -> Iterator[None]:
        """From here on until the end nothing stays."""
        if not self.undo or self._shared is not None:
            yield
            return
        with self._engine.connect() as connection:
            transaction = connection.begin()
            self._shared = connection
            try:
                yield
            finally:
                self._shared = None
                transaction.rollback()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """What the request has written is there to be read."""
        if self._shared is not None:
            yield self._shared
            return
        with super().read() as connection:
            yield connection

    def write(self, work: Callable[[Connection], T]) -> T:
        """Run it at once: nobody else writes. What it raises undoes it alone."""
        if self._shared is None:
            return self._run(work)
        with self._shared.begin_nested():
            return work(self._shared)


class Answer(NamedTuple):
    """What came back."""

    status: int
    body: bytes
    media_type: str | None = None

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
    """Calls an ASGI application, one request after the other, and holds every answer against its
    description."""

    def __init__(self, application: Any, database: UndoneDatabase) -> None:
        self._application = application
        self._database = database
        self._loop = asyncio.new_event_loop()
        self.document: dict[str, Any] = application.openapi()
        self._description = Description(self.document)

    def close(self) -> None:
        """Let the loop go."""
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()

    def ask(self, method: str, path: str, headers: Mapping[str, str], body: object) -> Answer:
        """One request with a body as it is, as JSON, or without one where it is None."""
        with self._database.undone():
            answer = self._loop.run_until_complete(self._ask(method, path, headers, body))
        problems = self._description.problems(
            method, path, answer.status, answer.media_type, answer.body
        )
        told = list(problems)
        assert not told, (method, path, answer.body[:500], told)
        return answer

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
        status, media_type = 0, None
        parts: list[bytes] = []
        was_read = False

        async def receive() -> dict[str, Any]:
            nonlocal was_read
            if was_read:
                return {"type": "http.disconnect"}
            was_read = True
            return {"type": "http.request", "body": sent, "more_body": False}

        async def send(message: Mapping[str, Any]) -> None:
            nonlocal status, media_type
            if message["type"] == "http.response.start":
                status = message["status"]
                named = dict(message["headers"])
                media_type = named.get(b"content-type", b"").decode()
            elif message["type"] == "http.response.body":
                parts.append(message.get("body", b""))

        await self._application(scope, receive, send)
        return Answer(status, b"".join(parts), media_type)
