"""Gives waiting pods a place: one plan over everything, committed before anything starts."""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, select, update

from windlass import scheduling
from windlass.control.changes import record_change
from windlass.control.lease import require_epoch
from windlass.engines.engine import DeviceShare, Node
from windlass.org.queues import PROJECT_QUEUE, Queues, load_queues, project_queue
from windlass.workloads import store
from windlass.workloads.kind import DesiredWorkload
from windlass.workloads.phases import DesiredPhase
from windlass.workloads.records import NewEvent, PodState
from windlass.workloads.surroundings import EVERYTHING, WORKLOAD, Surroundings
from windlass.workloads.tables import pod, workload

# Built once: that takes longer than to run it.
_LIVING_PODS: Select[Any] = (
    select(
        pod.c.id,
        pod.c.workload_id,
        pod.c.ordinal,
        pod.c.state,
        pod.c.node_name,
        pod.c.devices,
        pod.c.stop_requested_at,
        workload.c.desired_phase,
        workload.c.revision_id,
        workload.c.project_id,
        workload.c.priority,
        workload.c.pending_reasons,
        workload.c.created_at.label("workload_created_at"),
    )
    .join(workload, workload.c.id == pod.c.workload_id)
    .where(pod.c.exited_at.is_(None))
    .where((workload.c.desired_phase == DesiredPhase.RUNNING.value) | pod.c.node_name.is_not(None))
    .order_by(workload.c.created_at, pod.c.ordinal)
)
_SPECS = select(workload.c.id, workload.c.type, workload.c.revision_id, workload.c.spec).where(
    workload.c.id.in_(bindparam("ids", expanding=True))
)
_SPECS_AT_ONCE = 500
_PLACE = (
    update(pod)
    .where(pod.c.id == bindparam("placed_pod"), pod.c.state == PodState.PENDING.value)
    .values(state=PodState.PLACED.value)
)


class PlacementReconciler:
    """Plans for every waiting pod."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._around = surroundings

    def list_keys(self) -> Sequence[str]:
        """There is one key: a plan looks at everything."""
        return [EVERYTHING]

    def reconcile(self, _key: str) -> float | None:
        """Place what fits, and say of the rest why it waits."""
        with self._around.database.read() as connection:
            rows = connection.execute(_LIVING_PODS).all()
            if not any(row.state == PodState.PENDING.value for row in rows):
                return None
            projects = {row.project_id for row in rows}
            queues = load_queues(connection, self._around.cluster_id, projects)
            desired = self._desired(connection, rows)
        nodes = self._around.engine.nodes()
        real = [node for node in nodes if not node.simulated]
        snapshot = scheduling.Snapshot(
            nodes=tuple(_node(node, queues) for node in real),
            workloads=tuple(_workloads(rows, desired, real, queues)),
            queues=queues.queues,
            settings=queues.settings,
        )
        plan = scheduling.plan(snapshot)
        simulated = [_node(node, queues) for node in nodes if node.simulated]
        reasons = _reasons_of(
            plan,
            only_simulated(snapshot, plan, simulated),
            waiting_for_room(snapshot, plan, {row.id for row in rows if _is_leaving(row)}),
        )
        self._commit(rows, plan, snapshot, reasons)
        return None

    def _desired(
        self, connection: Connection, rows: Sequence[Row[Any]]
    ) -> Mapping[str, DesiredWorkload]:
        """What each workload asks for, unless it was deleted meanwhile. Specs are large: only
        those are loaded that nobody has read."""
        kinds = self._around.kinds
        asked = {row.workload_id: kinds.remembered(row.revision_id) for row in rows}
        unread = [key for key, desired in asked.items() if desired is None]
        for start in range(0, len(unread), _SPECS_AT_ONCE):
            ids = unread[start : start + _SPECS_AT_ONCE]
            for row in connection.execute(_SPECS, {"ids": ids}):
                asked[row.id] = kinds.desired(row.type, row.revision_id, row.spec)
        return {key: desired for key, desired in asked.items() if desired is not None}

    def _commit(
        self,
        rows: Sequence[Row[Any]],
        plan: scheduling.Plan,
        snapshot: scheduling.Snapshot,
        reasons: Mapping[str, list[dict[str, Any]]],
    ) -> None:
        now = self._around.clock.now()
        told_at = self._around.wall_clock.now()
        by_id = {row.id: row for row in rows}
        pool_of_node = {node.name: node.pool for node in snapshot.nodes}
        known = {row.workload_id: row.pending_reasons for row in rows}
        news = {key: value for key, value in reasons.items() if value != known.get(key)}
        if not plan.placements and not news:
            return

        def save(connection: Connection) -> None:
            require_epoch(connection, self._around.tenure.lease_name, self._around.tenure.epoch)
            for pod_id, placement in plan.placements.items():
                _place(connection, pod_id, placement, pool_of_node[placement.node], now)
            for workload_id, events in _scheduled_events(by_id, plan).items():
                store.add_events(connection, workload_id, events, told_at)
                record_change(connection, WORKLOAD, workload_id)
            for workload_id, value in news.items():
                store.save_workload(connection, workload_id, {"pending_reasons": value}, told_at)
                if _messages(value) != _messages(known.get(workload_id)):
                    message = NewEvent("FailedScheduling", value[0]["message"], True)
                    store.add_events(connection, workload_id, [message], told_at)
                record_change(connection, WORKLOAD, workload_id)

        self._around.database.write(save)
        for workload_id in {by_id[pod_id].workload_id for pod_id in plan.placements} | set(news):
            self._around.wake(WORKLOAD, workload_id)


def only_simulated(
    snapshot: scheduling.Snapshot, plan: scheduling.Plan, nodes: Sequence[scheduling.Node]
) -> Mapping[str, str]:
    """Which workloads wait that would have a place on simulated `nodes`, each with one of them."""
    if not nodes or not plan.pending:
        return {}
    names = {node.name for node in nodes}
    tried = scheduling.plan(replace(snapshot, nodes=(*snapshot.nodes, *nodes)))
    found: dict[str, str] = {}
    for item in plan.pending:
        places = [tried.placements.get(pod_id) for pod_id in item.pod_ids]
        there = [place.node for place in places if place is not None and place.node in names]
        if there and None not in places:
            found[item.workload_id] = there[0]
    return found


def waiting_for_room(
    snapshot: scheduling.Snapshot, plan: scheduling.Plan, leaving: Set[str]
) -> Set[str]:
    """Which workloads wait of which a pod would have a place if the pods on their way out were
    gone; for all others it is certain that none will have one soon."""
    if not leaving or not plan.pending:
        return frozenset()
    staying = (_without(workload, leaving) for workload in snapshot.workloads)
    after = replace(snapshot, workloads=tuple(each for each in staying if each.pods))
    placed = scheduling.plan(after).placements.keys()
    return {item.workload_id for item in plan.pending if not placed.isdisjoint(item.pod_ids)}


def _workloads(
    rows: Sequence[Row[Any]],
    desired: Mapping[str, DesiredWorkload],
    nodes: Sequence[Node],
    queues: Queues,
) -> Iterable[scheduling.Workload]:
    grouped: dict[str, list[Row[Any]]] = {}
    for row in rows:
        grouped.setdefault(row.workload_id, []).append(row)
    for workload_id, members in grouped.items():
        asked = desired.get(workload_id)
        if asked is None:
            continue
        first = members[0]
        # Those that have a place count first towards the minimum.
        members.sort(key=lambda row: (row.node_name is None, row.ordinal))
        wanted = asked.constraints
        yield scheduling.Workload(
            id=workload_id,
            pods=tuple(
                scheduling.Pod(id=row.id, request=asked.request, placement=_placement(row, nodes))
                for row in members
            ),
            min_members=min(max(1, asked.scaling.minimum), len(members)),
            priority=first.priority,
            submitted_at=first.workload_created_at,
            queue=project_queue(first.project_id),
            pools=wanted.node_pools or queues.default_pools[first.project_id],
            node_labels=wanted.node_labels,
            node_affinity=wanted.node_affinity,
            tolerations=wanted.tolerations,
            pod_affinity=wanted.pod_affinity,
        )


def _without(workload: scheduling.Workload, pod_ids: Set[str]) -> scheduling.Workload:
    pods = tuple(pod for pod in workload.pods if pod.id not in pod_ids)
    fewest = None if workload.min_members is None else min(workload.min_members, len(pods))
    return replace(workload, pods=pods, min_members=fewest)


def _node(node: Node, queues: Queues) -> scheduling.Node:
    return scheduling.Node(
        name=node.name,
        cpu_millicores=node.cpu_millicores,
        memory_bytes=node.memory_bytes,
        devices=tuple(
            scheduling.Device(id=device.id, memory_bytes=device.memory_bytes)
            for device in node.devices
        ),
        pool=queues.pool_of(node.labels),
        labels=dict(node.labels),
        taints=tuple(
            scheduling.Taint(taint.key, taint.value, scheduling.TaintEffect(taint.effect))
            for taint in node.taints
        ),
    )


def _placement(row: Row[Any], nodes: Sequence[Node]) -> scheduling.Placement | None:
    if row.node_name is None:
        return None
    return scheduling.Placement(
        # The only machine there is may have been called otherwise when the pod got its place.
        node=nodes[0].name if len(nodes) == 1 else row.node_name,
        devices=tuple(
            scheduling.DeviceShare(
                device_id=share.device_id,
                portion=round(share.portion * scheduling.WHOLE_DEVICE),
                memory_bytes=share.memory_bytes,
            )
            for share in store.devices_of(row.devices)
        ),
    )


def _place(
    connection: Connection,
    pod_id: str,
    placement: scheduling.Placement,
    node_pool: str,
    now: float,
) -> None:
    shares = [
        DeviceShare(share.device_id, share.portion / scheduling.WHOLE_DEVICE, share.memory_bytes)
        for share in placement.devices
    ]
    connection.execute(
        _PLACE,
        {
            "placed_pod": pod_id,
            "node_name": placement.node,
            "node_pool": node_pool,
            "devices": store.stored_devices(shares),
            "placed_at": now,
            "updated_at": now,
        },
    )


def _scheduled_events(
    rows: Mapping[str, Row[Any]], plan: scheduling.Plan
) -> Mapping[str, list[NewEvent]]:
    events: dict[str, list[NewEvent]] = {}
    for pod_id, placement in plan.placements.items():
        row = rows[pod_id]
        devices = ", ".join(share.device_id for share in placement.devices)
        message = f"Replica {row.ordinal} has a place on {placement.node}" + (
            f", device {devices}." if devices else "."
        )
        events.setdefault(row.workload_id, []).append(NewEvent("Scheduled", message, False, pod_id))
    return events


def _messages(reasons: Sequence[Mapping[str, Any]] | None) -> list[str]:
    return [reason["message"] for reason in reasons or ()]


def _is_leaving(row: Row[Any]) -> bool:
    """Whether it is about to end, which may make room."""
    is_deleted = row.desired_phase == DesiredPhase.DELETED.value
    return bool(is_deleted or row.stop_requested_at is not None)


def _reasons_of(
    plan: scheduling.Plan, only_simulated: Mapping[str, str], waiting_for_room: Set[str]
) -> Mapping[str, list[dict[str, Any]]]:
    return {
        item.workload_id: _reasons(
            item,
            only_simulated.get(item.workload_id),
            certain=item.workload_id not in waiting_for_room,
        )
        for item in plan.pending
    }


def _reasons(
    item: scheduling.PendingWorkload, simulated: str | None, *, certain: bool
) -> list[dict[str, Any]]:
    reasons: list[dict[str, Any]] = [
        {
            "nodePool": reason.pool,
            "reason": str(reason.code),
            "message": reason.message,
            "certain": certain,
            **_unit_of(reason.queue_id),
        }
        for reason in item.reasons
    ]
    if simulated is not None:
        reasons[0]["message"] += (
            f" It would have a place on node {simulated}, which is only simulated: no replica can"
            " run there."
        )
    return reasons


def _unit_of(queue_id: str | None) -> dict[str, str]:
    """Whose quota or limit is in the way."""
    if queue_id is None:
        return {}
    return {"orgType": "PROJECT" if queue_id.startswith(PROJECT_QUEUE) else "DEPARTMENT"}
