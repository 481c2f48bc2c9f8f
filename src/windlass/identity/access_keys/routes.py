"""HTTP of access keys, under their name of today and their former one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Response
from sqlalchemy import Row

from windlass.identity.access_keys.service import AccessKeys
from windlass.identity.access_keys.views import access_key_view, administration_view
from windlass.identity.authentication import Authentication
from windlass.identity.names import NamedCreationRequest
from windlass.identity.tokens import Caller
from windlass.kit.bodies import parse_body, request_body
from windlass.kit.http import ContentType, QueryText, RawBody, error_responses
from windlass.kit.timestamps import to_wire

View = Callable[[Row[Any]], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class _Wording:
    """How one version of the API calls things."""

    collection: str
    parameter: str
    thing: str
    plural: str
    secret: str
    list_name: str | None
    """The list's key in its answer; None where the answer is the list."""


_TODAY = _Wording(
    "access-keys", "accessKeyId", "access_key", "access_keys", "clientSecret", "accessKeys"
)
_FORMER = _Wording(
    "user-applications", "appId", "user_application", "user_applications", "secret", None
)


def router(access_keys: AccessKeys, authenticated: Authentication) -> APIRouter:
    """The routes of access keys, and of user applications."""
    routes = APIRouter()
    routes.include_router(_router(access_keys, authenticated, _TODAY), tags=["Access keys"])
    routes.include_router(
        _router(access_keys, authenticated, _FORMER), tags=["User applications"], deprecated=True
    )
    return routes


def _router(access_keys: AccessKeys, authenticated: Authentication, wording: _Wording) -> APIRouter:
    routes = APIRouter(responses=error_responses(400, 401, 403, 503))
    base = f"/api/v1/{wording.collection}"
    one = f"{base}/{{{wording.parameter}}}"
    words = wording.thing.replace("_", " ")
    AuthenticatedCaller = Annotated[Caller, Depends(authenticated)]  # noqa: N806
    Id = Annotated[str, Path(alias=wording.parameter)]  # noqa: N806

    @routes.get(
        base,
        summary=f"List your {words}s",
        operation_id=f"get_{wording.plural}",
        response_model=None,
    )
    def list_own(caller: AuthenticatedCaller) -> Any:
        return _listed(access_keys.list_own(caller), access_key_view, wording)

    @routes.post(
        base,
        status_code=201,
        summary=f"Create an {words}" if words[0] == "a" else f"Create a {words}",
        operation_id=f"create_{wording.thing}",
        responses=error_responses(409, 413),
        openapi_extra=request_body(NamedCreationRequest),
    )
    def create(
        raw: RawBody, content_type: ContentType, caller: AuthenticatedCaller
    ) -> dict[str, Any]:
        request = parse_body(NamedCreationRequest, raw, content_type)
        created = access_keys.create(request, caller)
        return {
            "id": created.id,
            "name": created.name,
            "clientId": created.client_id,
            wording.secret: created.secret,
            "createdAt": to_wire(created.created_at),
        }

    @routes.get(
        one,
        summary=f"Show one {words} of yours",
        operation_id=f"get_{wording.thing}_by_id",
        responses=error_responses(404),
    )
    def show(key_id: Id, caller: AuthenticatedCaller) -> dict[str, Any]:
        return access_key_view(access_keys.show(key_id, caller))

    @routes.delete(
        one,
        status_code=204,
        summary=f"Delete one {words} of yours",
        operation_id=f"delete_{wording.thing}_by_id",
        responses=error_responses(404),
    )
    def delete(key_id: Id, caller: AuthenticatedCaller) -> Response:
        access_keys.delete(key_id, caller)
        return Response(status_code=204)

    @routes.post(
        f"{one}/secret",
        summary=f"Give one {words} of yours a new secret",
        operation_id=f"regenerate_{wording.thing}_secret",
        responses=error_responses(404),
    )
    def regenerate_secret(key_id: Id, caller: AuthenticatedCaller) -> dict[str, Any]:
        return {"clientSecret": access_keys.regenerate_secret(key_id, caller)}

    _add_administration(routes, access_keys, authenticated, wording)
    return routes


def _add_administration(
    routes: APIRouter, access_keys: AccessKeys, authenticated: Authentication, wording: _Wording
) -> None:
    base = f"/api/v1/administration/{wording.collection}"
    words = wording.thing.replace("_", " ")
    AuthenticatedCaller = Annotated[Caller, Depends(authenticated)]  # noqa: N806
    Id = Annotated[str, Path(alias=wording.parameter)]  # noqa: N806

    @routes.get(
        base,
        summary=f"List every user's {words}s",
        operation_id=f"get_{wording.plural}_administration",
        response_model=None,
    )
    def list_of_all(
        caller: AuthenticatedCaller,
        clientId: QueryText = None,  # noqa: N803
        createdBy: QueryText = None,  # noqa: N803
    ) -> Any:
        found = access_keys.list_of_all(clientId, createdBy, caller)
        return _listed(found, administration_view, wording)

    @routes.delete(
        f"{base}/{{{wording.parameter}}}",
        status_code=204,
        summary=f"Delete any user's {words}",
        operation_id=f"delete_{wording.thing}_by_id_administration",
        responses=error_responses(404),
    )
    def delete_of_anyone(key_id: Id, caller: AuthenticatedCaller) -> Response:
        access_keys.delete_of_anyone(key_id, caller)
        return Response(status_code=204)


def _listed(rows: Sequence[Row[Any]], view: View, wording: _Wording) -> Any:
    entries = [view(row) for row in rows]
    return entries if wording.list_name is None else {wording.list_name: entries}
