"""Units, beside its own, in which an asset can be used: what it is shared with.

What is said here holds for every unit below, too.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, Connection, Row, delete, insert, or_, select

from windlass.assets.tables import asset, asset_share
from windlass.org.scopes import ScopeType, Unit, scope_path
from windlass.org.tables import cluster, department, project

_NAMES = {ScopeType.CLUSTER: cluster, ScopeType.DEPARTMENT: department, ScopeType.PROJECT: project}


def usable_in(paths: Collection[str] | BindParameter[str]) -> ColumnElement[bool]:
    """The condition that an asset is in one of the units at these paths, or shared with one."""
    shared = select(asset_share.c.asset_id).where(asset_share.c.scope_path.in_(paths))
    return or_(asset.c.scope_path.in_(paths), asset.c.id.in_(shared))


def shares_of(connection: Connection, asset_id: str) -> Sequence[Row[Any]]:
    """The units that an asset is shared with, those shared first before the others."""
    query = select(asset_share).where(asset_share.c.asset_id == asset_id)
    return connection.execute(
        query.order_by(asset_share.c.created_at, asset_share.c.scope_path)
    ).all()


def level_of_share(row: Row[Any]) -> tuple[ScopeType, str]:
    """The level and the id of the unit that a share is with."""
    if row.project_id is not None:
        return ScopeType.PROJECT, str(row.project_id)
    if row.department_id is not None:
        return ScopeType.DEPARTMENT, str(row.department_id)
    return ScopeType.CLUSTER, str(row.cluster_id)


def names_of_units(
    connection: Connection, units: Iterable[tuple[ScopeType, str]]
) -> Mapping[tuple[ScopeType, str], str]:
    """What these units are called now."""
    names: dict[tuple[ScopeType, str], str] = {}
    for level, table in _NAMES.items():
        wanted = sorted({unit_id for other, unit_id in units if other is level})
        if not wanted:
            continue
        ids = wanted if level is ScopeType.CLUSTER else [int(unit_id) for unit_id in wanted]
        rows = connection.execute(select(table.c.id, table.c.name).where(table.c.id.in_(ids)))
        names |= {(level, str(row.id)): row.name for row in rows}
    return names


def add_share(
    connection: Connection, asset_id: str, unit: Unit, created_by: str, now: float
) -> None:
    """Let an asset be used in the unit. It must not be shared with it yet."""
    connection.execute(
        insert(asset_share).values(
            asset_id=asset_id,
            scope_path=scope_path(unit),
            cluster_id=unit.cluster_id,
            department_id=None if unit.department_id is None else int(unit.department_id),
            project_id=None if unit.project_id is None else int(unit.project_id),
            created_at=now,
            created_by=created_by,
        )
    )


def remove_shares(connection: Connection, asset_id: str, paths: Collection[str]) -> None:
    """Let it be used in the units at these paths no more."""
    connection.execute(
        delete(asset_share).where(
            asset_share.c.asset_id == asset_id, asset_share.c.scope_path.in_(paths)
        )
    )


def end_shares_within(connection: Connection, path: str) -> None:
    """End what is shared with the unit at that path, or with one below it: they go."""
    inside = or_(
        asset_share.c.scope_path == path,
        asset_share.c.scope_path.startswith(f"{path}/", autoescape=True),
    )
    connection.execute(delete(asset_share).where(inside))
