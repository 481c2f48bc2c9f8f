"""HTTP of signing in by way of a browser, for programs and for devices."""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Annotated, Any, ParamSpec

from fastapi import APIRouter, Cookie, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from windlass.identity.sign_in.browser import Asked, BrowserSignIn
from windlass.identity.sign_in.device import (
    INTERVAL_SECONDS,
    LIFETIME_SECONDS,
    Devices,
    readable_code,
)
from windlass.identity.sign_in.oauth import read_form
from windlass.identity.sign_in.pages import answer_page, device_page, sentence_page
from windlass.identity.sign_in.service import SignIn
from windlass.identity.throttle import AddressLimit
from windlass.kit.errors import ApiError, BadRequest
from windlass.kit.http import QueryText, RawBody, error_responses, own_address

Parameters = ParamSpec("Parameters")

_COOKIE = "windlass_sign_in"
_OPEN: dict[str, Any] = {"security": []}
_SIGNED_IN = "You are signed in. You may close this page and go on where you came from."
_PAGES: dict[int | str, dict[str, Any]] = {
    status: {"description": "A page", "content": {"text/html": {"schema": {"type": "string"}}}}
    for status in (200, 400, 401, 403, 404, 429, 503)
}
_REFUSALS = {status: page for status, page in _PAGES.items() if status != 200}

_APPROVAL: dict[str, Any] = {
    "required": True,
    "content": {
        "application/x-www-form-urlencoded": {
            "schema": {
                "type": "object",
                "required": ["user_code", "username", "password"],
                "properties": {
                    name: {"type": "string"} for name in ("user_code", "username", "password")
                },
            }
        }
    },
}


def router(
    browser: BrowserSignIn, devices: Devices, sign_in: SignIn, limit: AddressLimit
) -> APIRouter:
    """The routes; `limit` is on what strangers make us keep and ask."""
    routes = APIRouter(tags=["Sign-in"])
    _add_program_routes(routes, browser, limit)
    _add_device_routes(routes, browser, devices, sign_in, limit)
    return routes


def _add_program_routes(routes: APIRouter, browser: BrowserSignIn, limit: AddressLimit) -> None:

    @routes.get(
        "/api/v2/authorize",
        summary="Send a user's browser to an identity provider, and back with a code",
        status_code=302,
        response_class=Response,
        responses=error_responses(400, 404, 429, 503),
        openapi_extra=_OPEN,
    )
    def authorize(
        request: Request,
        response_type: QueryText = None,
        redirect_uri: QueryText = None,
        state: QueryText = None,
        code_challenge: QueryText = None,
        code_challenge_method: QueryText = None,
        provider: QueryText = None,
    ) -> Response:
        if response_type != "code" or code_challenge_method != "S256":
            raise BadRequest("response_type: must be code, and code_challenge_method S256")
        asked = Asked(redirect_uri or "", (state or "")[:1000], code_challenge or "", provider)
        _require_texts(asked.state, provider)
        limit.require(_address(request))
        return RedirectResponse(browser.send(asked, own_address(request)).location, 302)

    @routes.get(
        "/sign-in/{provider}/callback",
        summary="Take back a browser from an identity provider",
        response_class=Response,
        responses=_PAGES,
        openapi_extra=_OPEN,
    )
    @_on_a_page
    async def callback(
        provider: str,
        request: Request,
        state: QueryText = None,
        code: QueryText = None,
        windlass_sign_in: Annotated[str | None, Cookie()] = None,
    ) -> Response:
        _require_texts(provider, state, code)
        back = await run_in_threadpool(
            browser.came_back,
            provider,
            state or "",
            code,
            own_address(request),
            windlass_sign_in,
        )
        if back.location is not None:
            return RedirectResponse(back.location, 302)
        return answer_page(sentence_page(_SIGNED_IN))


def _add_device_routes(
    routes: APIRouter,
    browser: BrowserSignIn,
    devices: Devices,
    sign_in: SignIn,
    limit: AddressLimit,
) -> None:
    @routes.post(
        "/api/v2/device",
        summary="Begin to sign in a device that has no browser",
        responses=error_responses(413, 429, 503),
        openapi_extra=_OPEN,
    )
    def begin_device(request: Request, _raw: RawBody) -> JSONResponse:
        limit.require(_address(request))
        codes = devices.begin()
        page = f"{own_address(request)}/device"
        answer = {
            "device_code": codes.device_code,
            "user_code": codes.user_code,
            "verification_uri": page,
            "verification_uri_complete": f"{page}?user_code={codes.user_code}",
            "expires_in": int(LIFETIME_SECONDS),
            "interval": int(INTERVAL_SECONDS),
        }
        return JSONResponse(answer, headers={"Cache-Control": "no-store"})

    @routes.get(
        "/device",
        summary="Show the page on which a device's code is typed in",
        response_class=Response,
        responses=_PAGES,
        openapi_extra=_OPEN,
    )
    def show_device(user_code: QueryText = None) -> Response:
        code = readable_code(user_code) if user_code else ""
        return answer_page(device_page(code, browser.providers()))

    @routes.post(
        "/device",
        summary="Sign in a device, by a user's password",
        response_class=Response,
        responses={**_PAGES, **error_responses(413)},
        openapi_extra={**_OPEN, "requestBody": _APPROVAL},
    )
    @_on_a_page
    async def approve_device(raw: RawBody, request: Request) -> Response:
        fields = read_form(raw, "user_code", "username", "password")
        code = readable_code(fields["user_code"])
        try:
            await sign_in.approve_device(
                code, fields["username"], fields["password"], _address(request)
            )
        except ApiError as error:
            known = await run_in_threadpool(browser.providers)
            return answer_page(device_page(code, known, error.message), error.status)
        return answer_page(sentence_page(_SIGNED_IN))

    @routes.get(
        "/device/provider",
        summary="Sign in a device, by an identity provider",
        status_code=302,
        response_class=Response,
        responses=_REFUSALS,
        openapi_extra=_OPEN,
    )
    @_on_a_page
    async def send_for_device(
        request: Request, user_code: QueryText = None, provider: QueryText = None
    ) -> Response:
        _require_texts(provider)
        limit.require(_address(request))
        code = readable_code(user_code or "")
        if not await run_in_threadpool(devices.waits, code):
            raise BadRequest("No device shows this code, or it has ended. Begin again there.")
        sent = await run_in_threadpool(
            browser.send_for_device, code, provider, own_address(request)
        )
        answer = RedirectResponse(sent.location, 302)
        # Whoever comes back must be whom we sent: a link from somebody else signs nobody in.
        answer.set_cookie(
            _COOKIE,
            sent.state,
            max_age=int(LIFETIME_SECONDS),
            httponly=True,
            samesite="lax",
            secure=own_address(request).startswith("https:"),
        )
        return answer


def _on_a_page(
    operation: Callable[Parameters, Awaitable[Response]],
) -> Callable[Parameters, Awaitable[Response]]:
    """The operation, whose errors a person reads."""

    @wraps(operation)
    async def answer(*positional: Parameters.args, **named: Parameters.kwargs) -> Response:
        try:
            return await operation(*positional, **named)
        except ApiError as error:
            return answer_page(sentence_page(error.message), error.status)

    return answer


def _require_texts(*texts: str | None) -> None:
    if any("\0" in (text or "") for text in texts):
        raise BadRequest("The address has a NUL character.")


def _address(request: Request) -> str:
    return "" if request.client is None else request.client.host
