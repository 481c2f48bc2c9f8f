"""Departments and projects as they are shown: with what they may have and what they use."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Table, case, func, literal, select

from windlass.kit.errors import BadRequest
from windlass.kit.paging import Field, ListQuery
from windlass.org.occupancy import Occupancy, use_of
from windlass.org.resource_store import load_resources
from windlass.org.resources import GPU_UNIT, Resources, Use
from windlass.org.tables import department, project
from windlass.org.tree import Pools, pools_of

_NOT_MEASURED = tuple(
    f"avg{what}{span}"
    for what in ("GpuAllocation", "GpuUtilization", "GpuMemoryUtilization")
    for span in ("24h", "7d", "30d")
)
"""Published fields of lists that nothing here measures yet."""
_UNLIMITED_SORTS_AS = 1e12


@dataclass(frozen=True, slots=True)
class Unit:
    """One department or project, with its cluster's node pools."""

    row: Row[Any]
    pools: Pools
    resources: Mapping[int, Resources]
    """By pool; where none are, those of a new pool."""
    use: Mapping[int, Use]
    """By pool."""


class UseReader:
    """Reads what projects use, within one transaction."""

    def __init__(self, connection: Connection, occupancy: Occupancy) -> None:
        self._connection = connection
        self._occupancy = occupancy
        self._pools: dict[str, Pools] = {}

    def pools(self, cluster_id: str) -> Pools:
        """The cluster's node pools, read once."""
        if cluster_id not in self._pools:
            self._pools[cluster_id] = pools_of(self._connection, cluster_id)
        return self._pools[cluster_id]

    def of_projects(
        self, cluster_id: str, project_ids: Collection[int] | None
    ) -> dict[int, dict[int, Use]]:
        """What these projects, or all, use in each pool."""
        pools = self.pools(cluster_id)
        occupants = self._occupancy.occupants(self._connection, project_ids)
        return use_of(occupants, pools.pool_of_node, pools.by_name, pools.default)


def load_units(
    connection: Connection, occupancy: Occupancy, rows: Sequence[Row[Any]], table: Table
) -> list[Unit]:
    """The units of these rows. `table` is where their resources are, and says what they are."""
    reader = UseReader(connection, occupancy)
    resources = load_resources(connection, table, [row.id for row in rows])
    use: dict[int, Mapping[int, Use]] = {}
    for cluster_id in {row.cluster_id for row in rows}:
        ids = [row.id for row in rows if row.cluster_id == cluster_id]
        if table.name == "project_resources":
            use.update(reader.of_projects(cluster_id, ids))
            continue
        parents = projects_in(connection, ids)
        by_project = reader.of_projects(cluster_id, list(parents))
        for department_id in ids:
            children = [child for child, parent in parents.items() if parent == department_id]
            use[department_id] = total_use(by_project.get(child, {}) for child in children)
    return [
        Unit(row, reader.pools(row.cluster_id), resources[row.id], use.get(row.id, {}))
        for row in rows
    ]


def projects_in(connection: Connection, department_ids: Collection[int]) -> dict[int, int]:
    """The projects that are in these departments, each with its department."""
    rows = connection.execute(
        select(project.c.id, project.c.department_id).where(
            project.c.department_id.in_(department_ids), project.c.deleted_at.is_(None)
        )
    )
    return {row.id: row.department_id for row in rows}


def total_use(parts: Iterable[Mapping[int, Use]]) -> dict[int, Use]:
    """What several units use together, by pool."""
    total: dict[int, Use] = {}
    for part in parts:
        for pool, use in part.items():
            total[pool] = total.get(pool, Use()) + use
    return total


def quota_fields(
    connection: Connection, occupancy: Occupancy, query: ListQuery, unit: Table, table: Table
) -> dict[str, Field]:
    """Of the fields that take some reading, those that the list is filtered or sorted by.

    Raises BadRequest for published ones that nothing here measures.
    """
    for name in _NOT_MEASURED:
        if _asks_for(query, name):
            raise BadRequest(f"{name}: asks for what this platform does not measure")
    fields = {"totalGpuQuota": Field(_total_quota(unit, table), Decimal)}
    allocated: dict[int, float] = {}
    if _asks_for(query, "gpuAllocated"):
        allocated = _allocated_gpus(connection, occupancy, by_department=unit is department)
    values = case(allocated, value=unit.c.id, else_=literal(0.0)) if allocated else literal(0.0)
    return {**fields, "gpuAllocated": Field(values, Decimal)}


def _total_quota(unit: Table, table: Table) -> ColumnElement[Any]:
    """The GPUs that a unit deserves in all pools; a huge number where they are unlimited."""
    return (
        select(
            case(
                (func.count() > func.count(table.c.gpu_deserved), literal(_UNLIMITED_SORTS_AS)),
                else_=func.coalesce(func.sum(table.c.gpu_deserved), 0) / float(GPU_UNIT),
            )
        )
        .where(table.c.unit_id == unit.c.id)
        .scalar_subquery()
    )


def _allocated_gpus(
    connection: Connection, occupancy: Occupancy, *, by_department: bool
) -> dict[int, float]:
    parents: dict[int, int] = {}
    if by_department:
        rows = connection.execute(select(project.c.id, project.c.department_id))
        parents = {row.id: row.department_id for row in rows}
    held: dict[int, float] = {}
    for occupant in occupancy.occupants(connection, None):
        if occupant.node_name is not None:
            unit_id = parents.get(occupant.project_id, occupant.project_id)
            held[unit_id] = held.get(unit_id, 0.0) + occupant.amounts.gpu / GPU_UNIT
    return held


def _asks_for(query: ListQuery, field: str) -> bool:
    return query.sort_by == field or field in (query.filter_by or "")
