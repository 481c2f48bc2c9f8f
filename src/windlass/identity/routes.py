"""HTTP of identity: tokens, and the check every other route depends on."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool

from windlass.audit.origin import made_by
from windlass.identity.operations import check
from windlass.identity.permissions import Permissions
from windlass.identity.service import SignIn
from windlass.identity.tokens import LIFETIME_SECONDS, Caller, TokenAuthority
from windlass.kit.errors import Unauthorized
from windlass.kit.http import RawBody, error_responses
from windlass.kit.strict_json import read_json_object


class Authentication:
    """A dependency of routes: the caller, by the request's bearer token.

    What takes a permission at the tenant is refused here to those who do not have it.
    """

    def __init__(
        self, authority: TokenAuthority, permissions: Permissions, *, in_thread: bool
    ) -> None:
        """`in_thread` where the store is across a network, for which nobody else shall wait."""
        self._authority = authority
        self._permissions = permissions
        self._in_thread = in_thread

    async def __call__(self, request: Request) -> Caller:
        """Raises Unauthorized, Forbidden."""
        caller = self._caller(request)
        made_by(caller.name, caller.type, caller.tenant_id)
        words = self._permissions, caller, request.method, request.scope["route"].path
        if self._in_thread:
            await run_in_threadpool(check, *words)
        else:
            check(*words)
        return caller

    def _caller(self, request: Request) -> Caller:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Unauthorized(
                "The request carries no bearer token. Ask for one at /api/v1/token and send it as "
                "'Authorization: Bearer <token>'."
            )
        return self._authority.verify(token.strip())


_TOKEN_REQUEST = {
    "type": "object",
    "required": ["grantType"],
    "properties": {
        "grantType": {"enum": ["app_token", "client_credentials", "password"]},
        **{
            name: {"type": "string"}
            for name in (
                "appID",
                "appSecret",
                "clientID",
                "clientSecret",
                "username",
                "password",
            )
        },
    },
}


def router(sign_in: SignIn) -> APIRouter:
    """The routes of identity."""
    routes = APIRouter(tags=["Tokens"])

    @routes.post(
        "/api/v1/token",
        summary="Exchange credentials for a bearer token",
        responses=error_responses(400, 401, 413, 503),
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": _TOKEN_REQUEST}},
            },
            "security": [],
        },
    )
    def create_token(raw: RawBody) -> dict[str, Any]:
        token = sign_in.grant(read_json_object(raw))
        return {"accessToken": token, "idToken": token, "expiresIn": LIFETIME_SECONDS}

    return routes
