"""What routes of every subject need: bodies read strictly, errors described."""

import json
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Depends, Query, Request

from windlass.kit.errors import BadRequest, PayloadTooLarge
from windlass.kit.paging import ListQuery, page_of

MAXIMUM_BODY_BYTES = 1024 * 1024


def json_object(raw: bytes) -> dict[str, Any]:
    """The body as a JSON object. Raises BadRequest that says where it stops being one."""
    try:
        value = json.loads(raw)
    except UnicodeDecodeError:
        raise BadRequest("The body is not UTF-8.") from None
    except json.JSONDecodeError as error:
        raise BadRequest(
            f"The body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}."
        ) from None
    except RecursionError:
        raise BadRequest("The body is nested too deeply.") from None
    except ValueError:
        raise BadRequest("The body holds a number that is too long.") from None
    if not isinstance(value, dict):
        raise BadRequest("The body must be a JSON object.")
    return value


async def raw_body(request: Request) -> bytes:
    """The bytes of the body. Raises PayloadTooLarge as soon as there are too many."""
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > MAXIMUM_BODY_BYTES:
            raise PayloadTooLarge(f"The body is larger than {MAXIMUM_BODY_BYTES} bytes.")
        parts.append(part)
    return b"".join(parts)


RawBody = Annotated[bytes, Depends(raw_body)]


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


def list_query(
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
