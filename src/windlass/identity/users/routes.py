"""HTTP of users."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response

from windlass.identity.authentication import Authentication
from windlass.identity.tokens import Caller, Presented
from windlass.identity.users.schemas import (
    PasswordChangeRequest,
    UserChangeRequest,
    UserCreationRequest,
)
from windlass.identity.users.service import Users
from windlass.identity.users.views import user_view
from windlass.kit.bodies import parse_body, request_body
from windlass.kit.http import ContentType, QueryText, RawBody, error_responses, list_query
from windlass.kit.paging import MAXIMUM_LIMIT, ListQuery

_USERS = "/api/v1/users"
_USER = _USERS + "/{userId}"


async def users_query(
    offset: QueryText = None,
    limit: QueryText = None,
    filterBy: QueryText = None,  # noqa: N803
    filter: QueryText = None,  # noqa: A002
    sortBy: QueryText = None,  # noqa: N803
    sortOrder: QueryText = None,  # noqa: N803
    search: QueryText = None,
) -> ListQuery:
    """The parameters of the list; `filter` is what `filterBy` was once called."""
    most = str(MAXIMUM_LIMIT) if limit is None else limit
    return await list_query(offset, most, filterBy or filter, sortBy, sortOrder, search)


def router(users: Users, authenticated: Authentication) -> APIRouter:
    """The routes of users."""
    routes = APIRouter(tags=["Users"], responses=error_responses(400, 401, 403, 503))
    AuthenticatedCaller = Annotated[Caller, Depends(authenticated)]  # noqa: N806
    Query = Annotated[ListQuery, Depends(users_query)]  # noqa: N806

    @routes.get(_USERS, summary="List users")
    def get_users(query: Query, caller: AuthenticatedCaller) -> list[dict[str, Any]]:
        return [user_view(row) for row in users.list_all(query, caller)]

    @routes.post(
        _USERS,
        status_code=201,
        summary="Create a user",
        responses=error_responses(409, 413),
        openapi_extra=request_body(UserCreationRequest),
    )
    def create_user(
        raw: RawBody, content_type: ContentType, caller: AuthenticatedCaller
    ) -> dict[str, Any]:
        return users.create(parse_body(UserCreationRequest, raw, content_type), caller)

    @routes.get(_USERS + "/count", summary="Count users")
    def count_users(query: Query, caller: AuthenticatedCaller) -> dict[str, int]:
        return {"count": users.count(query, caller)}

    @routes.get(_USER, summary="Show a user", responses=error_responses(404))
    def get_user_by_id(userId: str, caller: AuthenticatedCaller) -> dict[str, Any]:  # noqa: N803
        return user_view(users.show(userId, caller))

    @routes.patch(
        _USER,
        summary="Let a user sign in, or not any more",
        responses=error_responses(404, 409, 413),
        openapi_extra=request_body(UserChangeRequest),
    )
    def update_user_by_id(
        userId: str,  # noqa: N803
        raw: RawBody,
        content_type: ContentType,
        caller: AuthenticatedCaller,
    ) -> dict[str, Any]:
        users.change(userId, parse_body(UserChangeRequest, raw, content_type), caller)
        return user_view(users.show(userId, caller))

    @routes.delete(
        _USER, status_code=204, summary="Delete a user", responses=error_responses(404, 409)
    )
    def delete_user_by_id(userId: str, caller: AuthenticatedCaller) -> Response:  # noqa: N803
        users.delete(userId, caller)
        return Response(status_code=204)

    @routes.post(
        _USER + "/logout",
        summary="End a user's sign-ins",
        response_class=Response,
        responses=error_responses(404),
    )
    def logout_user(userId: str, caller: AuthenticatedCaller) -> Response:  # noqa: N803
        users.sign_out(userId, caller)
        return Response()

    @routes.post(
        _USER + "/password",
        summary="Give a user a temporary password",
        responses=error_responses(404),
    )
    def reset_user_password(userId: str, caller: AuthenticatedCaller) -> dict[str, Any]:  # noqa: N803
        return {"tempPassword": users.reset_password(userId, caller)}

    @routes.post(
        "/api/v1/me/password",
        summary="Change your password",
        responses=error_responses(404, 409, 413),
        openapi_extra=request_body(PasswordChangeRequest),
    )
    def change_user_password(
        raw: RawBody,
        content_type: ContentType,
        presented: Annotated[Presented, Depends(authenticated.presented)],
    ) -> dict[str, Any]:
        change = parse_body(PasswordChangeRequest, raw, content_type)
        users.change_own_password(change, presented.caller)
        return {}

    return routes
