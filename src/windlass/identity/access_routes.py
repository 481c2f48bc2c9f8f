"""HTTP of roles, access rules and permissions."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response

from windlass.identity.access_schemas import (
    AccessRuleCreation,
    BatchCreation,
    BatchDeletion,
    PermittedScopesQuestion,
    managed_rule_view,
    permission_views,
    permitted_scopes_view,
    role_view,
    rule_view,
)
from windlass.identity.access_service import AccessRules, RuleSelection
from windlass.identity.permissions import Permissions
from windlass.identity.roles import ResourceType, roles
from windlass.identity.tokens import Caller
from windlass.kit.bodies import parse_body, request_body
from windlass.kit.errors import BadRequest, NotFound
from windlass.kit.http import ContentType, QueryText, RawBody, error_responses, list_query
from windlass.kit.ids import new_id
from windlass.kit.paging import ListQuery, boolean_of, split_list
from windlass.kit.timestamps import from_wire

_BASE = "/api/v1/authorization"
_RULES = f"{_BASE}/access-rules"
_MINE = f"{_BASE}/me/access-rules"
Query = Annotated[ListQuery, Depends(list_query)]


async def rule_selection(
    subjectType: QueryText = None,  # noqa: N803
    subjectIdFilter: QueryText = None,  # noqa: N803
    subjectIds: QueryText = None,  # noqa: N803
    clusterId: QueryText = None,  # noqa: N803
    scopeType: QueryText = None,  # noqa: N803
    scopeId: QueryText = None,  # noqa: N803
    roleId: QueryText = None,  # noqa: N803
    lastUpdated: QueryText = None,  # noqa: N803
    includeDeleted: QueryText = None,  # noqa: N803
) -> RuleSelection:
    """The parameters that only access rules have. Raises BadRequest."""
    texts = (subjectType, subjectIdFilter, subjectIds, clusterId, scopeType, scopeId)
    if any("\0" in text for text in texts if text):
        raise BadRequest("A parameter has a NUL character.")
    wanted = split_list(subjectIds) + ([subjectIdFilter] if subjectIdFilter else [])
    return RuleSelection(
        subject_type=subjectType,
        subject_ids=wanted,
        cluster_id=clusterId.lower() if clusterId else None,
        scope_type=scopeType,
        scope_id=scopeId,
        role_id=None if roleId is None else _role_number("roleId", roleId),
        updated_since=_moment(lastUpdated),
        include_deleted=boolean_of("includeDeleted", includeDeleted),
    )


Selection = Annotated[RuleSelection, Depends(rule_selection)]


def router(
    rules: AccessRules, permissions: Permissions, authenticated: Callable[..., Any]
) -> APIRouter:
    """The routes of roles, access rules and permissions."""
    routes = APIRouter(tags=["Access"], responses=error_responses(400, 401, 403, 503))
    _add_roles(routes, authenticated)
    _add_rules(routes, rules, authenticated)
    _add_batches(routes, rules, authenticated)
    _add_own(routes, rules, permissions, authenticated)
    return routes


def _add_roles(routes: APIRouter, authenticated: Callable[..., Any]) -> None:
    signed_in = [Depends(authenticated)]

    @routes.get(f"{_BASE}/roles", summary="List roles", dependencies=signed_in)
    def list_roles() -> list[dict[str, Any]]:
        return [role_view(role) for role in roles().values()]

    @routes.get(
        f"{_BASE}/roles/{{roleIdPath}}",
        summary="Show a role",
        dependencies=signed_in,
        responses=error_responses(404),
    )
    def get_role(roleIdPath: str) -> dict[str, Any]:  # noqa: N803
        role = roles().get(_role_number("roleIdPath", roleIdPath))
        if role is None:
            raise NotFound(f"There is no role with the id {roleIdPath!r}.")
        return role_view(role)


def _add_rules(routes: APIRouter, rules: AccessRules, authenticated: Callable[..., Any]) -> None:
    SignedIn = Annotated[Caller, Depends(authenticated)]  # noqa: N806

    @routes.post(
        _RULES,
        status_code=201,
        summary="Give a subject a role at a scope",
        responses=error_responses(404, 409, 413),
        openapi_extra=request_body(AccessRuleCreation),
    )
    def create_access_rule(
        raw: RawBody, content_type: ContentType, caller: SignedIn
    ) -> dict[str, Any]:
        body = parse_body(AccessRuleCreation, raw, content_type)
        return managed_rule_view(rules.create(caller, body))

    @routes.get(_RULES, summary="List access rules")
    def list_access_rules(caller: SignedIn, query: Query, selection: Selection) -> dict[str, Any]:
        total, rows = rules.rules(caller, selection, query)
        return _listed(total, [managed_rule_view(row) for row in rows])

    @routes.get(f"{_RULES}/count", summary="Count access rules")
    def count_access_rules(caller: SignedIn, query: Query, selection: Selection) -> dict[str, int]:
        return {"count": rules.count(caller, selection, query)}

    @routes.get(
        f"{_RULES}/{{accessRuleId}}",
        summary="Show an access rule",
        responses=error_responses(404),
    )
    def get_access_rule(accessRuleId: str, caller: SignedIn) -> dict[str, Any]:  # noqa: N803
        row = rules.rule(caller, accessRuleId)
        return {**managed_rule_view(row), "scopePath": row.scope_path}

    @routes.delete(
        f"{_RULES}/{{accessRuleId}}",
        status_code=204,
        summary="Take a role away again",
        responses=error_responses(404, 409),
        response_class=Response,
    )
    def delete_access_rule(accessRuleId: str, caller: SignedIn) -> None:  # noqa: N803
        rules.delete(caller, accessRuleId)


def _add_batches(routes: APIRouter, rules: AccessRules, authenticated: Callable[..., Any]) -> None:
    SignedIn = Annotated[Caller, Depends(authenticated)]  # noqa: N806

    @routes.post(
        f"{_RULES}/batch",
        summary="Take many roles away again",
        responses=error_responses(413),
        openapi_extra=request_body(BatchDeletion),
    )
    def delete_access_rules(
        raw: RawBody, content_type: ContentType, caller: SignedIn
    ) -> dict[str, Any]:
        body = parse_body(BatchDeletion, raw, content_type)
        only_validate = body.action == "validate_delete"
        return {"id": new_id(), **rules.delete_many(caller, body.ids, only_validate)}

    @routes.post(
        f"{_RULES}/batch-create",
        summary="Give many subjects a role at many scopes",
        responses=error_responses(413),
        openapi_extra=request_body(BatchCreation),
    )
    def create_access_rules(
        raw: RawBody, content_type: ContentType, caller: SignedIn
    ) -> dict[str, Any]:
        body = parse_body(BatchCreation, raw, content_type)
        return rules.create_many(caller, body.rules())


def _add_own(
    routes: APIRouter,
    rules: AccessRules,
    permissions: Permissions,
    authenticated: Callable[..., Any],
) -> None:
    SignedIn = Annotated[Caller, Depends(authenticated)]  # noqa: N806

    @routes.get(f"{_BASE}/permissions", summary="List what you may do somewhere")
    def list_permissions(caller: SignedIn) -> list[dict[str, Any]]:
        return permission_views(permissions.of(caller).by_permission)

    @routes.post(
        f"{_BASE}/permitted-scopes",
        summary="Show where you may do something",
        responses=error_responses(413),
        openapi_extra=request_body(PermittedScopesQuestion),
    )
    def show_permitted_scopes(
        raw: RawBody, content_type: ContentType, caller: SignedIn
    ) -> dict[str, Any]:
        question = parse_body(PermittedScopesQuestion, raw, content_type)
        grants = permissions.of(caller)
        resource = ResourceType(question.resource_type)
        paths = {
            path
            for (held, _), scopes in grants.by_permission.items()
            if held is resource
            for path in scopes.paths
        }
        return permitted_scopes_view(grants, question, rules.units_of(sorted(paths)))

    @routes.get(_MINE, summary="List the access rules that hold for you")
    def list_own_access_rules(caller: SignedIn, query: Query) -> dict[str, Any]:
        total, rows = rules.own_rules(caller, query)
        return {"accessRules": _listed(total, [rule_view(row) for row in rows])}

    @routes.get(f"{_MINE}/count", summary="Count the access rules that hold for you")
    def count_own_access_rules(caller: SignedIn, query: Query) -> dict[str, int]:
        return {"count": rules.own_count(caller, query)}


def _listed(total: int, views: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {"totalRecords": total, "displayRecords": len(views), "accessRules": list(views)}


def _role_number(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 10 or int(text) >= 2**31:
        raise BadRequest(f"{name}: is {text[:40]!r}; it must be an integer from 0 to {2**31 - 1}")
    return int(text)


def _moment(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        return from_wire(text)
    except (ValueError, OverflowError):
        raise BadRequest(
            f"lastUpdated: is {text[:40]!r}; it must be a date and time in ISO 8601"
        ) from None
