"""HTTP of identity: tokens, and the check every other route depends on."""

from typing import Any

from fastapi import APIRouter, Request

from windlass.identity.service import SignIn
from windlass.identity.tokens import LIFETIME_SECONDS, Caller, TokenAuthority
from windlass.kit.errors import Unauthorized
from windlass.kit.http import RawBody, error_responses
from windlass.kit.strict_json import read_json_object


class Authentication:
    """A dependency of routes: the caller, by the request's bearer token."""

    def __init__(self, authority: TokenAuthority) -> None:
        self._authority = authority

    async def __call__(self, request: Request) -> Caller:
        """Raises Unauthorized."""
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
