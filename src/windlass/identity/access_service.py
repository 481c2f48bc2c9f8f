"""Use cases of access rules: who gives whom which role, where."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    case,
    func,
    literal,
    or_,
    select,
)
from sqlalchemy.exc import IntegrityError

from windlass.audit.origin import concerns
from windlass.audit.trail import Action as Deed
from windlass.audit.trail import Entity, record, record_part
from windlass.identity.access_rules import (
    APP,
    SERVICE_ACCOUNT,
    USER,
    Scope,
    ScopeDirectory,
    add_rule,
    concerns_caller,
    end_rules,
    rules_in_force,
)
from windlass.identity.access_schemas import AccessRuleCreation, managed_rule_view
from windlass.identity.permissions import Grants, Permissions, Scopes
from windlass.identity.roles import Action, ResourceType, Role, roles
from windlass.identity.tables import access_rule, application, user
from windlass.identity.tokens import Caller
from windlass.kit.clock import Clock
from windlass.kit.database import Database
from windlass.kit.errors import ApiError, BadRequest, Conflict, NotFound
from windlass.kit.paging import Field, ListQuery, apply_order, conditions_of, contains

_MOST_DIGITS = 10
_GONE_PHASE = "Deleting"
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,255}")
_ROLE_NAME = case(
    {role.id: role.name for role in roles().values()}, value=access_rule.c.role_id, else_=""
)
_PHASE = case((access_rule.c.deleted_at.is_(None), literal("Ready")), else_=literal(_GONE_PHASE))

FIELDS = {
    "subjectId": Field(access_rule.c.subject_id),
    "subjectType": Field(access_rule.c.subject_type),
    "roleId": Field(access_rule.c.role_id, int),
    "roleName": Field(_ROLE_NAME),
    "scopeId": Field(access_rule.c.scope_id),
    "scopeType": Field(access_rule.c.scope_type),
    "scopeName": Field(access_rule.c.scope_name),
    "createdAt": Field(access_rule.c.created_at, float),
    "deletedAt": Field(access_rule.c.deleted_at, float),
    "createdBy": Field(access_rule.c.created_by),
    "phase": Field(_PHASE),
}


@dataclass(frozen=True, slots=True)
class RuleSelection:
    """Which rules are asked for, beside what every list takes."""

    subject_type: str | None = None
    subject_ids: Sequence[str] = ()
    cluster_id: str | None = None
    scope_type: str | None = None
    scope_id: str | None = None
    role_id: int | None = None
    updated_since: float | None = None
    include_deleted: bool = False

    def conditions(self) -> list[ColumnElement[bool]]:
        """What must hold for a rule."""
        column = access_rule.c
        wanted = {
            column.subject_type: self.subject_type,
            column.cluster_id: self.cluster_id,
            column.scope_type: self.scope_type,
            column.scope_id: self.scope_id,
            column.role_id: self.role_id,
        }
        conditions = [key == value for key, value in wanted.items() if value is not None]
        if self.subject_ids:
            conditions.append(column.subject_id.in_(self.subject_ids))
        if self.updated_since is not None:
            conditions.append(column.updated_at >= self.updated_since)
        if not self.include_deleted:
            conditions.append(column.deleted_at.is_(None))
        return conditions


@dataclass(frozen=True, slots=True)
class AccessRules:
    """The use cases, with what they need."""

    database: Database
    permissions: Permissions
    directory: ScopeDirectory
    clock: Clock

    def create(self, caller: Caller, body: AccessRuleCreation) -> Row[Any]:
        """Give a subject a role at a scope.

        Raises BadRequest, NotFound of the role, the scope or an application, Forbidden, Conflict
        when there is the same rule already.
        """
        concerns(_title(body.subject_id, str(body.role_id)))
        role = roles().get(body.role_id)
        if role is None:
            raise NotFound(f"roleId: there is no role with the id {body.role_id}.")
        grants = self.permissions.of(caller)
        try:
            return self.database.write(lambda c: self._create(c, caller, grants, body, role))
        except IntegrityError:
            raise Conflict(
                f"{body.subject_type} {body.subject_id!r} has the role {role.name!r} at that "
                f"{body.scope_type} already."
            ) from None

    def rule(self, caller: Caller, rule_id: str) -> Row[Any]:
        """One rule that is in force. Raises NotFound, Forbidden."""
        grants = self.permissions.of(caller)
        with self.database.read() as connection:
            return _find(connection, caller, grants, rule_id, Action.READ)

    def delete(self, caller: Caller, rule_id: str, *, only_validate: bool = False) -> None:
        """End a rule, or say whether that could be done.

        Raises NotFound, Forbidden, Conflict if nobody could administer the tenant then.
        """

        grants = self.permissions.of(caller)

        def work(connection: Connection) -> None:
            row = _find(connection, caller, grants, rule_id, Action.DELETE)
            grants.require_assignable(row.role_id, row.scope_path, Action.DELETE)
            end_rules(connection, [row], self.clock.now())
            if only_validate:
                raise _NotMeant
            record(connection, Deed.DELETE, _entity(row))

        try:
            self.database.write(work)
        except _NotMeant:
            return

    def create_many(
        self, caller: Caller, bodies: Sequence[AccessRuleCreation]
    ) -> dict[str, list[dict[str, Any]]]:
        """Create each rule for itself: those that were made, and why others were not."""
        succeeded: list[dict[str, Any]] = []
        failed: list[dict[str, Any]] = []
        for body in bodies:
            try:
                succeeded.append(managed_rule_view(self.create(caller, body)))
            except ApiError as error:
                self._record_refusal(Deed.CREATE, error)
                payload = body.model_dump(by_alias=True, exclude_none=True)
                failed.append({"payload": payload, "code": error.status, "message": error.message})
        return {"succeeded": succeeded, "failed": failed}

    def delete_many(
        self, caller: Caller, ids: Sequence[str], only_validate: bool
    ) -> dict[str, list[Any]]:
        """End each rule for itself: the ids of those that are ended, and why others are not."""
        succeeded: list[str] = []
        failed: list[dict[str, Any]] = []
        for given in ids:
            number = rule_number(given)
            shown = given if number is None else rule_uuid(number)
            concerns("", shown)
            try:
                self.delete(caller, given, only_validate=only_validate)
            except ApiError as error:
                self._record_refusal(Deed.DELETE, error)
                failed.append({"id": shown, "code": error.status, "message": error.message})
            else:
                succeeded.append(shown)
        return {"succeeded": succeeded, "failed": failed}

    def _record_refusal(self, deed: Deed, error: ApiError) -> None:
        record_part(self.database, deed, ResourceType.ACCESS_RULES.value, error.status)

    def rules(
        self, caller: Caller, selection: RuleSelection, query: ListQuery
    ) -> tuple[int, Sequence[Row[Any]]]:
        """How many rules there are that the caller may see, and those of the page."""
        return self._page(self._readable(caller, selection, query), query)

    def count(self, caller: Caller, selection: RuleSelection, query: ListQuery) -> int:
        """How many rules the same filters find."""
        with self.database.read() as connection:
            return _count(connection, self._readable(caller, selection, query))

    def own_rules(self, caller: Caller, query: ListQuery) -> tuple[int, Sequence[Row[Any]]]:
        """The rules that hold for the caller: how many, and those of the page."""
        return self._page(_own(caller, query), query)

    def own_count(self, caller: Caller, query: ListQuery) -> int:
        """How many rules hold for the caller."""
        with self.database.read() as connection:
            return _count(connection, _own(caller, query))

    def units_of(self, paths: Sequence[str]) -> dict[str, tuple[str, str]]:
        """The scope type and id of paths that rules are for."""
        column = access_rule.c
        with self.database.read() as connection:
            found = connection.execute(
                select(column.scope_path, column.scope_type, column.scope_id)
                .where(column.scope_path.in_(paths))
                .distinct()
            )
            return {row.scope_path: (row.scope_type, row.scope_id) for row in found}

    def _create(
        self,
        connection: Connection,
        caller: Caller,
        grants: Grants,
        body: AccessRuleCreation,
        role: Role,
    ) -> Row[Any]:
        scope = self._scope(connection, grants, body)
        concerns(_title(body.subject_id, role.name), scope_path=scope.path)
        grants.require_assignable(role.id, scope.path, Action.CREATE)
        _require_subject(connection, body)
        now = self.clock.now()
        made = add_rule(
            connection,
            {
                "tenant_id": caller.tenant_id,
                "subject_type": body.subject_type,
                "subject_id": body.subject_id,
                "role_id": role.id,
                "scope_type": scope.type,
                "scope_id": scope.id,
                "scope_name": scope.name,
                "scope_path": scope.path,
                "cluster_id": scope.cluster_id,
                "created_at": now,
                "updated_at": now,
                "created_by": caller.name,
            },
        )
        row = connection.execute(select(access_rule).where(access_rule.c.id == made)).one()
        record(connection, Deed.CREATE, _entity(row))
        return row

    def _scope(self, connection: Connection, grants: Grants, body: AccessRuleCreation) -> Scope:
        unknown = NotFound(f"scopeId: there is no {body.scope_type} with the id {body.scope_id!r}.")
        scope = self.directory.find(connection, body.scope_type, body.scope_id)
        if scope is None:
            raise unknown
        grants.require(ResourceType.ACCESS_RULES, Action.CREATE, scope.path, unknown)
        if body.cluster_id is not None and scope.cluster_id != body.cluster_id.lower():
            told = f"is in {scope.cluster_id}" if scope.cluster_id else "belongs to no cluster"
            raise BadRequest(f"clusterId: is {body.cluster_id!r}, but the scope {told}")
        return scope

    def _readable(self, caller: Caller, selection: RuleSelection, query: ListQuery) -> Select[Any]:
        scopes = self.permissions.scopes(caller, ResourceType.ACCESS_RULES, Action.READ)
        conditions = [
            access_rule.c.tenant_id == caller.tenant_id,
            _within(scopes),
            *selection.conditions(),
        ]
        return select(access_rule).where(*conditions, *_asked_for(query))

    def _page(self, statement: Select[Any], query: ListQuery) -> tuple[int, Sequence[Row[Any]]]:
        ordered = apply_order(
            statement, FIELDS, query.sort_by, query.sort_order, access_rule.c.id, access_rule.c.id
        )
        page = ordered.offset(query.page.offset).limit(query.page.limit)
        with self.database.read() as connection:
            return _count(connection, statement), connection.execute(page).all()


class _NotMeant(Exception):
    """Rolls back what was only tried."""


def rule_number(text: str) -> int | None:
    """The number that a rule's id stands for: a decimal, or a UUID that is one padded with zeros,
    since the published form of a batch takes UUIDs alone."""
    if re.fullmatch(r"0{8}-0{4}-0{4}-0{4}-[0-9a-fA-F]{12}", text):
        number = int(text[-12:], 16)
    elif text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS:
        number = int(text)
    else:
        return None
    return number if 0 < number < 2**31 else None


def rule_uuid(number: int) -> str:
    """A rule's id as a UUID."""
    return f"00000000-0000-0000-0000-{number:012x}"


def _find(
    connection: Connection, caller: Caller, grants: Grants, rule_id: str, action: Action
) -> Row[Any]:
    """A rule in force on which the caller may do that. Raises NotFound, Forbidden."""
    unknown = NotFound(f"There is no access rule with the id {rule_id!r}.")
    number = rule_number(rule_id)
    rows = rules_in_force(connection, access_rule.c.id == number) if number else ()
    if not rows or rows[0].tenant_id != caller.tenant_id:
        raise unknown
    grants.require(ResourceType.ACCESS_RULES, action, rows[0].scope_path, unknown)
    return rows[0]


def _own(caller: Caller, query: ListQuery) -> Select[Any]:
    return select(access_rule).where(
        access_rule.c.deleted_at.is_(None), concerns_caller(caller), *_asked_for(query)
    )


def _asked_for(query: ListQuery) -> list[ColumnElement[bool]]:
    conditions = conditions_of(query.filter_by, FIELDS)
    if query.search:
        texts = (access_rule.c.subject_id, _ROLE_NAME, access_rule.c.scope_name)
        conditions.append(or_(*(contains(text, query.search) for text in texts)))
    return conditions


def _count(connection: Connection, statement: Select[Any]) -> int:
    counted = select(func.count()).select_from(statement.subquery())
    return int(connection.execute(counted).scalar_one())


def _within(scopes: Scopes) -> ColumnElement[bool]:
    path = access_rule.c.scope_path
    return or_(
        path.in_(scopes.paths),
        *(path.startswith(f"{outer}/", autoescape=True) for outer in sorted(scopes.paths)),
    )


def _require_subject(connection: Connection, body: AccessRuleCreation) -> None:
    """Raises NotFound of an application, BadRequest for what can be nobody's name."""
    name = body.subject_id
    if not name.isprintable() or name != name.strip():
        raise BadRequest("subjectId: must not begin or end with a space or have control characters")
    if body.subject_type in (APP, SERVICE_ACCOUNT):
        known = select(application.c.id).where(application.c.client_id == name)
        if connection.execute(known).first() is None:
            raise NotFound(f"subjectId: there is no application with the client id {name!r}.")
    if body.subject_type == USER and not _EMAIL.fullmatch(name):
        known = select(user.c.id).where(user.c.username == name)
        if connection.execute(known).first() is None:
            raise BadRequest(
                f"subjectId: {name!r} is neither a user of this platform nor an e-mail address, "
                "by which somebody who has not signed in yet is named"
            )


def _title(subject: str, role: str) -> str:
    return f"{role} for {subject}"


def _entity(row: Row[Any]) -> Entity:
    role = roles()[row.role_id].name
    return Entity(
        ResourceType.ACCESS_RULES.value,
        str(row.id),
        _title(row.subject_id, role),
        row.scope_path,
        {
            "subject": row.subject_id,
            "subject_type": row.subject_type,
            "role": role,
            "scope_type": row.scope_type,
            "scope_name": row.scope_name,
        },
    )
