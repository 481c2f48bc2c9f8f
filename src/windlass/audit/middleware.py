"""Gives every request its origin, and records those that are refused before they are answered."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, NamedTuple

import structlog
from starlette.concurrency import run_in_threadpool

from windlass.audit.origin import Origin, serve_for
from windlass.audit.trail import Action, record_failure
from windlass.kit.clock import Clock
from windlass.kit.database import Database
from windlass.kit.errors import ApiError

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_FORBIDDEN = 403
_TOO_MANY = 429

_log = structlog.get_logger(__name__)


class Described(NamedTuple):
    """What an operation does, and to what."""

    action: Action
    entity_type: str


Describe = Callable[[str, str], Described | None]
"""What the operation of a method and a path's template does; None for one without a name."""


class Audited:
    """An ASGI application whose refusals are on record."""

    def __init__(
        self, app: Callable[..., Any], database: Database, clock: Clock, describe: Describe
    ) -> None:
        self._application = app
        self._database = database
        self._clock = clock
        self._describe = describe

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        origin = Origin(scope, self._clock.now())
        serve_for(origin)

        async def send_when_recorded(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start" and message["status"] >= 400:
                await self._record(origin, message["status"])
            await send(message)

        await self._application(scope, receive, send_when_recorded)

    async def _record(self, origin: Origin, status: int) -> None:
        described = self._describe(origin.method, origin.template)
        if described is None or not _counts(origin, described.action, status):
            return
        try:
            await run_in_threadpool(
                record_failure,
                self._database,
                origin,
                described.action,
                described.entity_type,
                status,
            )
        except ApiError as error:
            # The store is away, which is why the request failed in the first place.
            _log.warning("a refusal is not on record", reason=error.message, status=status)


def _counts(origin: Origin, action: Action, status: int) -> bool:
    """Whether it is a refusal worth keeping.

    A request in nobody's name says nothing of anybody, and would let strangers fill the store; so
    would repeating what is throttled anyway. Of reads, those count that lack a permission.
    """
    if not origin.subject or status == _TOO_MANY:
        return False
    return action is not Action.READ or status == _FORBIDDEN or origin.refused is not None
