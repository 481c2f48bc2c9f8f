"""How long records of deleted assets are kept."""

from sqlalchemy import Connection, delete, exists, select

from windlass.assets.surroundings import Workloads
from windlass.assets.tables import asset, asset_reference
from windlass.kit.database import Database

_AT_ONCE = 1000
_DAY_SECONDS = 24 * 3600.0


def remove_old_assets(
    database: Database, workloads: Workloads, now: float, retention_days: float
) -> None:
    """Remove what was deleted longer ago than that, in short transactions.

    What a workload on record or another asset still refers to stays, as does what a deleted asset
    refers to until that is removed itself.
    """
    oldest = now - retention_days * _DAY_SECONDS
    while database.write(lambda connection: _remove_some(connection, workloads, oldest)):
        pass


def _remove_some(connection: Connection, workloads: Workloads, oldest: float) -> bool:
    referred_to = exists().where(asset_reference.c.refers_to == asset.c.id)
    some = (
        select(asset.c.id)
        .where(asset.c.deleted_at < oldest, ~referred_to, asset.c.id.not_in(workloads.ever_used()))
        .limit(_AT_ONCE)
    )
    ids = connection.execute(some).scalars().all()
    connection.execute(delete(asset).where(asset.c.id.in_(ids)))
    return bool(ids)
