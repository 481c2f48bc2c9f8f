"""Use cases of projects."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    case,
    delete,
    func,
    insert,
    select,
    update,
)

from windlass.audit.origin import concerns
from windlass.audit.trail import Action as Deed
from windlass.audit.trail import Entity, record
from windlass.identity.access_rules import end_rules_within
from windlass.identity.roles import Action, ResourceType
from windlass.identity.tokens import Caller
from windlass.kit.errors import BadRequest, Conflict, FieldError, NotFound, invalid_fields
from windlass.kit.paging import Field, ListQuery, apply_order, conditions_of, contains
from windlass.org import scopes
from windlass.org.names import project_name_problem, retired_name
from windlass.org.resource_bodies import ResourcesReader
from windlass.org.resource_store import load_resources, save_resources
from windlass.org.resources import Problem, Use
from windlass.org.schemas import (
    PoolResources,
    ProjectCreation,
    ProjectUpdate,
    ResourcesUpdate,
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
    FIRST_NAME,
    Pools,
    close_projects,
    cluster_of_body,
    department_unit,
    departments,
    get_department,
    get_project,
    lock_tree,
    next_unit_id,
    no_project,
    pools_of,
    project_unit,
    projects,
)
from windlass.org.unit_rules import (
    ByPool,
    located,
    namespace_errors,
    project_errors,
    project_problems,
    unit_errors,
)
from windlass.org.units import Unit, UseReader, load_units, projects_in, quota_fields

_SCOPE = ScopeColumns(
    cluster=project.c.cluster_id, department=project.c.department_id, project=project.c.id
)

_PHASE = case((project.c.delete_requested_at.is_not(None), "Deleting"), else_="Ready")
_FIELDS = {
    "name": Field(project.c.name),
    "clusterId": Field(project.c.cluster_id),
    "departmentId": Field(project.c.department_id, int),
    "parentId": Field(project.c.department_id, int),
    "parentName": Field(department.c.name),
    "phase": Field(_PHASE),
    "createdAt": Field(project.c.created_at, float),
}


class Projects:
    """Each use case is one transaction: it finds what it is about, asks whether the caller may,
    checks, changes, and records that it did."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._around = surroundings

    def page(self, caller: Caller, query: ListQuery) -> Sequence[Unit]:
        """Up to `limit + 1` projects. Raises BadRequest."""
        with self._around.database.read() as connection:
            fields = self._fields(connection, query)
            ordered = apply_order(
                self._readable(caller).where(*_conditions(query, fields)),
                fields,
                query.sort_by,
                query.sort_order,
                project.c.name,
                project.c.id,
            )
            page = ordered.offset(query.page.offset).limit(query.page.limit + 1)
            return self._units(connection, connection.execute(page).all())

    def count(self, caller: Caller, query: ListQuery) -> int:
        """How many projects the same filters find. Raises BadRequest."""
        with self._around.database.read() as connection:
            fields = self._fields(connection, query)
            statement = self._readable(caller).where(*_conditions(query, fields))
            counted = statement.with_only_columns(func.count(), maintain_column_froms=True)
            return int(connection.execute(counted).scalar_one())

    def get(self, caller: Caller, project_id: str) -> Unit:
        """One project. Raises NotFound."""
        with self._around.database.read() as connection:
            row = self._found(connection, caller, Action.READ, project_id)
            return self._units(connection, [row])[0]

    def create(self, caller: Caller, body: ProjectCreation) -> Unit:
        """A new project. Raises BadRequest, or Conflict where the name is taken."""

        def work(connection: Connection) -> str:
            lock_tree(connection, caller.tenant_id)
            home = cluster_of_body(connection, caller.tenant_id, body.cluster_id)
            parent = _parent(connection, caller.tenant_id, home.id, body.parent_id)
            above = department_unit(caller.tenant_id, parent)
            concerns(body.name, scope_path=scope_path(above))
            missing = _no_parent(body.parent_id or str(parent.id))
            self._around.access.require(caller, ResourceType.PROJECT, Action.CREATE, above, missing)
            pools = pools_of(connection, home.id)
            reader = ResourcesReader(body.resources, pools.names, pools.default, "resources")
            after = reader.replacing()
            errors = [*_name_errors(body.name), *namespace_errors(body)]
            errors += [*unit_errors(body, pools), *project_errors(body), *reader.errors]
            problems = self._problems(connection, home.id, parent.id, None, after, {})
            errors += located(problems, reader.path_of, pools, "resources")
            if errors:
                raise invalid_fields(errors)
            _require_free_name(connection, home.id, body.name)
            project_id = next_unit_id(connection, caller.tenant_id)
            now = self._around.clock.now()
            connection.execute(
                insert(project).values(
                    id=project_id,
                    department_id=parent.id,
                    cluster_id=home.id,
                    name=body.name,
                    created_at=now,
                    created_by=caller.name,
                    **_values(body, caller, now),
                )
            )
            save_resources(connection, project_resources, project_id, after)
            made = replace(above, project_id=str(project_id), name=body.name)
            _record(connection, Deed.CREATE, made)
            record_organisation_change(connection)
            return str(project_id)

        created = self._around.database.write(work)
        self._around.wake()
        return self._show(caller, created)

    def update(self, caller: Caller, project_id: str, body: ProjectUpdate) -> Unit:
        """Replace what can be changed of a project. Raises NotFound or BadRequest."""

        def work(connection: Connection) -> None:
            lock_tree(connection, caller.tenant_id)
            row = self._found(connection, caller, Action.UPDATE, project_id)
            pools = pools_of(connection, row.cluster_id)
            errors = [*unit_errors(body, pools), *project_errors(body)]
            after = self._checked(connection, row, pools, body.resources, errors, "resources")
            values = _values(body, caller, self._around.clock.now())
            self._save(connection, caller, row, after, values)

        self._around.database.write(work)
        self._around.wake()
        return self._show(caller, project_id)

    def update_resources(
        self, caller: Caller, project_id: str, body: ResourcesUpdate, *, partly: bool
    ) -> Unit:
        """Say what a project may have: in all pools, or `partly` in those named and of what is
        given. Raises NotFound or BadRequest."""

        def work(connection: Connection) -> None:
            lock_tree(connection, caller.tenant_id)
            row = self._found(connection, caller, Action.UPDATE, project_id)
            pools = pools_of(connection, row.cluster_id)
            after = self._checked(connection, row, pools, body.root, [], "", partly=partly)
            stamps = {"updated_at": self._around.clock.now(), "updated_by": caller.name}
            self._save(connection, caller, row, after, stamps)

        self._around.database.write(work)
        self._around.wake()
        return self._show(caller, project_id)

    def delete(self, caller: Caller, project_id: str) -> bool:
        """Remove a project: at once where it is empty. Whether it is gone already.

        Else its workloads are ended, nothing new may come in, and it goes with the last of them.
        Raises NotFound.
        """

        def work(connection: Connection) -> bool:
            lock_tree(connection, caller.tenant_id)
            row = self._found(connection, caller, Action.DELETE, project_id)
            now = self._around.clock.now()
            unit = project_unit(caller.tenant_id, row)
            close_projects(connection, [row.id])
            _record(connection, Deed.DELETE, unit)
            record_organisation_change(connection)
            if not self._around.occupancy.workloads_in(connection, [row.id]):
                retire_project(connection, unit, now)
                return True
            connection.execute(
                update(project)
                .where(project.c.id == row.id, project.c.delete_requested_at.is_(None))
                .values(delete_requested_at=now, updated_at=now, updated_by=caller.name)
            )
            self._around.occupancy.request_deletion(connection, row.id, caller)
            return False

        gone = self._around.database.write(work)
        self._around.wake()
        return gone

    def _units(self, connection: Connection, rows: Sequence[Row[Any]]) -> Sequence[Unit]:
        return load_units(connection, self._around.occupancy, rows, project_resources)

    def _fields(self, connection: Connection, query: ListQuery) -> dict[str, Field]:
        extra = quota_fields(connection, self._around.occupancy, query, project, project_resources)
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
        """What the project is to have by pool, or `errors` and all that is wrong with it."""
        reader = ResourcesReader(entries, pools.names, pools.default, path)
        before = load_resources(connection, project_resources, [row.id])[row.id]
        after = reader.changing(before) if partly else reader.replacing()
        problems = self._problems(
            connection, row.cluster_id, row.department_id, row.id, after, before
        )
        found = [*errors, *reader.errors, *located(problems, reader.path_of, pools, path)]
        if found:
            raise invalid_fields(found)
        return after

    def _problems(
        self,
        connection: Connection,
        cluster_id: str,
        department_id: int,
        project_id: int | None,
        after: ByPool,
        before: ByPool,
    ) -> Iterable[Problem]:
        siblings = set(projects_in(connection, [department_id])) - {project_id}
        shares = load_resources(connection, project_resources, siblings)
        parent = load_resources(connection, department_resources, [department_id])[department_id]
        use: Mapping[int, Use] = {}
        if project_id is not None:
            reader = UseReader(connection, self._around.occupancy)
            use = reader.of_projects(cluster_id, [project_id]).get(project_id, {})
        return project_problems(after, before, list(shares.values()), parent, use)

    def _save(
        self,
        connection: Connection,
        caller: Caller,
        row: Row[Any],
        after: ByPool,
        values: dict[str, Any],
    ) -> None:
        connection.execute(update(project).where(project.c.id == row.id).values(**values))
        save_resources(connection, project_resources, row.id, after)
        _record(connection, Deed.UPDATE, project_unit(caller.tenant_id, row))
        record_organisation_change(connection)

    def _readable(self, caller: Caller) -> Select[Any]:
        readable = self._around.access.readable(
            caller, ResourceType.PROJECT, ScopeType.PROJECT, _SCOPE
        )
        return projects(caller.tenant_id).where(readable)

    def _found(
        self, connection: Connection, caller: Caller, action: Action, project_id: str
    ) -> Row[Any]:
        """A project with which the caller may do that. Raises NotFound, Forbidden."""
        row = get_project(connection, caller.tenant_id, project_id)
        unit = project_unit(caller.tenant_id, row)
        concerns(row.name, unit.id, scope_path(unit))
        missing = no_project(project_id)
        self._around.access.require(caller, ResourceType.PROJECT, action, unit, missing)
        return row

    def _show(self, caller: Caller, project_id: str) -> Unit:
        """A project that the caller has just changed."""
        with self._around.database.read() as connection:
            row = get_project(connection, caller.tenant_id, project_id)
            return self._units(connection, [row])[0]


def retire_project(connection: Connection, unit: scopes.Unit, now: float) -> None:
    """Remove an empty project, with the access rules for it; its name is free again."""
    number = int(unit.id)
    connection.execute(delete(project_resources).where(project_resources.c.unit_id == number))
    connection.execute(
        update(project)
        .where(project.c.id == number)
        .values(name=retired_name(unit.name, number), deleted_at=now)
    )
    end_rules_within(connection, scope_path(unit), now)


def _conditions(query: ListQuery, fields: Mapping[str, Field]) -> list[ColumnElement[bool]]:
    conditions = conditions_of(query.filter_by, fields)
    if query.search:
        conditions.append(contains(project.c.name, query.search))
    return conditions


def _parent(
    connection: Connection, tenant_id: int, cluster_id: str, parent_id: str | None
) -> Row[Any]:
    """The department that a new project is to be in. Raises BadRequest."""
    if parent_id is not None:
        try:
            found = get_department(connection, tenant_id, parent_id)
        except NotFound:
            raise _no_parent(parent_id) from None
        if found.cluster_id != cluster_id:
            raise BadRequest(f"parentId: department {found.name!r} is in another cluster.")
        return found
    row = connection.execute(
        departments(tenant_id)
        .where(department.c.cluster_id == cluster_id)
        .order_by(department.c.name != FIRST_NAME, department.c.id)
        .limit(1)
    ).one_or_none()
    if row is None:
        raise BadRequest("parentId: is required: the cluster has no department.")
    return row


def _no_parent(parent_id: str) -> BadRequest:
    return BadRequest(f"parentId: there is no department with the id {parent_id!r}.")


def _record(connection: Connection, deed: Deed, unit: scopes.Unit) -> None:
    entity = Entity(ResourceType.PROJECT.value, unit.id, unit.name, scope_path(unit))
    record(connection, deed, entity)


def _require_free_name(connection: Connection, cluster_id: str, name: str) -> None:
    holder = connection.execute(
        select(project.c.id).where(project.c.cluster_id == cluster_id, project.c.name == name)
    ).scalar()
    if holder is not None:
        raise Conflict(f"name: {name!r} is taken by project {holder}; choose another.")


def _name_errors(name: str) -> list[FieldError]:
    problem = project_name_problem(name)
    return [] if problem is None else [FieldError("name", problem)]


def _values(body: ProjectUpdate, caller: Caller, now: float) -> dict[str, Any]:
    return {
        "description": body.description or "",
        "default_node_pools": body.default_node_pools or None,
        "updated_at": now,
        "updated_by": caller.name,
    }
