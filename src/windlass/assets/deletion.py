"""Assets that go because something else does, within a transaction of the caller's."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, or_, select, update

from windlass.assets.kind import Kind
from windlass.assets.sharing import end_shares_within
from windlass.assets.surroundings import Workloads
from windlass.assets.tables import asset
from windlass.assets.usage import users_of
from windlass.kit.timestamps import to_wire

OF_ITSELF = "system: "
"""How `deleted_by` begins where nobody asked for it by name; the reason follows."""


def delete_asset(connection: Connection, asset_id: str, deleted_by: str, now: float) -> None:
    """Delete one asset. Its row stays for those that show what they were made from; what it kept
    sealed does not."""
    _delete(connection, asset.c.id == asset_id, deleted_by, now)


def delete_assets_within(connection: Connection, path: str, deleted_by: str, now: float) -> None:
    """Delete every asset of the unit at that path, and of those below it, and end what others
    share with these units."""
    inside = or_(
        asset.c.scope_path == path, asset.c.scope_path.startswith(f"{path}/", autoescape=True)
    )
    _delete(connection, inside, deleted_by, now)
    end_shares_within(connection, path)


def delete_if_unused(
    connection: Connection,
    workloads: Workloads,
    asset_ids: Collection[str],
    deleted_by: str,
    now: float,
) -> None:
    """Delete those of these assets that are to go with their last use, and are used no more."""
    leaving = (
        connection.execute(
            select(asset.c.id)
            .where(
                asset.c.id.in_(asset_ids),
                asset.c.auto_delete.is_(True),
                asset.c.deleted_at.is_(None),
            )
            .order_by(asset.c.id)
            .with_for_update()
        )
        .scalars()
        .all()
    )
    users = users_of(connection, workloads, leaving)
    for asset_id in leaving:
        if not users[asset_id]:
            delete_asset(connection, asset_id, deleted_by, now)


def deletion_told(kind: Kind, row: Row[Any]) -> str:
    """When a deleted asset was deleted, and by whom or why."""
    why = row.deleted_by.removeprefix(OF_ITSELF)
    by = why if row.deleted_by.startswith(OF_ITSELF) else f"deleted by {why}"
    return f"The {kind.words} {row.name!r} is gone: {by}, at {to_wire(row.deleted_at)}."


def _delete(
    connection: Connection, which: ColumnElement[bool], deleted_by: str, now: float
) -> None:
    connection.execute(
        update(asset)
        .where(which, asset.c.deleted_at.is_(None))
        .values(deleted_at=now, deleted_by=deleted_by, sealed_secrets=None)
    )
