"""Removes records that are kept for a while only."""

from sqlalchemy import Connection, delete, exists, select

from windlass.kit.database import Database
from windlass.org.tables import department, project
from windlass.workloads.queries import DELETED_KEPT_SECONDS
from windlass.workloads.tables import event, pod, revision, workload

_AT_ONCE = 100


def remove_old_records(database: Database, now: float) -> None:
    """Remove workloads that went `DELETED_KEPT_SECONDS` ago, and events as old."""
    oldest = now - DELETED_KEPT_SECONDS
    database.write(lambda c: c.execute(delete(event).where(event.c.created_at < oldest)))
    while database.write(lambda connection: _remove_some(connection, oldest)):
        pass
    database.write(_remove_empty_units)


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
    for table in (event, pod, revision):
        connection.execute(delete(table).where(table.c.workload_id.in_(ids)))
    connection.execute(delete(workload).where(workload.c.id.in_(ids)))
    return len(ids) == _AT_ONCE
