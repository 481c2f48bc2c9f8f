"""What routes of every subject need: bodies of a bounded size, parameters, errors described.

Dependencies are coroutines even where they wait for nothing: FastAPI hands a plain function to a
thread and back, which costs more than what they do.
"""

from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Depends, Query, Request
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from windlass.kit.database import Database
from windlass.kit.errors import BadRequest, PayloadTooLarge
from windlass.kit.paging import ListQuery, boolean_of, page_of

MAXIMUM_BODY_BYTES = 1024 * 1024


async def raw_body(request: Request) -> bytes:
    """The bytes of the body.

    Raises PayloadTooLarge as soon as there are too many, BadRequest when they end early.
    """
    parts: list[bytes] = []
    size = 0
    try:
        async for part in request.stream():
            size += len(part)
            if size > MAXIMUM_BODY_BYTES:
                raise PayloadTooLarge(f"The body is larger than {MAXIMUM_BODY_BYTES} bytes.")
            parts.append(part)
    except ClientDisconnect:
        raise BadRequest("The connection ended before the body did.") from None
    return b"".join(parts)


RawBody = Annotated[bytes, Depends(raw_body)]


async def content_type(request: Request) -> str | None:
    """What the request says its body is."""
    return request.headers.get("content-type")


ContentType = Annotated[str | None, Depends(content_type)]


async def dry_run(
    dryRun: Annotated[str | None, Query()] = None,  # noqa: N803
) -> bool:
    """Whether nothing is to be kept of what the request asks for. Raises BadRequest."""
    return bool(boolean_of("dryRun", dryRun))


DryRun = Annotated[bool, Depends(dry_run)]


async def request_id(request: Request) -> str:
    """What the answer's `X-Request-Id`, the log and the events call this request."""
    return str(request.scope.get("request_id", ""))


RequestId = Annotated[str, Depends(request_id)]


def own_address(request: Request) -> str:
    """The beginning of the API's own URLs, as users reach it: `https://windlass.example.org`.

    What the application was told (`state.external_url`), else what the request was sent to.
    """
    told: str | None = getattr(request.app.state, "external_url", None)
    return told or str(request.base_url).rstrip("/")


class ShortReads:
    """Runs reads that take microseconds.

    On SQLite at once, because handing one to a thread and back costs more than the read itself; in
    a thread where the store is across a network.
    """

    def __init__(self, database: Database) -> None:
        self._at_once = database.is_sqlite

    async def __call__(self, read: Callable[..., dict[str, Any]], *keys: object) -> JSONResponse:
        """What `read` finds by these, as the answer."""
        found = read(*keys) if self._at_once else await run_in_threadpool(read, *keys)
        return JSONResponse(found)


def error_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What an operation's OpenAPI entry says of its errors."""
    schema = {"$ref": "#/components/schemas/Error"}
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {"application/json": {"schema": schema}},
        }
        for status in statuses
    }


QueryText = Annotated[str | None, Query()]


async def list_query(
    offset: QueryText = None,
    limit: QueryText = None,
    filterBy: QueryText = None,  # noqa: N803
    sortBy: QueryText = None,  # noqa: N803
    sortOrder: QueryText = None,  # noqa: N803
    search: QueryText = None,
) -> ListQuery:
    """The parameters every list has. Raises BadRequest."""
    if search is not None and "\0" in search:
        raise BadRequest("search: has a NUL character")
    return ListQuery(page_of(offset, limit), filterBy, sortBy, sortOrder, search)
