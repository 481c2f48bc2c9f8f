"""Workloads in and out of the store, for those who reconcile them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update

from windlass.engines.engine import DeviceShare, ExitReason, PinnedImage, ReplicaExit
from windlass.kit.ids import new_id
from windlass.org.tables import project
from windlass.workloads.phases import DesiredPhase
from windlass.workloads.records import (
    NewEvent,
    Pod,
    PodState,
    WorkloadRecord,
    WorkloadState,
)
from windlass.workloads.tables import event, pod, revision, workload

# More than are kept of each replica.
_ENDED_PODS_READ = 40
# Events written together are listed in the order in which they happened.
_APART_SECONDS = 1e-5

# Statements that run again and again are built once: that takes longer than to run them.
_STATE = (
    select(
        workload,
        revision.c.image_id,
        revision.c.image_digest,
        project.c.name.label("project_name"),
    )
    .join(revision, revision.c.id == workload.c.revision_id)
    .join(project, project.c.id == workload.c.project_id)
    .where(workload.c.id == bindparam("workload_id"), workload.c.deleted_at.is_(None))
)
_PODS = select(pod).where(pod.c.workload_id == bindparam("workload_id"))
_ALIVE = _PODS.where(pod.c.exited_at.is_(None)).order_by(pod.c.created_at)
_ENDED = (
    _PODS.where(pod.c.exited_at.is_not(None))
    .order_by(pod.c.created_at.desc(), pod.c.exited_at.desc())
    .limit(bindparam("limit"))
)
_ADD_POD = insert(pod)
_CHANGE_POD = update(pod).where(pod.c.id == bindparam("changed_pod"))
_CHANGE_WORKLOAD = update(workload).where(workload.c.id == bindparam("changed_workload"))
_CHANGE_DECIDED = _CHANGE_WORKLOAD.where(workload.c.desired_phase == bindparam("decided_for"))
_ADD_EVENTS = insert(event)


def load_state(connection: Connection, workload_id: str) -> WorkloadState | None:
    """A workload with its living and latest ended pods; None when there is none, or it is gone."""
    of_workload = {"workload_id": workload_id}
    row = connection.execute(_STATE, of_workload).one_or_none()
    if row is None:
        return None
    alive = connection.execute(_ALIVE, of_workload).all()
    limit = _ENDED_PODS_READ * max(1, row.wanted_replicas)
    ended = connection.execute(_ENDED, {**of_workload, "limit": limit}).all()
    return WorkloadState(
        _record(row), tuple(pod_of(item) for item in alive), tuple(pod_of(item) for item in ended)
    )


def unfinished_workloads(connection: Connection) -> Sequence[str]:
    """The ids of all workloads that are not gone."""
    query = select(workload.c.id).where(workload.c.deleted_at.is_(None))
    return connection.execute(query).scalars().all()


def workloads_of_pods(connection: Connection, pod_ids: Iterable[str]) -> Mapping[str, str]:
    """By pod, the workload that it belongs to."""
    query = select(pod.c.id, pod.c.workload_id).where(pod.c.id.in_(list(pod_ids)))
    return {row.id: row.workload_id for row in connection.execute(query)}


def known_pods(connection: Connection) -> set[str]:
    """Every pod there is a record of, of workloads that are not gone."""
    query = select(pod.c.id).join(workload, workload.c.id == pod.c.workload_id)
    return set(connection.execute(query.where(workload.c.deleted_at.is_(None))).scalars())


def save_pods(
    connection: Connection, before: Mapping[str, Pod], after: Iterable[Pod], now: float
) -> None:
    """Write what changed, and only that: another writer may have given a pod its place."""
    for item in after:
        values = _pod_values(item)
        if item.id not in before:
            connection.execute(_ADD_POD, {**values, "updated_at": now})
            continue
        known = _pod_values(before[item.id])
        changed = {name: value for name, value in values.items() if value != known[name]}
        if set(changed) - {"last_ready_at"}:
            changes = {**changed, "changed_pod": item.id, "updated_at": now}
            connection.execute(_CHANGE_POD, changes)


def save_workload(
    connection: Connection, workload_id: str, values: Mapping[str, Any], now: float
) -> None:
    """Change columns of a workload."""
    changes = {**values, "changed_workload": workload_id, "updated_at": now}
    connection.execute(_CHANGE_WORKLOAD, changes)


def save_decided(
    connection: Connection,
    workload_id: str,
    values: Mapping[str, Any],
    now: float,
    desired: DesiredPhase,
) -> None:
    """Change columns of a workload by a decision that was taken for `desired`.

    Where something else is desired by now, nothing is changed: its change row has the workload
    looked at again.
    """
    changes = {**values, "changed_workload": workload_id, "updated_at": now}
    connection.execute(_CHANGE_DECIDED, {**changes, "decided_for": desired.value})


def save_image(connection: Connection, revision_id: str, image: PinnedImage) -> None:
    """Pin a revision to an image, unless it is pinned already."""
    connection.execute(
        update(revision)
        .where(revision.c.id == revision_id, revision.c.image_id.is_(None))
        .values(image_id=image.id, image_digest=image.digest)
    )


def images_in_use(connection: Connection) -> set[str]:
    """Ids, digests and names of the images that workloads which are not gone run from, or will."""
    rows = connection.execute(
        select(workload.c.image, revision.c.image_id, revision.c.image_digest)
        .join(revision, revision.c.workload_id == workload.c.id)
        .where(workload.c.deleted_at.is_(None))
    ).all()
    return {name for row in rows for name in row if name is not None}


def remove_pods(connection: Connection, pod_ids: Sequence[str]) -> None:
    """Forget pods that ended long ago."""
    connection.execute(delete(pod).where(pod.c.id.in_(pod_ids)))


def add_events(
    connection: Connection, workload_id: str, events: Iterable[NewEvent], now: float
) -> None:
    """Tell what happened, in this order."""
    rows = [
        {
            "id": new_id(),
            "workload_id": workload_id,
            "pod_id": item.pod_id,
            "request_id": item.request_id,
            "created_at": now + index * _APART_SECONDS,
            "type": "Warning" if item.warning else "Normal",
            "reason": item.reason,
            "message": item.message,
        }
        for index, item in enumerate(events)
    ]
    if rows:
        connection.execute(_ADD_EVENTS, rows)


def pod_of(row: Row[Any]) -> Pod:
    """A pod from its row."""
    return Pod(
        id=row.id,
        workload_id=row.workload_id,
        revision_id=row.revision_id,
        ordinal=row.ordinal,
        created_at=row.created_at,
        state=PodState(row.state),
        not_before=row.not_before,
        node_name=row.node_name,
        devices=devices_of(row.devices),
        placed_at=row.placed_at,
        stop_requested_at=row.stop_requested_at,
        ready=row.ready,
        host=row.host,
        port=row.port,
        started_at=row.started_at,
        first_ready_at=row.first_ready_at,
        last_ready_at=row.last_ready_at,
        exit=_exit(row),
    )


def devices_of(stored: Sequence[Mapping[str, Any]] | None) -> tuple[DeviceShare, ...]:
    """Device shares from their column."""
    return tuple(DeviceShare(**share) for share in stored or ())


def stored_devices(devices: Iterable[DeviceShare]) -> list[dict[str, Any]]:
    """Device shares for their column."""
    return [asdict(share) for share in devices]


def _record(row: Row[Any]) -> WorkloadRecord:
    return WorkloadRecord(
        id=row.id,
        type=row.type,
        name=row.name,
        project_id=str(row.project_id),
        project_name=row.project_name,
        desired_phase=DesiredPhase(row.desired_phase),
        revision_id=row.revision_id,
        replicas=row.wanted_replicas,
        spec=row.spec,
        created_at=row.created_at,
        phase=row.phase,
        phase_reason=row.phase_reason,
        phase_message=row.phase_message,
        first_running_at=row.first_running_at,
        initializing_at=row.initializing_at,
        failure_reason=row.failure_reason,
        failure_message=row.failure_message,
        delete_requested_at=row.delete_requested_at,
        pending_message=_pending_message(row.pending_reasons),
        is_out_of_room=_is_certain(row.pending_reasons),
        image=PinnedImage(row.image_id, row.image_digest) if row.image_id else None,
        running_pods=row.running_pods,
        priority=row.priority,
        is_autoscaled=row.is_autoscaled,
    )


def _pending_message(reasons: Sequence[Mapping[str, Any]] | None) -> str | None:
    return reasons[0]["message"] if reasons else None


def _is_certain(reasons: Sequence[Mapping[str, Any]] | None) -> bool:
    return bool(reasons) and all(reason.get("certain", True) for reason in reasons or ())


def _exit(row: Row[Any]) -> ReplicaExit | None:
    if row.exited_at is None:
        return None
    return ReplicaExit(
        ExitReason(row.exit_reason), row.exit_message, row.exited_at, row.exit_code, row.exit_signal
    )


def _pod_values(item: Pod) -> dict[str, Any]:
    end = item.exit
    return {
        "id": item.id,
        "workload_id": item.workload_id,
        "revision_id": item.revision_id,
        "ordinal": item.ordinal,
        "created_at": item.created_at,
        "state": item.state.value,
        "not_before": item.not_before,
        "node_name": item.node_name,
        "devices": stored_devices(item.devices),
        "placed_at": item.placed_at,
        "stop_requested_at": item.stop_requested_at,
        "ready": item.ready,
        "host": item.host,
        "port": item.port,
        "started_at": item.started_at,
        "first_ready_at": item.first_ready_at,
        "last_ready_at": item.last_ready_at,
        "exited_at": end.at if end else None,
        "exit_reason": end.reason.value if end else None,
        "exit_message": end.message if end else None,
        "exit_code": end.code if end else None,
        "exit_signal": end.signal if end else None,
    }
