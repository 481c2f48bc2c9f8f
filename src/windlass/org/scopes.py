"""Where a unit stands in the tree, as a path: what permissions and audit records speak of.

The path of a unit is `/<tenant>/<cluster>/<department>/<project>`, cut off below the unit. A path
covers itself and every path that continues it, so a right at a unit holds for all that is below
it, present and future. The path of the whole system is empty and covers everything.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Connection,
    Row,
    Select,
    false,
    literal_column,
    or_,
    select,
    true,
)

from windlass.kit.ids import decimal_id, is_uuid
from windlass.org.tables import cluster, department, project, tenant


class ScopeType(StrEnum):
    """The levels of the tree, as the API names them."""

    SYSTEM = "system"
    TENANT = "tenant"
    CLUSTER = "cluster"
    DEPARTMENT = "department"
    PROJECT = "project"


_LEVELS = (ScopeType.TENANT, ScopeType.CLUSTER, ScopeType.DEPARTMENT, ScopeType.PROJECT)


@dataclass(frozen=True, slots=True)
class Unit:
    """One place in the tree: the ids from the tenant down to it."""

    tenant_id: int | None = None
    cluster_id: str | None = None
    department_id: str | None = None
    project_id: str | None = None
    name: str = ""

    @property
    def type(self) -> ScopeType:
        """Its level."""
        return ((ScopeType.SYSTEM, *_LEVELS))[len(_ids(self))]

    @property
    def id(self) -> str:
        """Its own id; empty for the whole system."""
        ids = _ids(self)
        return ids[-1] if ids else ""


SYSTEM = Unit()


def scope_path(unit: Unit) -> str:
    """The unit's path, without a slash at its end."""
    return "".join(f"/{part}" for part in _ids(unit))


@dataclass(frozen=True, slots=True)
class ScopeColumns:
    """Where the rows of a statement keep the ids of their unit; None where there is no such level.

    Ids may be kept as numbers or as text.
    """

    cluster: ColumnElement[Any] | None = None
    department: ColumnElement[Any] | None = None
    project: ColumnElement[Any] | None = None
    tenant: ColumnElement[Any] | None = None


def within(paths: Iterable[str], columns: ScopeColumns) -> ColumnElement[bool]:
    """The condition that a row's unit is covered by one of `paths`.

    A level that `columns` does not have never matches; without a tenant's column all rows are taken
    for those of one tenant.
    """
    by_level: dict[ScopeType, set[str]] = {}
    for path in paths:
        parts = path.split("/")[1:]
        if not parts or (len(parts) == 1 and columns.tenant is None):
            return true()
        by_level.setdefault(_LEVELS[len(parts) - 1], set()).add(parts[-1])
    conditions = [
        _is_one_of(column, ids)
        for level, ids in by_level.items()
        if (column := getattr(columns, level.value)) is not None
    ]
    return or_(*conditions) if conditions else false()


def find_unit(connection: Connection, level: str, unit_id: str) -> Unit | None:
    """The unit of that level (a `ScopeType`) and id, within a transaction; None if there is none.

    A unit that is being deleted is still found.
    """
    if level == ScopeType.SYSTEM:
        return SYSTEM
    statement = _unit_statement(level, unit_id)
    if statement is None:
        return None
    row = connection.execute(statement).one_or_none()
    return None if row is None else _unit(row)


def units_above(unit: Unit) -> list[str]:
    """The paths that cover the unit, the system's first and its own last."""
    ids = _ids(unit)
    return ["".join(f"/{part}" for part in ids[:length]) for length in range(len(ids) + 1)]


def ids_at(level: ScopeType, paths: Iterable[str]) -> list[Any]:
    """The ids of the units of one level that these paths lead to, as the tables keep them."""
    depth = _LEVELS.index(level) + 1
    ids = [path.split("/")[-1] for path in paths if path.count("/") == depth]
    return ids if level is ScopeType.CLUSTER else [int(text) for text in ids]


def _ids(unit: Unit) -> list[str]:
    levels = (unit.tenant_id, unit.cluster_id, unit.department_id, unit.project_id)
    return [str(part) for part in levels if part is not None]


def _is_one_of(column: ColumnElement[Any], ids: set[str]) -> ColumnElement[bool]:
    if column.type.python_type is not int:
        return column.in_(sorted(ids))
    # Numbers stand in the statement itself: hundreds of parameters take longer than all the rest.
    numbers = ", ".join(str(int(text)) for text in sorted(ids))
    return literal_column(f"{column} IN ({numbers})", Boolean)


def _unit_statement(level: str, unit_id: str) -> Select[Any] | None:
    number = decimal_id(unit_id)
    if level == ScopeType.TENANT:
        return select(tenant.c.id.label("tenant_id"), tenant.c.name).where(tenant.c.id == number)
    columns = [cluster.c.tenant_id, cluster.c.id.label("cluster_id")]
    if level == ScopeType.CLUSTER:
        wanted = unit_id.lower() if is_uuid(unit_id) else ""
        return select(*columns, cluster.c.name).where(cluster.c.id == wanted)
    if level == ScopeType.DEPARTMENT:
        return (
            select(*columns, department.c.id.label("department_id"), department.c.name)
            .join(department, department.c.cluster_id == cluster.c.id)
            .where(department.c.id == number, department.c.deleted_at.is_(None))
        )
    if level == ScopeType.PROJECT:
        return (
            select(
                *columns, project.c.department_id, project.c.id.label("project_id"), project.c.name
            )
            .join(project, project.c.cluster_id == cluster.c.id)
            .where(project.c.id == number, project.c.deleted_at.is_(None))
        )
    return None


def _unit(row: Row[Any]) -> Unit:
    found = row._mapping
    return Unit(
        tenant_id=row.tenant_id,
        cluster_id=found.get("cluster_id"),
        department_id=_text(found.get("department_id")),
        project_id=_text(found.get("project_id")),
        name=row.name,
    )


def _text(number: int | None) -> str | None:
    return None if number is None else str(number)
