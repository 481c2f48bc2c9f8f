"""Removes records that are kept for a while only."""

from collections.abc import Sequence
from functools import partial

from sqlalchemy import Connection, delete, exists, func, select

from windlass.kit.database import Database
from windlass.org.tables import department, project
from windlass.workloads.queries import DELETED_KEPT_SECONDS
from windlass.workloads.tables import event, pod, revision, workload, workload_asset

EVENTS_KEPT = 2_000
"""Of each workload, the latest: one that crashes or scales without end tells of it without end."""
_AT_ONCE = 100


def remove_old_records(database: Database, now: float) -> None:
    """Remove workloads that went `DELETED_KEPT_SECONDS` ago, and events as old or too many."""
    oldest = now - DELETED_KEPT_SECONDS
    database.write(lambda c: c.execute(delete(event).where(event.c.created_at < oldest)))
    for workload_id in _with_many_events(database):
        database.write(partial(_remove_earliest_events, workload_id))
    while database.write(lambda connection: _remove_some(connection, oldest)):
        pass
    database.write(_remove_empty_units)


def _with_many_events(database: Database) -> Sequence[str]:
    many = select(event.c.workload_id).group_by(event.c.workload_id)
    with database.read() as connection:
        return connection.execute(many.having(func.count() > EVENTS_KEPT)).scalars().all()


def _remove_earliest_events(workload_id: str, connection: Connection) -> None:
    of_workload = event.c.workload_id == workload_id
    latest = select(event.c.created_at).where(of_workload).order_by(event.c.created_at.desc())
    earliest_kept = connection.execute(latest.offset(EVENTS_KEPT - 1).limit(1)).scalar_one_or_none()
    if earliest_kept is not None:
        connection.execute(delete(event).where(of_workload, event.c.created_at < earliest_kept))


def _remove_empty_units(connection: Connection) -> None:
    """Forget projects and departments that are gone, once none of their workloads is shown."""
    used = exists().where(workload.c.project_id == project.c.id)
    connection.execute(delete(project).where(project.c.deleted_at.is_not(None), ~used))
    inside = exists().where(project.c.department_id == department.c.id)
    shown = exists().where(workload.c.department_id == department.c.id)
    connection.execute(
        delete(department).where(department.c.deleted_at.is_not(None), ~inside, ~shown)
    )


def _remove_some(connection: Connection, oldest: float) -> bool:
    gone = select(workload.c.id).where(workload.c.deleted_at < oldest).limit(_AT_ONCE)
    ids = connection.execute(gone).scalars().all()
    for table in (event, pod, revision, workload_asset):
        connection.execute(delete(table).where(table.c.workload_id.in_(ids)))
    connection.execute(delete(workload).where(workload.c.id.in_(ids)))
    return len(ids) == _AT_ONCE
