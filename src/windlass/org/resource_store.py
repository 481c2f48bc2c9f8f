"""Resources of departments and projects in and out of the store."""

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import Connection, Row, Table, bindparam, delete, insert, select

from windlass.org.resources import Resources, Share
from windlass.org.tables import department_resources, project_resources

# Built once: that takes longer than to run them.
_OF_UNITS = {
    table: select(table).where(table.c.unit_id.in_(bindparam("unit_ids", expanding=True)))
    for table in (department_resources, project_resources)
}


def load_resources(
    connection: Connection, table: Table, unit_ids: Collection[int]
) -> dict[int, dict[int, Resources]]:
    """What these units may have, by unit and node pool; `table` is `department_resources` or
    `project_resources`. What nobody has said about a unit in a pool is not there."""
    found: dict[int, dict[int, Resources]] = {unit_id: {} for unit_id in unit_ids}
    for row in connection.execute(_OF_UNITS[table], {"unit_ids": list(unit_ids)}):
        found[row.unit_id][row.node_pool_id] = _resources(row)
    return found


def save_resources(
    connection: Connection, table: Table, unit_id: int, resources: Mapping[int, Resources]
) -> None:
    """Say what a unit may have in these node pools."""
    pools = list(resources)
    connection.execute(
        delete(table).where(table.c.unit_id == unit_id, table.c.node_pool_id.in_(pools))
    )
    rows = [
        {"unit_id": unit_id, "node_pool_id": pool, **_values(resources[pool])} for pool in pools
    ]
    if rows:
        connection.execute(insert(table), rows)


def _resources(row: Row[Any]) -> Resources:
    return Resources(
        gpu=Share(row.gpu_deserved, row.gpu_limit, row.gpu_weight),
        cpu=Share(row.cpu_deserved, row.cpu_limit, row.cpu_weight),
        memory=Share(row.memory_deserved, row.memory_limit, row.memory_weight),
        memory_units=row.memory_units,
        rank=row.priority,
    )


def _values(resources: Resources) -> dict[str, Any]:
    values: dict[str, Any] = {
        "memory_units": resources.memory_units,
        "priority": resources.rank,
    }
    for name in ("gpu", "cpu", "memory"):
        share: Share = getattr(resources, name)
        values[f"{name}_deserved"] = share.deserved
        values[f"{name}_limit"] = share.limit
        values[f"{name}_weight"] = share.weight
    return values
