"""Looking units up and writing them, within a transaction of the caller's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, select, update

from windlass.kit.errors import BadRequest, Conflict, NotFound
from windlass.kit.ids import decimal_id, is_uuid
from windlass.org.names import namespace_of
from windlass.org.scopes import Unit
from windlass.org.tables import cluster, department, node, node_pool, project, tenant

FIRST_NAME = "default"
"""What the first cluster, department, project and node pool are called."""
DEFAULT_POOL_LABEL = ("run.ai/node-pool", "default")


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


@dataclass(frozen=True, slots=True)
class Pools:
    """The node pools of one cluster, oldest first."""

    names: Mapping[int, str]
    default: int
    pool_of_node: Mapping[str, int]
    """Nodes that are not named here are in the default pool."""

    @property
    def by_name(self) -> dict[str, int]:
        """Their ids by their names."""
        return {name: pool for pool, name in self.names.items()}

    def name_of_node(self, node_name: str) -> str:
        """The name of the pool that a node is in."""
        return self.names[self.pool_of_node.get(node_name, self.default)]


def project_unit(tenant_id: int, row: Row[Any]) -> Unit:
    """Where the project of a row stands in the tree."""
    return Unit(tenant_id, row.cluster_id, str(row.department_id), str(row.id), row.name)


def department_unit(tenant_id: int, row: Row[Any]) -> Unit:
    """Where the department of a row stands in the tree."""
    return Unit(tenant_id, row.cluster_id, str(row.id), name=row.name)


def lock_tree(connection: Connection, tenant_id: int) -> None:
    """Let no other transaction change the tenant's tree before this one ends.

    Sums over several units, and what is inside of a unit, are checked before it is changed.
    """
    connection.execute(select(tenant.c.id).where(tenant.c.id == tenant_id).with_for_update())


def next_unit_id(connection: Connection, tenant_id: int) -> int:
    """A number that no department, project or node pool of the tenant ever had."""
    return int(
        connection.execute(
            update(tenant)
            .where(tenant.c.id == tenant_id)
            .values(last_unit_id=tenant.c.last_unit_id + 1)
            .returning(tenant.c.last_unit_id)
        ).scalar_one()
    )


def get_cluster(connection: Connection, tenant_id: int, cluster_id: str) -> Row[Any]:
    """One cluster. Raises NotFound."""
    wanted = cluster_id.lower() if is_uuid(cluster_id) else ""
    row = connection.execute(
        select(cluster).where(cluster.c.id == wanted, cluster.c.tenant_id == tenant_id)
    ).one_or_none()
    if row is None:
        raise no_cluster(cluster_id)
    return row


def first_cluster(connection: Connection, tenant_id: int) -> str:
    """The id of the cluster that the tenant has had for longest."""
    ids = select(cluster.c.id).where(cluster.c.tenant_id == tenant_id)
    ordered = ids.order_by(cluster.c.created_at, cluster.c.id).limit(1)
    return str(connection.execute(ordered).scalar_one())


def cluster_of_body(connection: Connection, tenant_id: int, cluster_id: str) -> Row[Any]:
    """The cluster that a body names. Raises BadRequest."""
    try:
        return get_cluster(connection, tenant_id, cluster_id)
    except NotFound as error:
        raise BadRequest(f"clusterId: {error.message[0].lower()}{error.message[1:]}") from None


def get_department(connection: Connection, tenant_id: int, department_id: str) -> Row[Any]:
    """One department. Raises NotFound."""
    row = connection.execute(
        departments(tenant_id).where(department.c.id == decimal_id(department_id))
    ).one_or_none()
    if row is None:
        raise no_department(department_id)
    return row


def get_project(connection: Connection, tenant_id: int, project_id: str) -> Row[Any]:
    """One project, with its department's name and default pools. Raises NotFound."""
    row = connection.execute(
        projects(tenant_id).where(project.c.id == decimal_id(project_id))
    ).one_or_none()
    if row is None:
        raise no_project(project_id)
    return row


def get_node_pool(connection: Connection, tenant_id: int, node_pool_id: str) -> Row[Any]:
    """One node pool, with its cluster's name. Raises NotFound."""
    row = connection.execute(
        node_pools(tenant_id).where(node_pool.c.id == decimal_id(node_pool_id))
    ).one_or_none()
    if row is None:
        raise no_node_pool(node_pool_id)
    return row


def no_cluster(cluster_id: str) -> NotFound:
    """What is said of a cluster that there is none of, or that is not to be known of."""
    return NotFound(f"There is no cluster with the id {cluster_id!r}.")


def no_department(department_id: str) -> NotFound:
    """The same of a department."""
    return NotFound(f"There is no department with the id {department_id!r}.")


def no_project(project_id: str) -> NotFound:
    """The same of a project."""
    return NotFound(f"There is no project with the id {project_id!r}.")


def no_node_pool(node_pool_id: str) -> NotFound:
    """The same of a node pool."""
    return NotFound(f"There is no node pool with the id {node_pool_id!r}.")


def departments(tenant_id: int) -> Select[Any]:
    """Every department that is there."""
    return (
        select(department)
        .join(cluster, cluster.c.id == department.c.cluster_id)
        .where(cluster.c.tenant_id == tenant_id, department.c.deleted_at.is_(None))
    )


def projects(tenant_id: int) -> Select[Any]:
    """Every project that is there, with its department's name and default pools."""
    return (
        select(
            project,
            department.c.name.label("department_name"),
            department.c.default_node_pools.label("department_node_pools"),
        )
        .join(department, department.c.id == project.c.department_id)
        .join(cluster, cluster.c.id == project.c.cluster_id)
        .where(cluster.c.tenant_id == tenant_id, project.c.deleted_at.is_(None))
    )


def node_pools(tenant_id: int) -> Select[Any]:
    """Every node pool, with its cluster's name."""
    return (
        select(node_pool, cluster.c.name.label("cluster_name"), cluster.c.tenant_id)
        .join(cluster, cluster.c.id == node_pool.c.cluster_id)
        .where(cluster.c.tenant_id == tenant_id)
    )


def find_project(connection: Connection, project_id: str) -> ProjectRecord | None:
    """One project that is there."""
    row = connection.execute(
        select(
            project.c.id,
            project.c.name,
            project.c.department_id,
            project.c.cluster_id,
            department.c.name.label("department_name"),
            cluster.c.tenant_id,
        )
        .join(department, department.c.id == project.c.department_id)
        .join(cluster, cluster.c.id == project.c.cluster_id)
        .where(_is(project.c.id, project_id), project.c.deleted_at.is_(None))
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


def require_open_project(connection: Connection, project_id: int) -> None:
    """Fail where nothing new may come into the project; until the transaction ends it may.

    Raises NotFound, or Conflict while the project is being deleted or its cluster is not there.
    """
    row = connection.execute(
        select(project.c.name, project.c.delete_requested_at, cluster.c.connected)
        .join(cluster, cluster.c.id == project.c.cluster_id)
        .where(project.c.id == project_id, project.c.deleted_at.is_(None))
        .with_for_update(read=True, of=project)
    ).one_or_none()
    if row is None:
        raise NotFound(f"projectId: there is no project with the id '{project_id}'.")
    if row.delete_requested_at is not None:
        raise Conflict(f"projectId: project {row.name!r} is being deleted; choose another.")
    if not row.connected:
        raise Conflict(f"projectId: the cluster of project {row.name!r} is not connected yet.")


def node_pool_names(connection: Connection, cluster_id: str) -> Sequence[str]:
    """The names of the cluster's node pools, oldest first."""
    query = select(node_pool.c.name).where(node_pool.c.cluster_id == cluster_id)
    return connection.execute(query.order_by(node_pool.c.id)).scalars().all()


def pools_of(connection: Connection, cluster_id: str) -> Pools:
    """The cluster's node pools, and which nodes are in which."""
    rows = connection.execute(
        select(node_pool).where(node_pool.c.cluster_id == cluster_id).order_by(node_pool.c.id)
    ).all()
    default = next(row.id for row in rows if row.is_default)
    names = {row.id: row.name for row in rows}
    if len(rows) == 1:
        return Pools(names, default, {})
    nodes = connection.execute(
        select(node.c.name, node.c.labels).where(node.c.cluster_id == cluster_id)
    )
    return Pools(
        names, default, {item.name: pool_of_labels(item.labels, rows, default) for item in nodes}
    )


def close_projects(connection: Connection, project_ids: Sequence[int]) -> None:
    """Let nothing come into these projects before this transaction ends, and see all that has: what
    is inside of them is asked for after this."""
    query = select(project.c.id).where(project.c.id.in_(project_ids)).order_by(project.c.id)
    connection.execute(query.with_for_update())


def pool_of_labels(labels: Mapping[str, str], pools: Any, default: int) -> int:
    """The pool whose label a node has: the oldest of them, or else the default one."""
    return next(
        (pool.id for pool in pools if labels.get(pool.label_key) == pool.label_value), default
    )


def default_pool_values() -> dict[str, Any]:
    """The columns of a cluster's default node pool."""
    key, value = DEFAULT_POOL_LABEL
    return {
        "name": FIRST_NAME,
        "is_default": True,
        "label_key": key,
        "label_value": value,
        "gpu_strategy": "binpack",
        "cpu_strategy": "binpack",
    }


def _is(column: ColumnElement[Any], text: str) -> ColumnElement[bool]:
    return column == decimal_id(text)
