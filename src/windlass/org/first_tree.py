"""The tree that is there from the first start on."""

from dataclasses import dataclass

from sqlalchemy import Connection, insert, select

from windlass.kit.clock import Clock
from windlass.kit.ids import new_id
from windlass.org.resource_store import save_resources
from windlass.org.resources import UNLIMITED
from windlass.org.tables import (
    cluster,
    department,
    department_resources,
    node_pool,
    project,
    project_resources,
    tenant,
)
from windlass.org.tree import FIRST_NAME, default_pool_values

_FIRST_TENANT = 1001
_FIRST_DEPARTMENT = 4500001
_FIRST_PROJECT = 4500002
_FIRST_NODE_POOL = 100001


@dataclass(frozen=True, slots=True)
class FirstTree:
    """The ids of what was made first; of department and project, of the oldest there are, and empty
    where there are none."""

    tenant_id: int
    cluster_id: str
    department_id: str
    project_id: str
    project_name: str


def create_first_tree(
    connection: Connection, domain: str, created_by: str, clock: Clock
) -> FirstTree:
    """Write one tenant, cluster, node pool, department and project, all named `default`.

    The department and the project may have everything that the machine has.
    """
    now = clock.now()
    cluster_id = new_id()
    connection.execute(
        insert(tenant).values(
            id=_FIRST_TENANT, name=FIRST_NAME, created_at=now, last_unit_id=_FIRST_PROJECT
        )
    )
    connection.execute(
        insert(cluster).values(
            id=cluster_id,
            tenant_id=_FIRST_TENANT,
            name=FIRST_NAME,
            domain=domain,
            connected=True,
            created_at=now,
            updated_at=now,
        )
    )
    stamps = {
        "cluster_id": cluster_id,
        "created_at": now,
        "created_by": created_by,
        "updated_at": now,
        "updated_by": created_by,
    }
    connection.execute(
        insert(node_pool).values(id=_FIRST_NODE_POOL, **default_pool_values(), **stamps)
    )
    unit = {"name": FIRST_NAME, "description": "", **stamps}
    connection.execute(insert(department).values(id=_FIRST_DEPARTMENT, **unit))
    connection.execute(
        insert(project).values(id=_FIRST_PROJECT, department_id=_FIRST_DEPARTMENT, **unit)
    )
    everything = {_FIRST_NODE_POOL: UNLIMITED}
    save_resources(connection, department_resources, _FIRST_DEPARTMENT, everything)
    save_resources(connection, project_resources, _FIRST_PROJECT, everything)
    return _tree(connection)


def first_tree(connection: Connection) -> FirstTree | None:
    """What is there of it; None before the first start."""
    if connection.execute(select(tenant.c.id)).first() is None:
        return None
    return _tree(connection)


def _tree(connection: Connection) -> FirstTree:
    local = connection.execute(
        select(cluster.c.tenant_id, cluster.c.id).where(cluster.c.connected)
    ).one()
    parent = connection.execute(
        select(department.c.id)
        .where(department.c.cluster_id == local.id, department.c.deleted_at.is_(None))
        .order_by(department.c.id)
        .limit(1)
    ).one_or_none()
    child = connection.execute(
        select(project.c.id, project.c.name)
        .where(project.c.cluster_id == local.id, project.c.deleted_at.is_(None))
        .order_by(project.c.id)
        .limit(1)
    ).one_or_none()
    return FirstTree(
        tenant_id=local.tenant_id,
        cluster_id=local.id,
        department_id="" if parent is None else str(parent.id),
        project_id="" if child is None else str(child.id),
        project_name="" if child is None else child.name,
    )
