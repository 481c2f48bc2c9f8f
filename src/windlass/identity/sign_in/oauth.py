"""The forms of OAuth 2.0 (RFC 6749): requests as HTML forms send them, and its own errors."""

import base64
import binascii
import functools
from collections.abc import Awaitable, Callable
from typing import ParamSpec
from urllib.parse import parse_qsl, unquote_plus

from fastapi.responses import JSONResponse, Response

from windlass.identity.sign_in.grants import UnsupportedGrant
from windlass.identity.sign_in.service import DeviceWaits, WrongClient, WrongCredentials
from windlass.kit.errors import ApiError, BadRequest, TooManyRequests

Parameters = ParamSpec("Parameters")

_MOST_FIELDS = 50


def answer_in_oauth_form(
    operation: Callable[Parameters, Awaitable[Response]],
) -> Callable[Parameters, Awaitable[Response]]:
    """The operation with refusals in the form of RFC 6749, section 5.2."""

    @functools.wraps(operation)
    async def answer(*positional: Parameters.args, **named: Parameters.kwargs) -> Response:
        try:
            return await operation(*positional, **named)
        except (BadRequest, WrongCredentials, TooManyRequests) as error:
            return _refusal(error)

    return answer


def read_form(raw: bytes, *required: str) -> dict[str, str]:
    """The fields of a form, in which each stands once. Raises BadRequest."""
    try:
        pairs = parse_qsl(
            raw.decode("utf-8"),
            keep_blank_values=True,
            strict_parsing=bool(raw),
            errors="strict",
            max_num_fields=_MOST_FIELDS,
        )
    except ValueError:
        raise BadRequest(
            "The body must be a form in UTF-8, application/x-www-form-urlencoded."
        ) from None
    fields: dict[str, str] = {}
    for name, value in pairs:
        if name in fields:
            raise BadRequest(f"{name[:60]}: stands more than once")
        fields[name] = value
    for name in required:
        if not fields.get(name):
            raise BadRequest(f"{name}: is required")
    return fields


def with_basic_credentials(fields: dict[str, str], authorization: str | None) -> dict[str, str]:
    """The fields with the client's credentials from the header, where it has them. Raises
    BadRequest."""
    scheme, _, value = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return fields
    try:
        text = base64.b64decode(value.strip(), validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        raise BadRequest("Authorization: is not Basic with base64 of UTF-8") from None
    client_id, _, secret = text.partition(":")
    named = {"client_id": unquote_plus(client_id), "client_secret": unquote_plus(secret)}
    return {**fields, **named}


def _refusal(error: ApiError) -> Response:
    status, code = error.status, "invalid_request"
    headers = dict(error.headers)
    if isinstance(error, UnsupportedGrant):
        code = "unsupported_grant_type"
    elif isinstance(error, DeviceWaits):
        code = error.waiting.value
    elif isinstance(error, WrongClient):
        code = "invalid_client"
        headers["WWW-Authenticate"] = 'Basic realm="windlass"'
    elif isinstance(error, WrongCredentials):
        status, code = 400, "invalid_grant"
        headers = {}
    elif isinstance(error, TooManyRequests):
        code = "temporarily_unavailable"
    body = {"error": code, "error_description": error.message}
    return JSONResponse(body, status, {**headers, "Cache-Control": "no-store"})
