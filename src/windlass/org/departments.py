"""Use cases of departments."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Row, select

from windlass.audit.origin import concerns
from windlass.audit.trail import Action as Deed
from windlass.identity.roles import Action, ResourceType
from windlass.identity.tokens import Caller
from windlass.kit.errors import BadRequest, FieldError, invalid_fields
from windlass.kit.paging import Field
from windlass.org import scopes
from windlass.org.names import plain_name_problem
from windlass.org.projects import retire_project
from windlass.org.resource_bodies import ResourcesReader
from windlass.org.resource_store import load_resources
from windlass.org.resources import Problem, Resources
from windlass.org.schemas import DepartmentCreation, UnitUpdate
from windlass.org.scopes import ScopeColumns, ScopeType, scope_path
from windlass.org.tables import department, department_resources, project, project_resources
from windlass.org.tree import (
    close_projects,
    cluster_of_body,
    department_unit,
    departments,
    get_department,
    lock_tree,
    no_cluster,
    no_department,
    pools_of,
)
from windlass.org.unit_rules import ByPool, department_problems, located, unit_errors
from windlass.org.unit_use_cases import Kind, UnitUseCases, retire_unit
from windlass.org.units import Unit, UseReader, projects_in, total_use

_MOST_NAMED = 10


class Departments(UnitUseCases):
    """What is done with departments."""

    _kind = Kind(
        type=ResourceType.DEPARTMENT,
        level=ScopeType.DEPARTMENT,
        scope=ScopeColumns(cluster=department.c.cluster_id, department=department.c.id),
        table=department,
        resources=department_resources,
        fields={
            "name": Field(department.c.name),
            "clusterId": Field(department.c.cluster_id),
            "createdAt": Field(department.c.created_at, float),
        },
        every=departments,
        get=get_department,
        missing=no_department,
        unit=department_unit,
    )

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
            number = self._insert(
                connection, caller, body, after, name=body.name, cluster_id=home.id
            )
            made = replace(above, department_id=str(number), name=body.name)
            self._record(connection, Deed.CREATE, made)
            return str(number)

        created = self._around.database.write(work)
        self._around.wake()
        return self._show(caller, created)

    def update(self, caller: Caller, department_id: str, body: UnitUpdate) -> Unit:
        """Replace what can be changed of a department. Raises NotFound or BadRequest."""
        return self._replace(caller, department_id, body)

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
            now = self._around.clock.now()
            retire_department(connection, unit, now)
            self._around.occupancy.delete_belongings(connection, scope_path(unit), now)
            self._record(connection, Deed.DELETE, unit)

        self._around.database.write(work)
        self._around.wake()

    def _problems(
        self, connection: Connection, row: Row[Any], after: ByPool, before: ByPool
    ) -> Iterable[Problem]:
        children = projects_in(connection, [row.id])
        shares = load_resources(connection, project_resources, set(children))
        reader = UseReader(connection, self._around.occupancy)
        use = total_use(reader.of_projects(row.cluster_id, list(children)).values())
        return department_problems(after, before, list(shares.values()), use)


def retire_department(connection: Connection, unit: scopes.Unit, now: float) -> None:
    """Remove a department and its projects, all of them empty, with the access rules for them;
    their names are free again."""
    children = select(project).where(
        project.c.department_id == int(unit.id), project.c.deleted_at.is_(None)
    )
    for child in connection.execute(children).all():
        retire_project(connection, replace(unit, project_id=str(child.id), name=child.name), now)
    retire_unit(connection, department, department_resources, unit, now)
