"""Use cases of the organisation: the first tree, and looking units up."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, insert, select

from windlass.kit.clock import Clock
from windlass.kit.database import Database
from windlass.kit.errors import NotFound
from windlass.kit.ids import decimal_id, is_uuid, new_id
from windlass.kit.paging import Field, ListQuery, Page, apply_order, conditions_of, contains
from windlass.org.tables import cluster, department, node_pool, project, tenant

FIRST_NAME = "default"
_FIRST_TENANT = 1001
_FIRST_DEPARTMENT = 4500001
_FIRST_PROJECT = 4500002
_FIRST_NODE_POOL = 100001

DEPARTMENT_FIELDS = {
    "name": Field(department.c.name),
    "clusterId": Field(department.c.cluster_id),
    "createdAt": Field(department.c.created_at, float),
}
PROJECT_FIELDS = {
    "name": Field(project.c.name),
    "clusterId": Field(project.c.cluster_id),
    "departmentId": Field(project.c.department_id, int),
    "parentId": Field(project.c.department_id, int),
    "parentName": Field(department.c.name),
    "createdAt": Field(project.c.created_at, float),
}


@dataclass(frozen=True, slots=True)
class FirstTree:
    """The ids of what exists from the first start on."""

    tenant_id: int
    cluster_id: str
    department_id: str
    project_id: str
    project_name: str


@dataclass(frozen=True, slots=True)
class ProjectRecord:
    """One project with the units above it."""

    id: str
    name: str
    department_id: str
    department_name: str
    cluster_id: str
    tenant_id: int

    @property
    def namespace(self) -> str:
        """What other systems call its namespace."""
        return namespace_of(self.name)

    @property
    def path(self) -> str:
        """Where it stands in the tree."""
        return f"/{self.tenant_id}/{self.cluster_id}/{self.department_id}/{self.id}"


def namespace_of(project_name: str) -> str:
    """The namespace a project maps to."""
    return f"runai-{project_name}"


def create_first_tree(
    connection: Connection, domain: str, created_by: str, clock: Clock
) -> FirstTree:
    """Write one tenant, cluster, node pool, department and project, all named `default`."""
    now = clock.now()
    cluster_id = new_id()
    named = {"name": FIRST_NAME, "created_at": now}
    made = {**named, "created_by": created_by, "cluster_id": cluster_id}
    connection.execute(insert(tenant).values(id=_FIRST_TENANT, **named))
    connection.execute(
        insert(cluster).values(id=cluster_id, tenant_id=_FIRST_TENANT, domain=domain, **named)
    )
    connection.execute(
        insert(node_pool).values(id=_FIRST_NODE_POOL, cluster_id=cluster_id, **named)
    )
    connection.execute(insert(department).values(id=_FIRST_DEPARTMENT, **made))
    connection.execute(
        insert(project).values(id=_FIRST_PROJECT, department_id=_FIRST_DEPARTMENT, **made)
    )
    return _tree(connection)


def first_tree(connection: Connection) -> FirstTree | None:
    """What the first start made; None before it."""
    if connection.execute(select(tenant.c.id)).first() is None:
        return None
    return _tree(connection)


def _tree(connection: Connection) -> FirstTree:
    row = connection.execute(
        select(
            cluster.c.tenant_id,
            cluster.c.id.label("cluster_id"),
            project.c.department_id,
            project.c.id.label("project_id"),
            project.c.name,
        )
        .join(cluster, cluster.c.id == project.c.cluster_id)
        .order_by(project.c.id)
        .limit(1)
    ).one()
    return FirstTree(
        tenant_id=row.tenant_id,
        cluster_id=row.cluster_id,
        department_id=str(row.department_id),
        project_id=str(row.project_id),
        project_name=row.name,
    )


class Organisation:
    """Looks units up."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def clusters(self) -> Sequence[Row[Any]]:
        """Every cluster, oldest first."""
        with self._database.read() as connection:
            return connection.execute(select(cluster).order_by(cluster.c.created_at)).all()

    def cluster(self, cluster_id: str) -> Row[Any]:
        """One cluster. Raises NotFound."""
        with self._database.read() as connection:
            row = connection.execute(
                select(cluster).where(cluster.c.id == _text_id(cluster_id))
            ).one_or_none()
        if row is None:
            raise NotFound(f"There is no cluster with the id {cluster_id!r}.")
        return row

    def departments(self, query: ListQuery) -> Sequence[Row[Any]]:
        """Up to `limit + 1` departments, each with its cluster's node pool."""
        conditions = conditions_of(query.filter_by, DEPARTMENT_FIELDS)
        if query.search:
            conditions.append(contains(department.c.name, query.search))
        ordered = apply_order(
            _departments().where(*conditions),
            DEPARTMENT_FIELDS,
            query.sort_by,
            query.sort_order,
            department.c.name,
            department.c.id,
        )
        return self._page(ordered, query.page)

    def department(self, department_id: str) -> Row[Any]:
        """One department with its cluster's node pool. Raises NotFound."""
        statement = _departments().where(department.c.id == decimal_id(department_id))
        with self._database.read() as connection:
            row = connection.execute(statement).one_or_none()
        if row is None:
            raise NotFound(f"There is no department with the id {department_id!r}.")
        return row

    def projects(self, query: ListQuery) -> Sequence[Row[Any]]:
        """Up to `limit + 1` projects, each with its department and node pool."""
        conditions = conditions_of(query.filter_by, PROJECT_FIELDS)
        if query.search:
            conditions.append(contains(project.c.name, query.search))
        ordered = apply_order(
            _projects().where(*conditions),
            PROJECT_FIELDS,
            query.sort_by,
            query.sort_order,
            project.c.name,
            project.c.id,
        )
        return self._page(ordered, query.page)

    def project(self, project_id: str) -> Row[Any]:
        """One project with its department and node pool. Raises NotFound."""
        with self._database.read() as connection:
            row = connection.execute(_projects().where(_project_is(project_id))).one_or_none()
        if row is None:
            raise NotFound(f"There is no project with the id {project_id!r}.")
        return row

    def _page(self, statement: Any, page: Page) -> Sequence[Row[Any]]:
        with self._database.read() as connection:
            return connection.execute(statement.offset(page.offset).limit(page.limit + 1)).all()


def find_project(connection: Connection, project_id: str) -> ProjectRecord | None:
    """One project, within a transaction."""
    row = connection.execute(
        _projects()
        .add_columns(cluster.c.tenant_id)
        .join(cluster, cluster.c.id == project.c.cluster_id)
        .where(_project_is(project_id))
    ).one_or_none()
    if row is None:
        return None
    return ProjectRecord(
        id=str(row.id),
        name=row.name,
        department_id=str(row.department_id),
        department_name=row.department_name,
        cluster_id=row.cluster_id,
        tenant_id=row.tenant_id,
    )


def _departments() -> Any:
    return select(
        department, node_pool.c.id.label("node_pool_id"), node_pool.c.name.label("node_pool")
    ).join(node_pool, node_pool.c.cluster_id == department.c.cluster_id)


def _projects() -> Any:
    return (
        select(
            project,
            department.c.name.label("department_name"),
            node_pool.c.id.label("node_pool_id"),
            node_pool.c.name.label("node_pool"),
        )
        .join(department, department.c.id == project.c.department_id)
        .join(node_pool, node_pool.c.cluster_id == project.c.cluster_id)
    )


def _project_is(project_id: str) -> ColumnElement[bool]:
    return project.c.id == decimal_id(project_id)


def _text_id(text: str) -> str:
    return text.lower() if is_uuid(text) else ""
