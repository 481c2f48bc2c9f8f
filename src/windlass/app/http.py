"""What surrounds every route: request ids, logs, counters, and errors in one shape."""

import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from prometheus_client import Counter, Histogram
from starlette.exceptions import HTTPException

from windlass.kit.errors import ApiError
from windlass.kit.ids import is_uuid, new_id

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_log = structlog.get_logger("windlass.api")

_requests = Counter("windlass_http_requests_total", "Requests answered.", ["method", "status"])
_seconds = Histogram("windlass_http_request_seconds", "Time to the end of an answer.", ["method"])


class Observed:
    """An ASGI application whose requests carry an id, are logged and counted."""

    def __init__(self, application: Callable[[Scope, Receive, Send], Awaitable[None]]) -> None:
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        request_id = _request_id(scope)
        scope["request_id"] = request_id
        began = time.perf_counter()
        status = 500

        async def send_with_id(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"].append((b"x-request-id", request_id.encode()))
            await send(message)

        try:
            await self._application(scope, receive, send_with_id)
        finally:
            took = time.perf_counter() - began
            method = scope["method"] if scope["method"] in _METHODS else "other"
            _requests.labels(method, status).inc()
            _seconds.labels(method).observe(took)
            if scope["method"] != "GET" or status >= 400:
                _log.info(
                    "request",
                    method=method,
                    path=scope["path"],
                    status=status,
                    milliseconds=round(took * 1000, 1),
                    request_id=request_id,
                )


_LONGEST_PATH_SHOWN = 200
_METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"}


def answer_errors(api: FastAPI) -> None:
    """Give every error the one shape."""
    api.add_exception_handler(ApiError, _api_error)
    api.add_exception_handler(HTTPException, _http_exception)
    api.add_exception_handler(RequestValidationError, _validation_error)
    api.add_exception_handler(Exception, _unexpected)


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            given: str = value.decode("latin-1")
            return given.lower() if is_uuid(given) else new_id()
    return new_id()


async def _api_error(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ApiError)
    return JSONResponse(error.body(), error.status, dict(error.headers))


async def _http_exception(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    path = request.url.path
    shown = path if len(path) <= _LONGEST_PATH_SHOWN else f"{path[:_LONGEST_PATH_SHOWN]}…"
    messages = {
        404: f"There is nothing at {shown}. /openapi.json lists what there is.",
        405: f"{shown} does not take {request.method}.",
    }
    message = messages.get(error.status_code, str(error.detail))
    body = {"code": error.status_code, "message": message}
    return JSONResponse(body, error.status_code, error.headers)


async def _validation_error(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"][1:]) or "request"
    return JSONResponse({"code": 400, "message": f"{where}: {first['msg']}"}, 400)


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    request_id = request.scope.get("request_id", "")
    _log.error("unexpected error", request_id=request_id, exc_info=error)
    message = f"Something went wrong. The log has more under the request id {request_id}."
    return JSONResponse({"code": 500, "message": message}, 500)
