"""Use cases of departments."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, delete, func, insert, select, update

from windlass.audit.origin import concerns
from windlass.audit.trail import Action as Deed
from windlass.audit.trail import Entity, record
from windlass.identity.access_rules import end_rules_within
from windlass.identity.roles import Action, ResourceType
from windlass.identity.tokens import Caller
from windlass.kit.errors import BadRequest, Conflict, FieldError, invalid_fields
from windlass.kit.paging import Field, ListQuery, apply_order, conditions_of, contains
from windlass.org import scopes
from windlass.org.names import plain_name_problem, retired_name
from windlass.org.projects import retire_project
from windlass.org.resource_bodies import ResourcesReader
from windlass.org.resource_store import load_resources, save_resources
from windlass.org.resources import Problem, Resources
from windlass.org.schemas import (
    DepartmentCreation,
    PoolResources,
    ResourcesUpdate,
    UnitUpdate,
)
from windlass.org.scopes import ScopeColumns, ScopeType, scope_path
from windlass.org.surroundings import Surroundings, record_organisation_change
from windlass.org.tables import (
    department,
    department_resources,
    project,
    project_resources,
)
from windlass.org.tree import (
    Pools,
    close_projects,
    cluster_of_body,
    department_unit,
    departments,
    get_department,
    lock_tree,
    next_unit_id,
    no_cluster,
    no_department,
    pools_of,
)
from windlass.org.unit_rules import ByPool, department_problems, located, unit_errors
from windlass.org.units import (
    Unit,
    UseReader,
    load_units,
    projects_in,
    quota_fields,
    total_use,
)

_SCOPE = ScopeColumns(cluster=department.c.cluster_id, department=department.c.id)

_MOST_NAMED = 10
_FIELDS = {
    "name": Field(department.c.name),
    "clusterId": Field(department.c.cluster_id),
    "createdAt": Field(department.c.created_at, float),
}


class Departments:
    """Each use case is one transaction: it finds what it is about, asks whether the caller may,
    checks, changes, and records that it did."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._around = surroundings

    def page(self, caller: Caller, query: ListQuery) -> Sequence[Unit]:
        """Up to `limit + 1` departments. Raises BadRequest."""
        with self._around.database.read() as connection:
            fields = self._fields(connection, query)
            ordered = apply_order(
                self._readable(caller).where(*_conditions(query, fields)),
                fields,
                query.sort_by,
                query.sort_order,
                department.c.name,
                department.c.id,
            )
            page = ordered.offset(query.page.offset).limit(query.page.limit + 1)
            return self._units(connection, connection.execute(page).all())

    def count(self, caller: Caller, query: ListQuery) -> int:
        """How many departments the same filters find. Raises BadRequest."""
        with self._around.database.read() as connection:
            fields = self._fields(connection, query)
            statement = self._readable(caller).where(*_conditions(query, fields))
            counted = statement.with_only_columns(func.count(), maintain_column_froms=True)
            return int(connection.execute(counted).scalar_one())

    def get(self, caller: Caller, department_id: str) -> Unit:
        """One department. Raises NotFound."""
        with self._around.database.read() as connection:
            row = self._found(connection, caller, Action.READ, department_id)
            return self._units(connection, [row])[0]

    def resources_of_projects(self, unit: Unit) -> Sequence[Mapping[int, Resources]]:
        """What each project of a department may have."""
        with self._around.database.read() as connection:
            children = projects_in(connection, [unit.row.id])
            return list(load_resources(connection, project_resources, set(children)).values())

    def create(self, caller: Caller, body: DepartmentCreation) -> Unit:
        """A new department. Raises BadRequest, or Conflict where the name is taken."""

        def work(connection: Connection) -> str:
            lock_tree(connection, caller.tenant_id)
            home = cluster_of_body(connection, caller.tenant_id, body.cluster_id)
            above = scopes.Unit(caller.tenant_id, home.id, name=home.name)
            concerns(body.name, scope_path=scope_path(above))
            missing = BadRequest(f"clusterId: {no_cluster(body.cluster_id).message}")
            self._around.access.require(
                caller, ResourceType.DEPARTMENT, Action.CREATE, above, missing
            )
            pools = pools_of(connection, home.id)
            reader = ResourcesReader(body.resources, pools.names, pools.default, "resources")
            after = reader.replacing()
            problem = plain_name_problem(body.name)
            errors = [] if problem is None else [FieldError("name", problem)]
            errors += [*unit_errors(body, pools), *reader.errors]
            problems = department_problems(after, {}, [], {})
            errors += located(problems, reader.path_of, pools, "resources")
            if errors:
                raise invalid_fields(errors)
            _require_free_name(connection, home.id, body.name)
            department_id = next_unit_id(connection, caller.tenant_id)
            now = self._around.clock.now()
            connection.execute(
                insert(department).values(
                    id=department_id,
                    cluster_id=home.id,
                    name=body.name,
                    created_at=now,
                    created_by=caller.name,
                    **_values(body, caller, now),
                )
            )
            save_resources(connection, department_resources, department_id, after)
            made = replace(above, department_id=str(department_id), name=body.name)
            _record(connection, Deed.CREATE, made)
            record_organisation_change(connection)
            return str(department_id)

        created = self._around.database.write(work)
        self._around.wake()
        return self._show(caller, created)

    def update(self, caller: Caller, department_id: str, body: UnitUpdate) -> Unit:
        """Replace what can be changed of a department. Raises NotFound or BadRequest."""

        def work(connection: Connection) -> None:
            lock_tree(connection, caller.tenant_id)
            row = self._found(connection, caller, Action.UPDATE, department_id)
            pools = pools_of(connection, row.cluster_id)
            errors = list(unit_errors(body, pools))
            after = self._checked(connection, row, pools, body.resources, errors, "resources")
            values = _values(body, caller, self._around.clock.now())
            self._save(connection, caller, row, after, values)

        self._around.database.write(work)
        self._around.wake()
        return self._show(caller, department_id)

    def update_resources(
        self, caller: Caller, department_id: str, body: ResourcesUpdate, *, partly: bool
    ) -> Unit:
        """Say what a department may have: in all pools, or `partly` in those named and of what is
        given. Raises NotFound or BadRequest."""

        def work(connection: Connection) -> None:
            lock_tree(connection, caller.tenant_id)
            row = self._found(connection, caller, Action.UPDATE, department_id)
            pools = pools_of(connection, row.cluster_id)
            after = self._checked(connection, row, pools, body.root, [], "", partly=partly)
            stamps = {"updated_at": self._around.clock.now(), "updated_by": caller.name}
            self._save(connection, caller, row, after, stamps)

        self._around.database.write(work)
        self._around.wake()
        return self._show(caller, department_id)

    def delete(self, caller: Caller, department_id: str) -> None:
        """Remove a department and its projects.

        Raises NotFound, or BadRequest while there are workloads in them.
        """

        def work(connection: Connection) -> None:
            lock_tree(connection, caller.tenant_id)
            row = self._found(connection, caller, Action.DELETE, department_id)
            children = list(projects_in(connection, [row.id]))
            close_projects(connection, children)
            inside = self._around.occupancy.workloads_in(connection, children)
            if inside:
                more = len(inside) - _MOST_NAMED
                named = ", ".join(inside[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
                raise BadRequest(
                    f"Department {row.name!r} has workloads inside: {named}. Delete them, or the"
                    " projects that they are in, first."
                )
            unit = department_unit(caller.tenant_id, row)
            retire_department(connection, unit, self._around.clock.now())
            _record(connection, Deed.DELETE, unit)
            record_organisation_change(connection)

        self._around.database.write(work)
        self._around.wake()

    def _units(self, connection: Connection, rows: Sequence[Row[Any]]) -> Sequence[Unit]:
        return load_units(connection, self._around.occupancy, rows, department_resources)

    def _fields(self, connection: Connection, query: ListQuery) -> dict[str, Field]:
        occupancy = self._around.occupancy
        extra = quota_fields(connection, occupancy, query, department, department_resources)
        return {**_FIELDS, **extra}

    def _checked(
        self,
        connection: Connection,
        row: Row[Any],
        pools: Pools,
        entries: Sequence[PoolResources],
        errors: Sequence[FieldError],
        path: str,
        *,
        partly: bool = False,
    ) -> ByPool:
        """What the department is to have by pool, or `errors` and all that is wrong with it."""
        reader = ResourcesReader(entries, pools.names, pools.default, path)
        before = load_resources(connection, department_resources, [row.id])[row.id]
        after = reader.changing(before) if partly else reader.replacing()
        problems = self._problems(connection, row, after, before)
        found = [*errors, *reader.errors, *located(problems, reader.path_of, pools, path)]
        if found:
            raise invalid_fields(found)
        return after

    def _problems(
        self, connection: Connection, row: Row[Any], after: ByPool, before: ByPool
    ) -> Iterable[Problem]:
        children = projects_in(connection, [row.id])
        shares = load_resources(connection, project_resources, set(children))
        reader = UseReader(connection, self._around.occupancy)
        use = total_use(reader.of_projects(row.cluster_id, list(children)).values())
        return department_problems(after, before, list(shares.values()), use)

    def _save(
        self,
        connection: Connection,
        caller: Caller,
        row: Row[Any],
        after: ByPool,
        values: dict[str, Any],
    ) -> None:
        connection.execute(update(department).where(department.c.id == row.id).values(**values))
        save_resources(connection, department_resources, row.id, after)
        _record(connection, Deed.UPDATE, department_unit(caller.tenant_id, row))
        record_organisation_change(connection)

    def _readable(self, caller: Caller) -> Select[Any]:
        readable = self._around.access.readable(
            caller, ResourceType.DEPARTMENT, ScopeType.DEPARTMENT, _SCOPE
        )
        return departments(caller.tenant_id).where(readable)

    def _found(
        self, connection: Connection, caller: Caller, action: Action, department_id: str
    ) -> Row[Any]:
        """A department with which the caller may do that. Raises NotFound, Forbidden."""
        row = get_department(connection, caller.tenant_id, department_id)
        unit = department_unit(caller.tenant_id, row)
        concerns(row.name, unit.id, scope_path(unit))
        missing = no_department(department_id)
        self._around.access.require(caller, ResourceType.DEPARTMENT, action, unit, missing)
        return row

    def _show(self, caller: Caller, department_id: str) -> Unit:
        """A department that the caller has just changed."""
        with self._around.database.read() as connection:
            row = get_department(connection, caller.tenant_id, department_id)
            return self._units(connection, [row])[0]


def retire_department(connection: Connection, unit: scopes.Unit, now: float) -> None:
    """Remove a department and its projects, all of them empty, with the access rules for them;
    their names are free again."""
    number = int(unit.id)
    children = select(project).where(
        project.c.department_id == number, project.c.deleted_at.is_(None)
    )
    for child in connection.execute(children).all():
        retire_project(connection, replace(unit, project_id=str(child.id), name=child.name), now)
    table = department_resources
    connection.execute(delete(table).where(table.c.unit_id == number))
    connection.execute(
        update(department)
        .where(department.c.id == number)
        .values(name=retired_name(unit.name, number), deleted_at=now)
    )
    end_rules_within(connection, scope_path(unit), now)


def _record(connection: Connection, deed: Deed, unit: scopes.Unit) -> None:
    entity = Entity(ResourceType.DEPARTMENT.value, unit.id, unit.name, scope_path(unit))
    record(connection, deed, entity)


def _conditions(query: ListQuery, fields: Mapping[str, Field]) -> list[ColumnElement[bool]]:
    conditions = conditions_of(query.filter_by, fields)
    if query.search:
        conditions.append(contains(department.c.name, query.search))
    return conditions


def _require_free_name(connection: Connection, cluster_id: str, name: str) -> None:
    holder = connection.execute(
        select(department.c.id).where(
            department.c.cluster_id == cluster_id, department.c.name == name
        )
    ).scalar()
    if holder is not None:
        raise Conflict(f"name: {name!r} is taken by department {holder}; choose another.")


def _values(body: UnitUpdate, caller: Caller, now: float) -> dict[str, Any]:
    return {
        "description": body.description or "",
        "default_node_pools": body.default_node_pools or None,
        "updated_at": now,
        "updated_by": caller.name,
    }
