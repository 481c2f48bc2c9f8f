"""HTTP of identity providers."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from windlass.identity.authentication import Authentication
from windlass.identity.providers.schemas import Mappers, ProviderRequest
from windlass.identity.providers.service import Providers
from windlass.identity.providers.views import mappers_view, provider_view
from windlass.identity.tokens import Caller
from windlass.kit.bodies import parse_body, request_body
from windlass.kit.http import ContentType, RawBody, error_responses, own_address

_BASE = "/api/v1/idps"
_ONE = _BASE + "/{idp}"
_MAPPERS = _ONE + "/mappers"


def callback_address(request: Request, alias: str) -> str:
    """Where a provider sends users back to: what has to be registered there."""
    return f"{own_address(request)}/sign-in/{alias}/callback"


def router(providers: Providers, authenticated: Authentication) -> APIRouter:
    """The routes of identity providers."""
    routes = APIRouter(tags=["Identity providers"], responses=error_responses(401, 403, 503))
    AuthenticatedCaller = Annotated[Caller, Depends(authenticated)]  # noqa: N806

    @routes.get(_BASE, summary="List identity providers")
    def get_idps(request: Request, caller: AuthenticatedCaller) -> list[dict[str, Any]]:
        return [
            provider_view(row, callback_address(request, row.alias))
            for row in providers.list_all(caller)
        ]

    @routes.post(
        _BASE,
        status_code=201,
        summary="Let users sign in with an identity provider",
        responses=error_responses(400, 409, 413),
        openapi_extra=request_body(ProviderRequest),
    )
    def create_idp(
        raw: RawBody, content_type: ContentType, caller: AuthenticatedCaller
    ) -> dict[str, Any]:
        request = parse_body(ProviderRequest, raw, content_type)
        return {"alias": providers.create(request, caller)}

    @routes.get(_ONE, summary="Show an identity provider", responses=error_responses(404))
    def get_idp(idp: str, request: Request, caller: AuthenticatedCaller) -> dict[str, Any]:
        return provider_view(providers.show(idp, caller), callback_address(request, idp))

    @routes.put(
        _ONE,
        summary="Change an identity provider",
        response_class=Response,
        responses=error_responses(400, 404, 413),
        openapi_extra=request_body(ProviderRequest),
    )
    def update_idp(
        idp: str, raw: RawBody, content_type: ContentType, caller: AuthenticatedCaller
    ) -> Response:
        providers.replace(idp, parse_body(ProviderRequest, raw, content_type), caller)
        return Response()

    @routes.delete(
        _ONE,
        summary="Remove an identity provider",
        response_class=Response,
        responses=error_responses(404),
    )
    def delete_idp(idp: str, caller: AuthenticatedCaller) -> Response:
        providers.delete(idp, caller)
        return Response()

    @routes.get(_MAPPERS, summary="Show which claim says what", responses=error_responses(404))
    def get_idp_mappers(idp: str, caller: AuthenticatedCaller) -> dict[str, Any]:
        return mappers_view(providers.show(idp, caller))

    @routes.put(
        _MAPPERS,
        status_code=202,
        summary="Change which claim says what",
        response_class=Response,
        responses=error_responses(400, 404, 413),
        openapi_extra=request_body(Mappers),
    )
    def update_idp_mappers(
        idp: str, raw: RawBody, content_type: ContentType, caller: AuthenticatedCaller
    ) -> Response:
        providers.change_mappers(idp, parse_body(Mappers, raw, content_type), caller)
        return Response(status_code=202)

    return routes
