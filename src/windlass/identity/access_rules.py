"""Access rules in the store: a subject has a role at a scope.

For the subjects that come later: what happens to rules when their subject or their scope goes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import ColumnElement, Connection, Row, and_, insert, or_, select, update

from windlass.identity.roles import SYSTEM_ADMINISTRATOR
from windlass.identity.tables import access_rule, access_version
from windlass.identity.tokens import Caller
from windlass.kit.errors import Conflict

USER = "user"
APP = "app"
SERVICE_ACCOUNT = "service-account"
GROUP = "group"


@dataclass(frozen=True, slots=True)
class Scope:
    """A place in the tree that rules can be for."""

    type: str
    """`system`, `tenant`, `cluster`, `department` or `project`."""
    id: str
    name: str
    path: str
    cluster_id: str | None = None


class ScopeDirectory(Protocol):
    """Knows the tree, of which nothing is known here."""

    def find(self, connection: Connection, scope_type: str, scope_id: str) -> Scope | None:
        """The scope of that type and id; None if there is none."""


def rules_of(connection: Connection, caller: Caller) -> Sequence[tuple[int, str]]:
    """The role and the scope's path of every rule that holds for the caller."""
    found = connection.execute(
        select(access_rule.c.role_id, access_rule.c.scope_path).where(
            access_rule.c.deleted_at.is_(None), concerns_caller(caller)
        )
    )
    return [(row.role_id, row.scope_path) for row in found]


def concerns_caller(caller: Caller) -> ColumnElement[bool]:
    """Whether a rule's subject is the caller or one of the caller's groups."""
    types = (USER,) if caller.type == USER else (APP, SERVICE_ACCOUNT)
    own = and_(access_rule.c.subject_type.in_(types), access_rule.c.subject_id == caller.name)
    if not caller.groups:
        return own
    of_groups = and_(
        access_rule.c.subject_type == GROUP, access_rule.c.subject_id.in_(caller.groups)
    )
    return or_(own, of_groups)


def add_rule(connection: Connection, values: Mapping[str, Any]) -> int:
    """Write a rule; its id. Raises IntegrityError when the same one is in force."""
    access_changed(connection)
    made = connection.execute(insert(access_rule).values(**values).returning(access_rule.c.id))
    return int(made.scalar_one())


def add_administrator(
    connection: Connection, subject_type: str, subject_id: str, tenant: Scope, now: float
) -> None:
    """Write the rule that makes a subject the tenant's system administrator."""
    add_rule(
        connection,
        {
            "tenant_id": int(tenant.id),
            "subject_type": subject_type,
            "subject_id": subject_id,
            "role_id": SYSTEM_ADMINISTRATOR,
            "scope_type": tenant.type,
            "scope_id": tenant.id,
            "scope_name": tenant.name,
            "scope_path": tenant.path,
            "created_at": now,
            "updated_at": now,
            "created_by": "windlass",
        },
    )


def end_rules(connection: Connection, rules: Sequence[Row[Any]], now: float) -> None:
    """End rules that are in force. Raises Conflict if nobody could administer the tenant then."""
    if not rules:
        return
    ids = [row.id for row in rules]
    _keep_an_administrator(connection, rules, ids)
    connection.execute(
        update(access_rule).where(access_rule.c.id.in_(ids)).values(deleted_at=now, updated_at=now)
    )
    access_changed(connection)


def end_rules_of_subject(
    connection: Connection, subject_types: Sequence[str], subject_id: str, now: float
) -> None:
    """End the rules of a subject that is being deleted, so that no namesake inherits them.

    Raises Conflict if nobody could administer the tenant then.
    """
    end_rules(
        connection,
        rules_in_force(
            connection,
            access_rule.c.subject_type.in_(subject_types),
            access_rule.c.subject_id == subject_id,
        ),
        now,
    )


def end_rules_within(connection: Connection, path: str, now: float) -> None:
    """End the rules for a scope that is being deleted, and for all that was below it."""
    within = or_(
        access_rule.c.scope_path == path,
        access_rule.c.scope_path.startswith(f"{path}/", autoescape=True),
    )
    end_rules(connection, rules_in_force(connection, within), now)


def rename_scope(connection: Connection, path: str, name: str) -> None:
    """Have the rules for a scope show its new name."""
    connection.execute(
        update(access_rule).where(access_rule.c.scope_path == path).values(scope_name=name)
    )


def rules_in_force(connection: Connection, *conditions: ColumnElement[bool]) -> Sequence[Row[Any]]:
    """The rules that are in force and meet the conditions, held until the transaction ends."""
    return connection.execute(
        select(access_rule)
        .where(access_rule.c.deleted_at.is_(None), *conditions)
        .order_by(access_rule.c.id)
        .with_for_update()
    ).all()


def access_changed(connection: Connection) -> None:
    """Have every process read anew what callers may do, once this transaction is committed."""
    connection.execute(update(access_version).values(version=access_version.c.version + 1))


def _keep_an_administrator(
    connection: Connection, ending: Sequence[Row[Any]], ids: Sequence[int]
) -> None:
    tenants = {row.tenant_id for row in ending if _administers_tenant(row)}
    for tenant_id in tenants:
        others = rules_in_force(
            connection,
            access_rule.c.tenant_id == tenant_id,
            access_rule.c.role_id == SYSTEM_ADMINISTRATOR,
            access_rule.c.scope_type == "tenant",
            access_rule.c.id.not_in(ids),
        )
        if not others:
            raise Conflict(
                "This would leave the tenant without a system administrator. Give somebody else "
                "that role at the tenant first."
            )


def _administers_tenant(row: Row[Any]) -> bool:
    return bool(row.role_id == SYSTEM_ADMINISTRATOR and row.scope_type == "tenant")
