"""Gives waiting pods a place: one plan over everything, committed before anything starts."""

import json
import threading
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, bindparam, update

from windlass import scheduling
from windlass.control.changes import record_change
from windlass.control.lease import require_epoch
from windlass.engines.engine import DeviceShare
from windlass.org.queues import PROJECT_QUEUE, load_queues
from windlass.workloads import store
from windlass.workloads.records import NewEvent, Pod, PodState, WorkloadRecord
from windlass.workloads.snapshot import LivingPod, WorkloadSnapshots, living_pods, node_of
from windlass.workloads.surroundings import EVERYTHING, WORKLOAD, Surroundings
from windlass.workloads.tables import pod

# Built once: that takes longer than to run it.
_PLACE = (
    update(pod)
    .where(pod.c.id == bindparam("placed_pod"), pod.c.state == PodState.PENDING.value)
    .values(state=PodState.PLACED.value)
)


@dataclass(frozen=True, slots=True)
class NewPods:
    """Pods of one workload that are put on record and given their places in one transaction."""

    record: WorkloadRecord
    pods: Sequence[Pod]
    save: Callable[[Connection], None]
    """Puts them on record. What it raises leaves everything as it was."""
    saved: Callable[[Mapping[str, Pod]], None]
    """Told of those that have a place, as they are on record now, before anybody is woken."""


class PlacementReconciler:
    """Plans for every waiting pod. Threads may share it: there is one plan at a time."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._around = surroundings
        self._planning = threading.Lock()
        self._snapshots = WorkloadSnapshots(surroundings.kinds)

    def list_keys(self) -> Sequence[str]:
        """There is one key: a plan looks at everything."""
        return [EVERYTHING]

    def reconcile(self, _key: str) -> float | None:
        """Place what fits, and say of the rest why it waits."""
        with self._planning:
            self._plan(None)
        return None

    def place_new(self, new: NewPods) -> None:
        """The same with pods that are not on record yet; raises what saving them raises."""
        with self._planning:
            self._plan(new)

    def _plan(self, new: NewPods | None) -> None:
        with self._around.database.read() as connection:
            pods = living_pods(connection)
            if new is not None:
                pods += [LivingPod.new(each, new.record) for each in new.pods]
            if not any(each.is_waiting for each in pods):
                return
            projects = {each.project_id for each in pods}
            queues = load_queues(connection, self._around.cluster_id, projects)
            nodes = self._around.engine.nodes()
            real = [node for node in nodes if not node.simulated]
            workloads = self._snapshots.take(connection, pods, real, queues)
        snapshot = scheduling.Snapshot(
            nodes=tuple(node_of(node, queues) for node in real),
            workloads=workloads,
            queues=queues.queues,
            settings=queues.settings,
        )
        plan = scheduling.plan(snapshot)
        simulated = [node_of(node, queues) for node in nodes if node.simulated]
        reasons = _reasons_of(
            plan,
            only_simulated(snapshot, plan, simulated),
            waiting_for_room(snapshot, plan, {each.id for each in pods if each.is_leaving}),
        )
        self._commit(pods, new, plan, snapshot, reasons)

    def _commit(
        self,
        pods: Sequence[LivingPod],
        new: NewPods | None,
        plan: scheduling.Plan,
        snapshot: scheduling.Snapshot,
        reasons: Mapping[str, list[dict[str, Any]]],
    ) -> None:
        now = self._around.clock.now()
        told_at = self._around.wall_clock.now()
        by_id = {each.id: each for each in pods}
        pool_of_node = {node.name: node.pool for node in snapshot.nodes}
        known = _known_reasons(pods, reasons.keys())
        news = {key: value for key, value in reasons.items() if value != known.get(key)}
        if not plan.placements and not news and new is None:
            return

        def save(connection: Connection) -> None:
            require_epoch(connection, self._around.tenure.lease_name, self._around.tenure.epoch)
            if new is not None:
                new.save(connection)
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
        if new is not None:
            new.saved(_placed(new.pods, plan.placements, now))
        placed = {by_id[pod_id].workload_id for pod_id in plan.placements}
        for workload_id in placed | set(news) | ({new.record.id} if new is not None else set()):
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


def _without(workload: scheduling.Workload, pod_ids: Set[str]) -> scheduling.Workload:
    pods = tuple(pod for pod in workload.pods if pod.id not in pod_ids)
    fewest = None if workload.min_members is None else min(workload.min_members, len(pods))
    return replace(workload, pods=pods, min_members=fewest)


def _place(
    connection: Connection,
    pod_id: str,
    placement: scheduling.Placement,
    node_pool: str,
    now: float,
) -> None:
    connection.execute(
        _PLACE,
        {
            "placed_pod": pod_id,
            "node_name": placement.node,
            "node_pool": node_pool,
            "devices": store.stored_devices(_shares(placement)),
            "placed_at": now,
            "updated_at": now,
        },
    )


def _placed(
    pods: Sequence[Pod], placements: Mapping[str, scheduling.Placement], now: float
) -> Mapping[str, Pod]:
    """Those of the pods that have a place, as `_place` writes them."""
    return {
        each.id: replace(
            each,
            state=PodState.PLACED,
            node_name=placements[each.id].node,
            devices=_shares(placements[each.id]),
            placed_at=now,
        )
        for each in pods
        if each.id in placements
    }


def _shares(placement: scheduling.Placement) -> tuple[DeviceShare, ...]:
    return tuple(
        DeviceShare(share.device_id, share.portion / scheduling.WHOLE_DEVICE, share.memory_bytes)
        for share in placement.devices
    )


def _scheduled_events(
    pods: Mapping[str, LivingPod], plan: scheduling.Plan
) -> Mapping[str, list[NewEvent]]:
    events: dict[str, list[NewEvent]] = {}
    for pod_id, placement in plan.placements.items():
        placed = pods[pod_id]
        devices = ", ".join(share.device_id for share in placement.devices)
        message = f"Replica {placed.ordinal} has a place on {placement.node}" + (
            f", device {devices}." if devices else "."
        )
        events.setdefault(placed.workload_id, []).append(
            NewEvent("Scheduled", message, False, pod_id)
        )
    return events


def _known_reasons(
    pods: Sequence[LivingPod], workload_ids: Set[str]
) -> Mapping[str, list[dict[str, Any]] | None]:
    """What is on record of why these workloads wait."""
    return {
        each.workload_id: json.loads(each.pending_reasons or "null")
        for each in pods
        if each.workload_id in workload_ids
    }


def _messages(reasons: Sequence[Mapping[str, Any]] | None) -> list[str]:
    return [reason["message"] for reason in reasons or ()]


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
