"""Bodies and answers of access rules, roles and permissions."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from sqlalchemy import Row

from windlass.identity.permissions import Grants, Scopes
from windlass.identity.roles import Action, Permission, ResourceType, Role, resource_kinds, roles
from windlass.kit.errors import BadRequest
from windlass.kit.timestamps import optional_to_wire, to_wire

MOST_AT_ONCE = 1000
_LONGEST_SUBJECT = 320
# Roles come with the platform: all at once, when this set of them was settled.
_ROLES_SINCE = "2026-01-01T00:00:00.000Z"

SubjectType = Literal["user", "app", "service-account", "group"]
ScopeType = Literal["system", "tenant", "cluster", "department", "project"]


class _Body(BaseModel):
    model_config = ConfigDict(
        strict=True, frozen=True, extra="ignore", alias_generator=to_camel, protected_namespaces=()
    )


class Subject(_Body):
    """Whom a rule is for."""

    subject_id: str = Field(min_length=1, max_length=_LONGEST_SUBJECT)
    subject_type: SubjectType


class ScopeReference(_Body):
    """What a rule is for."""

    scope_id: str = Field(min_length=1, max_length=64)
    scope_type: ScopeType


class AccessRuleCreation(Subject, ScopeReference):
    """The body of one rule."""

    role_id: int = Field(ge=0, le=2**31 - 1)
    cluster_id: str | None = Field(default=None, max_length=64)


class _BatchPayload(_Body):
    role_id: int = Field(ge=0, le=2**31 - 1)
    cluster_id: str | None = Field(default=None, max_length=64)
    subjects: list[Subject] = Field(min_length=1, max_length=MOST_AT_ONCE)
    scopes: list[ScopeReference] = Field(min_length=1, max_length=MOST_AT_ONCE)


class BatchCreation(_Body):
    """The body of many rules: every subject at every scope."""

    payload: _BatchPayload

    def rules(self) -> list[AccessRuleCreation]:
        """Each of them. Raises BadRequest when there are too many."""
        given = self.payload
        if len(given.subjects) * len(given.scopes) > MOST_AT_ONCE:
            raise BadRequest(
                f"payload: is {len(given.subjects) * len(given.scopes)} rules; it must be at most "
                f"{MOST_AT_ONCE} subjects times scopes"
            )
        return [
            AccessRuleCreation.model_construct(
                **dict(subject), **dict(scope), role_id=given.role_id, cluster_id=given.cluster_id
            )
            for subject in given.subjects
            for scope in given.scopes
        ]


class BatchDeletion(_Body):
    """The body that ends many rules, or says which of them could be ended."""

    ids: list[str] = Field(min_length=1, max_length=MOST_AT_ONCE)
    action: Literal["delete", "validate_delete"]


class PermittedScopesQuestion(_Body):
    """The body that asks where something is permitted."""

    resource_type: Literal[tuple(kind.value for kind in ResourceType)]  # type: ignore[valid-type]
    action: Literal["create", "read", "update", "delete"] | None = None


def rule_view(row: Row[Any]) -> dict[str, Any]:
    """A rule, as the one whom it concerns sees it."""
    view = {
        "id": row.id,
        "tenantId": row.tenant_id,
        "subjectId": row.subject_id,
        "subjectType": row.subject_type,
        "roleId": row.role_id,
        "roleName": roles()[row.role_id].name,
        "scopeId": row.scope_id,
        "scopeType": row.scope_type,
        "scopeName": row.scope_name,
    }
    if row.cluster_id is not None:
        view["clusterId"] = row.cluster_id
    return view


def managed_rule_view(row: Row[Any]) -> dict[str, Any]:
    """A rule, as those see it who manage rules."""
    return {
        **rule_view(row),
        "createdAt": to_wire(row.created_at),
        "updatedAt": to_wire(row.updated_at),
        "deletedAt": optional_to_wire(row.deleted_at),
        "createdBy": row.created_by,
        "status": {"phase": "Ready" if row.deleted_at is None else "Deleting"},
    }


def role_view(role: Role) -> dict[str, Any]:
    """A role with all its permissions."""
    return {
        "id": role.id,
        "name": role.name,
        "description": role.description,
        "permissions": permission_views(role.permissions),
        "custom": False,
        "enabled": True,
        "effectiveEnabled": True,
        "createdAt": _ROLES_SINCE,
        "updatedAt": _ROLES_SINCE,
        "deletedAt": None,
        "createdBy": "windlass",
        "kubernetesPermissions": {"predefinedRole": None},
    }


def permission_views(permissions: Iterable[Permission]) -> list[dict[str, Any]]:
    """Permissions by resource type."""
    held = set(permissions)
    views = []
    for kind in resource_kinds().values():
        actions = [action.value for action in Action if (kind.type, action) in held]
        if actions:
            views.append(
                {
                    "resourceType": kind.type.value,
                    "displayName": kind.display_name,
                    "groupId": kind.group,
                    "actions": actions,
                }
            )
    return views


def permitted_scopes_view(
    grants: Grants, question: PermittedScopesQuestion, units: Mapping[str, tuple[str, str]]
) -> dict[str, Any]:
    """Where each action is permitted; nowhere for those not asked for.

    `units` gives a path's scope type and id.
    """
    resource = ResourceType(question.resource_type)
    wanted = {question.action} if question.action else {action.value for action in Action}
    nowhere = Scopes(frozenset())
    return {
        action.value: _scopes_view(
            grants.by_permission.get((resource, action), nowhere)
            if action.value in wanted
            else nowhere,
            units,
        )
        for action in Action
    }


def _scopes_view(scopes: Scopes, units: Mapping[str, tuple[str, str]]) -> dict[str, Any]:
    found: dict[str, list[str]] = {
        "tenants": [],
        "clusters": [],
        "departments": [],
        "projects": [],
    }
    is_system = False
    for path in sorted(scopes.paths):
        scope_type, scope_id = units[path]
        if scope_type == "system":
            is_system = True
        else:
            found[f"{scope_type}s"].append(scope_id)
    view: dict[str, Any] = {"system": is_system, **found}
    if found["tenants"]:
        view["tenant"] = found["tenants"][0]
    return view
