"""Asking for the end of a workload of any kind, in a transaction of the caller's."""

from sqlalchemy import Connection, select, update

from windlass.audit.trail import Action, Entity, record
from windlass.control.changes import record_change
from windlass.identity.roles import ResourceType
from windlass.workloads import store
from windlass.workloads.access import scope_of
from windlass.workloads.phases import DesiredPhase, Phase
from windlass.workloads.records import NewEvent
from windlass.workloads.surroundings import WORKLOAD
from windlass.workloads.tables import workload


def request_deletion(
    connection: Connection, workload_id: str, kind: ResourceType, event: NewEvent, now: float
) -> bool:
    """Have a workload removed; asked again while that is under way, the same.

    `event` tells its users; `kind` is what the audit log calls it. Whether there is one.
    """
    row = connection.execute(
        select(workload)
        .where(workload.c.id == workload_id, workload.c.deleted_at.is_(None))
        .with_for_update()
    ).one_or_none()
    if row is None:
        return False
    if row.desired_phase != DesiredPhase.DELETED.value:
        connection.execute(
            update(workload)
            .where(workload.c.id == workload_id)
            .values(
                desired_phase=DesiredPhase.DELETED.value,
                phase=Phase.DELETING.value,
                phase_reason=None,
                phase_message="",
                phase_updated_at=now,
                delete_requested_at=now,
                updated_at=now,
            )
        )
        store.add_events(connection, workload_id, [event], now)
    record(connection, Action.DELETE, Entity(kind.value, workload_id, row.name, scope_of(row)))
    record_change(connection, WORKLOAD, workload_id)
    return True
