"""The tree as the scheduler sees it: queues with quotas in each node pool."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Table, bindparam, select

from windlass.kit.durations import parse_duration
from windlass.org.resource_store import load_resources
from windlass.org.resources import NEW_POOL, RANKS, Resources, Share
from windlass.org.tables import (
    department,
    department_resources,
    node_pool,
    project,
    project_resources,
)
from windlass.org.tree import pool_of_labels
from windlass.scheduling import PlacementStrategy, Queue, Quota, Settings

PROJECT_QUEUE = "project-"
DEPARTMENT_QUEUE = "department-"

# Built once: that takes longer than to run them.
_POOLS = (
    select(node_pool)
    .where(node_pool.c.cluster_id == bindparam("cluster_id"))
    .order_by(node_pool.c.id)
)
_PROJECTS = select(project).where(project.c.id.in_(bindparam("ids", expanding=True)))
_DEPARTMENTS = select(department).where(department.c.id.in_(bindparam("ids", expanding=True)))


@dataclass(frozen=True, slots=True)
class Queues:
    """What a plan has to know of one cluster's tree."""

    queues: tuple[Queue, ...]
    settings: Mapping[str, Settings]
    """Of each node pool, by name."""
    default_pools: Mapping[int, tuple[str, ...]]
    """Where workloads of a project go that name no node pool, in order of preference."""
    pools: tuple[Row[Any], ...]
    """The node pools, oldest first."""

    def pool_of(self, labels: Mapping[str, str]) -> str:
        """The name of the pool that a node with these labels is in."""
        default = next(pool.id for pool in self.pools if pool.is_default)
        found = pool_of_labels(labels, self.pools, default)
        return next(str(pool.name) for pool in self.pools if pool.id == found)


def project_queue(project_id: int) -> str:
    """The id of a project's queue."""
    return f"{PROJECT_QUEUE}{project_id}"


def load_queues(connection: Connection, cluster_id: str, project_ids: Collection[int]) -> Queues:
    """The queues of these projects and of the departments above them, in every node pool."""
    pools = connection.execute(_POOLS, {"cluster_id": cluster_id}).all()
    projects = connection.execute(_PROJECTS, {"ids": list(project_ids)}).all()
    parents = {row.department_id for row in projects}
    departments = connection.execute(_DEPARTMENTS, {"ids": list(parents)}).all()
    queues = [
        *_queues(connection, departments, department_resources, pools),
        *_queues(connection, projects, project_resources, pools),
    ]
    above = {row.id: row.default_node_pools for row in departments}
    default = next(pool.name for pool in pools if pool.is_default)
    return Queues(
        tuple(queues),
        {pool.name: _settings(pool) for pool in pools},
        {
            row.id: tuple(row.default_node_pools or above[row.department_id] or [default])
            for row in projects
        },
        tuple(pools),
    )


def _queues(
    connection: Connection, rows: Collection[Row[Any]], table: Table, pools: Iterable[Row[Any]]
) -> Iterable[Queue]:
    resources = load_resources(connection, table, [row.id for row in rows])
    is_project = table is project_resources
    for pool in pools:
        for row in rows:
            yield _queue(row, pool.name, resources[row.id].get(pool.id, NEW_POOL), is_project)


def _queue(row: Row[Any], pool: str, resources: Resources, is_project: bool) -> Queue:
    return Queue(
        id=project_queue(row.id) if is_project else f"{DEPARTMENT_QUEUE}{row.id}",
        name=f"{'project' if is_project else 'department'} {row.name}",
        pool=pool,
        parent=f"{DEPARTMENT_QUEUE}{row.department_id}" if is_project else None,
        created_at=row.created_at,
        rank=RANKS[resources.rank],
        gpu=_quota(resources.gpu),
        cpu=_quota(resources.cpu),
        memory=_quota(resources.memory),
    )


def _quota(share: Share) -> Quota:
    return Quota(share.deserved, share.cap, share.weight)


def _settings(pool: Row[Any]) -> Settings:
    runtime = pool.minimum_guaranteed_runtime
    return Settings(
        gpu_strategy=PlacementStrategy(pool.gpu_strategy),
        cpu_strategy=PlacementStrategy(pool.cpu_strategy),
        guaranteed_runtime=parse_duration(runtime) if runtime else 0.0,
    )
