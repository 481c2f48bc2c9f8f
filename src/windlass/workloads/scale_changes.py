"""A decided number of replicas, and how it is put on record."""

from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, update

from windlass.control.changes import record_change
from windlass.workloads import store
from windlass.workloads.phases import DesiredPhase
from windlass.workloads.records import NewEvent
from windlass.workloads.scalers import Wanted
from windlass.workloads.surroundings import WORKLOAD
from windlass.workloads.tables import workload

# Built once: that takes longer than to run it.
_SCALE = update(workload).where(
    workload.c.id == bindparam("scaled"),
    workload.c.revision_id == bindparam("of_revision"),
    workload.c.wanted_replicas == bindparam("before"),
    workload.c.desired_phase == DesiredPhase.RUNNING.value,
)


@dataclass(frozen=True, slots=True)
class ScaleChange:
    """A number of replicas to write, if the record is still as it was decided by."""

    workload_id: str
    revision_id: str
    before: int
    wanted: Wanted


def save_scale(connection: Connection, change: ScaleChange, told_at: float) -> bool:
    """Whether the change took place: the record was still as it was decided by."""
    changed = connection.execute(
        _SCALE,
        {
            "scaled": change.workload_id,
            "of_revision": change.revision_id,
            "before": change.before,
            "wanted_replicas": change.wanted.replicas,
            "updated_at": told_at,
        },
    ).rowcount
    if not changed:
        return False
    message = f"Replicas {change.before} → {change.wanted.replicas}: {change.wanted.because}."
    store.add_events(connection, change.workload_id, [NewEvent("Scaled", message)], told_at)
    record_change(connection, WORKLOAD, change.workload_id)
    return True
