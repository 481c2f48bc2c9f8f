"""HTTP of applications, under their name of today and their former one."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Response

from windlass.identity.applications.schemas import ApplicationChangeRequest
from windlass.identity.applications.service import Applications
from windlass.identity.applications.views import application_view
from windlass.identity.authentication import Authentication
from windlass.identity.names import NamedCreationRequest
from windlass.identity.tokens import Caller
from windlass.kit.bodies import parse_body, request_body
from windlass.kit.http import ContentType, RawBody, error_responses


def router(applications: Applications, authenticated: Authentication) -> APIRouter:
    """The routes of service accounts, and of applications."""
    routes = APIRouter()
    routes.include_router(
        _router(
            applications,
            authenticated,
            "/api/v1/service-accounts",
            "serviceAccountId",
            "service account",
            "clientSecret",
        ),
        tags=["Service accounts"],
    )
    routes.include_router(
        _router(applications, authenticated, "/api/v1/apps", "appId", "application", "secret"),
        tags=["Applications"],
        deprecated=True,
    )
    return routes


def _router(
    applications: Applications,
    authenticated: Authentication,
    base: str,
    parameter: str,
    thing: str,
    secret_name: str,
) -> APIRouter:
    routes = APIRouter(responses=error_responses(400, 401, 403, 503))
    one = f"{base}/{{{parameter}}}"
    operation = thing.replace(" ", "_")
    AuthenticatedCaller = Annotated[Caller, Depends(authenticated)]  # noqa: N806
    Id = Annotated[str, Path(alias=parameter)]  # noqa: N806

    @routes.get(base, summary=f"List {thing}s", operation_id=f"get_{operation}s")
    def list_all(caller: AuthenticatedCaller) -> list[dict[str, Any]]:
        return [application_view(row) for row in applications.list_all(caller)]

    @routes.post(
        base,
        status_code=201,
        summary=f"Create a {thing}",
        operation_id=f"create_{operation}",
        responses=error_responses(409, 413),
        openapi_extra=request_body(NamedCreationRequest),
    )
    def create(
        raw: RawBody, content_type: ContentType, caller: AuthenticatedCaller
    ) -> dict[str, Any]:
        request = parse_body(NamedCreationRequest, raw, content_type)
        created = applications.create(request, caller)
        return {
            "id": created.id,
            "name": created.client_id,
            "clientId": created.client_id,
            secret_name: created.secret,
        }

    @routes.get(
        one,
        summary=f"Show a {thing}",
        operation_id=f"get_{operation}_by_id",
        responses=error_responses(404),
    )
    def show(application_id: Id, caller: AuthenticatedCaller) -> dict[str, Any]:
        return application_view(applications.show(application_id, caller))

    @routes.patch(
        one,
        summary=f"Let a {thing} sign in, or not any more",
        operation_id=f"update_{operation}_by_id",
        response_class=Response,
        responses=error_responses(404, 409, 413),
        openapi_extra=request_body(ApplicationChangeRequest),
    )
    def change(
        application_id: Id, raw: RawBody, content_type: ContentType, caller: AuthenticatedCaller
    ) -> Response:
        request = parse_body(ApplicationChangeRequest, raw, content_type)
        applications.change(application_id, request, caller)
        return Response()

    @routes.delete(
        one,
        status_code=204,
        summary=f"Delete a {thing}",
        operation_id=f"delete_{operation}_by_id",
        responses=error_responses(404, 409),
    )
    def delete(application_id: Id, caller: AuthenticatedCaller) -> Response:
        applications.delete(application_id, caller)
        return Response(status_code=204)

    @routes.post(
        f"{one}/secret",
        summary=f"Give a {thing} a new secret",
        operation_id=f"regenerate_{operation}_secret",
        responses=error_responses(404),
    )
    def regenerate_secret(application_id: Id, caller: AuthenticatedCaller) -> dict[str, Any]:
        return {secret_name: applications.regenerate_secret(application_id, caller)}

    return routes
