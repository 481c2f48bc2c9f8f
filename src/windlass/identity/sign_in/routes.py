"""HTTP of tokens."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response
from starlette.concurrency import run_in_threadpool

from windlass.identity.authentication import Authentication
from windlass.identity.sign_in.grants import DEVICE_CODE, Grants
from windlass.identity.sign_in.oauth import answer_in_oauth_form, read_form, with_basic_credentials
from windlass.identity.sign_in.service import Granted, SignIn
from windlass.identity.signing_keys import LIFETIME_SECONDS
from windlass.identity.tokens import Presented, TokenAuthority
from windlass.kit.http import RawBody, error_responses
from windlass.kit.strict_json import read_json_object

_OPEN: dict[str, Any] = {"security": []}
_NOT_STORED = {"Cache-Control": "no-store"}


def router(
    sign_in: SignIn, grants: Grants, authority: TokenAuthority, authenticated: Authentication
) -> APIRouter:
    """The routes of tokens and of the keys that verify them."""
    routes = APIRouter(tags=["Tokens"])

    @routes.post(
        "/api/v1/token",
        summary="Exchange credentials for a bearer token",
        responses=error_responses(400, 401, 413, 429, 503),
        openapi_extra=_request("application/json", _V1_REQUEST),
    )
    async def grant_token(raw: RawBody, request: Request) -> JSONResponse:
        granted = await grants.grant(read_json_object(raw), _address(request))
        return JSONResponse(_v1_answer(granted), headers=_NOT_STORED)

    @routes.post(
        "/api/v2/token",
        summary="Exchange credentials for a bearer token, as OAuth 2.0 has it",
        responses={**_OAUTH_ERRORS, **error_responses(413, 503)},
        openapi_extra=_request(_FORM, _V2_REQUEST),
    )
    @answer_in_oauth_form
    async def grant_token_v2(raw: RawBody, request: Request) -> Response:
        fields = with_basic_credentials(read_form(raw), request.headers.get("authorization"))
        granted = await grants.grant(fields, _address(request))
        return JSONResponse(_v2_answer(granted), headers=_NOT_STORED)

    @routes.post(
        "/api/v2/token/revoke",
        summary="Sign out: end a token and its sign-in",
        response_class=Response,
        responses={400: _OAUTH_ERRORS[400], **error_responses(413, 503)},
        openapi_extra=_request(_FORM, _REVOCATION_REQUEST),
    )
    @answer_in_oauth_form
    async def revoke_token(raw: RawBody, request: Request) -> Response:  # noqa: ARG001
        # RFC 7009: a token that nobody knows is as ended as one can be.
        await run_in_threadpool(sign_in.sign_out, read_form(raw, "token")["token"])
        return Response()

    @routes.post(
        "/api/v1/logout",
        summary="Sign out: end the token of this request and its sign-in",
        response_class=Response,
        responses=error_responses(401, 403, 503),
    )
    def logout(presented: Annotated[Presented, Depends(authenticated.presented)]) -> Response:
        sign_in.end(presented.signed_in.session_id, presented.caller)
        return Response()

    @routes.post(
        "/v1/k8s/auth/oauth/apptoken",
        summary="Exchange an application's secret for a bearer token, as the oldest clients do",
        deprecated=True,
        responses=error_responses(400, 401, 413, 429, 503),
        openapi_extra=_request("application/json", _OLDEST_REQUEST),
    )
    async def app_token(raw: RawBody, request: Request) -> JSONResponse:
        body = read_json_object(raw)
        fields = {
            "grantType": "app_token",
            "appID": body.get("name"),
            "appSecret": body.get("secret"),
        }
        granted = await grants.grant(fields, _address(request))
        answer = {"access_token": granted.access_token, "id_token": granted.access_token}
        return JSONResponse(answer, headers=_NOT_STORED)

    @routes.get(
        "/.well-known/jwks.json",
        summary="Show the keys that verify tokens",
        responses=error_responses(503),
        openapi_extra=_OPEN,
    )
    def jwks() -> JSONResponse:
        return JSONResponse(dict(authority.jwks()), headers={"Cache-Control": "max-age=300"})

    return routes


def _v1_answer(granted: Granted) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "accessToken": granted.access_token,
        "idToken": granted.access_token,
        "expiresIn": LIFETIME_SECONDS,
    }
    if granted.refresh_token is not None:
        answer["refreshToken"] = granted.refresh_token
    if granted.must_change_password:
        answer["mustChangePassword"] = True
    return answer


def _v2_answer(granted: Granted) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "access_token": granted.access_token,
        "id_token": granted.access_token,
        "token_type": "Bearer",
        "expires_in": LIFETIME_SECONDS,
    }
    if granted.refresh_token is not None:
        answer["refresh_token"] = granted.refresh_token
    if granted.must_change_password:
        answer["must_change_password"] = True
    return answer


def _address(request: Request) -> str:
    return "" if request.client is None else request.client.host


_FORM = "application/x-www-form-urlencoded"


def _request(media_type: str, schema: dict[str, Any]) -> dict[str, Any]:
    body = {"required": True, "content": {media_type: {"schema": schema}}}
    return {"requestBody": body, **_OPEN}


def _texts(*names: str) -> dict[str, Any]:
    return {name: {"type": "string"} for name in names}


_V1_REQUEST = {
    "type": "object",
    "required": ["grantType"],
    "properties": {
        "grantType": {
            "enum": [
                "app_token",
                "client_credentials",
                "external_token_exchange",
                "password",
                "refresh_token",
            ]
        },
        **_texts(
            "appID",
            "appSecret",
            "clientID",
            "clientSecret",
            "username",
            "password",
            "refreshToken",
            "externalToken",
        ),
    },
}
_V2_REQUEST = {
    "type": "object",
    "required": ["grant_type"],
    "properties": {
        "grant_type": {
            "enum": [
                "authorization_code",
                "client_credentials",
                "password",
                "refresh_token",
                DEVICE_CODE,
            ]
        },
        **_texts(
            "client_id",
            "client_secret",
            "username",
            "password",
            "refresh_token",
            "code",
            "redirect_uri",
            "code_verifier",
            "device_code",
        ),
    },
}
_OLDEST_REQUEST = {
    "type": "object",
    "required": ["id", "name", "secret"],
    "properties": _texts("id", "name", "secret"),
}
_REVOCATION_REQUEST = {
    "type": "object",
    "required": ["token"],
    "properties": _texts("token", "token_type_hint"),
}
_OAUTH_ERROR = {"$ref": "#/components/schemas/OAuthError"}
_OAUTH_ERRORS: dict[int | str, dict[str, Any]] = {
    status: {
        "description": "Refused, in the form of RFC 6749",
        "content": {"application/json": {"schema": _OAUTH_ERROR}},
    }
    for status in (400, 401, 429)
}
