"""Use cases of projects."""

from collections.abc import Iterable
from dataclasses import replace
from http import HTTPStatus
from typing import Any

from sqlalchemy import Connection, Row, case, update

from windlass.audit.origin import concerns, will_answer
from windlass.audit.trail import Action as Deed
from windlass.identity.roles import Action, ResourceType
from windlass.identity.tokens import Caller
from windlass.kit.errors import BadRequest, FieldError, NotFound, invalid_fields
from windlass.kit.paging import Field
from windlass.org import scopes
from windlass.org.names import project_name_problem
from windlass.org.resource_bodies import ResourcesReader
from windlass.org.resource_store import load_resources
from windlass.org.resources import Problem
from windlass.org.schemas import ProjectCreation, ProjectUpdate
from windlass.org.scopes import ScopeColumns, ScopeType, scope_path
from windlass.org.tables import department, department_resources, project, project_resources
from windlass.org.tree import (
    FIRST_NAME,
    close_projects,
    cluster_of_body,
    department_unit,
    departments,
    get_department,
    get_project,
    lock_tree,
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
from windlass.org.unit_use_cases import Kind, UnitUseCases, retire_unit
from windlass.org.units import Unit, UseReader, projects_in

_PHASE = case((project.c.delete_requested_at.is_not(None), "Deleting"), else_="Ready")


class Projects(UnitUseCases):
    """What is done with projects."""

    _kind = Kind(
        type=ResourceType.PROJECT,
        level=ScopeType.PROJECT,
        scope=ScopeColumns(
            cluster=project.c.cluster_id, department=project.c.department_id, project=project.c.id
        ),
        table=project,
        resources=project_resources,
        fields={
            "name": Field(project.c.name),
            "clusterId": Field(project.c.cluster_id),
            "departmentId": Field(project.c.department_id, int),
            "parentId": Field(project.c.department_id, int),
            "parentName": Field(department.c.name),
            "phase": Field(_PHASE),
            "createdAt": Field(project.c.created_at, float),
        },
        every=projects,
        get=get_project,
        missing=no_project,
        unit=project_unit,
    )

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
            siblings, share_above = _family(connection, parent.id, None)
            problems = project_problems(after, {}, siblings, share_above, {})
            errors += located(problems, reader.path_of, pools, "resources")
            if errors:
                raise invalid_fields(errors)
            number = self._insert(
                connection,
                caller,
                body,
                after,
                name=body.name,
                cluster_id=home.id,
                department_id=parent.id,
            )
            made = replace(above, project_id=str(number), name=body.name)
            self._record(connection, Deed.CREATE, made)
            return str(number)

        created = self._around.database.write(work)
        self._around.wake()
        return self._show(caller, created)

    def update(self, caller: Caller, project_id: str, body: ProjectUpdate) -> Unit:
        """Replace what can be changed of a project. Raises NotFound or BadRequest."""
        return self._replace(caller, project_id, body, list(project_errors(body)))

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
            is_empty = not self._around.occupancy.workloads_in(connection, [row.id])
            will_answer(HTTPStatus.NO_CONTENT if is_empty else HTTPStatus.ACCEPTED)
            self._record(connection, Deed.DELETE, unit)
            if is_empty:
                retire_project(connection, unit, now)
                self._around.occupancy.delete_belongings(connection, scope_path(unit), now)
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

    def _problems(
        self, connection: Connection, row: Row[Any], after: ByPool, before: ByPool
    ) -> Iterable[Problem]:
        reader = UseReader(connection, self._around.occupancy)
        use = reader.of_projects(row.cluster_id, [row.id]).get(row.id, {})
        siblings, parent = _family(connection, row.department_id, row.id)
        return project_problems(after, before, siblings, parent, use)


def retire_project(connection: Connection, unit: scopes.Unit, now: float) -> None:
    """Remove an empty project, with the access rules for it; its name is free again."""
    retire_unit(connection, project, project_resources, unit, now)


def _family(
    connection: Connection, department_id: int, project_id: int | None
) -> tuple[list[ByPool], ByPool]:
    """What the other projects of a department may have, and the department itself."""
    siblings = set(projects_in(connection, [department_id])) - {project_id}
    shares = load_resources(connection, project_resources, siblings)
    parent = load_resources(connection, department_resources, [department_id])[department_id]
    return list(shares.values()), parent


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


def _name_errors(name: str) -> list[FieldError]:
    problem = project_name_problem(name)
    return [] if problem is None else [FieldError("name", problem)]
