"""What scheduling plans over: every pod that has a place or waits for one, as records have it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, Text, bindparam, cast, select

from windlass import scheduling
from windlass.engines.engine import Node
from windlass.org.queues import Queues, project_queue
from windlass.workloads import store
from windlass.workloads.kind import DesiredWorkload, Kinds
from windlass.workloads.phases import DesiredPhase
from windlass.workloads.records import Pod, PodState, WorkloadRecord
from windlass.workloads.tables import pod, workload

# Built once: that takes longer than to run it. What is JSON is read as text: of most pods nobody
# looks at it, and it is dear to parse.
_LIVING_PODS: Select[Any] = (
    select(
        pod.c.id,
        pod.c.workload_id,
        pod.c.ordinal,
        pod.c.state,
        pod.c.node_name,
        cast(pod.c.devices, Text),
        pod.c.stop_requested_at,
        workload.c.desired_phase,
        workload.c.revision_id,
        workload.c.project_id,
        workload.c.priority,
        cast(workload.c.pending_reasons, Text),
        workload.c.created_at,
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


class LivingPod(NamedTuple):
    """A pod that has not ended, with what a plan needs of its workload."""

    id: str
    workload_id: str
    ordinal: int
    state: str
    node_name: str | None
    devices: str | None
    """The shares that it has, as JSON."""
    stop_requested_at: float | None
    desired_phase: str
    revision_id: str
    project_id: int
    priority: int
    pending_reasons: str | None
    """What its workload waits for, as JSON."""
    submitted_at: float
    """When its workload was."""

    @classmethod
    def new(cls, pod: Pod, record: WorkloadRecord) -> "LivingPod":
        """One that is not on record yet, and waits for its place."""
        return cls(
            id=pod.id,
            workload_id=record.id,
            ordinal=pod.ordinal,
            state=pod.state.value,
            node_name=None,
            devices=None,
            stop_requested_at=None,
            desired_phase=record.desired_phase.value,
            revision_id=pod.revision_id,
            project_id=int(record.project_id),
            priority=record.priority,
            pending_reasons=None,
            submitted_at=record.created_at,
        )

    @property
    def is_waiting(self) -> bool:
        """Whether it has no place yet."""
        return self.state == PodState.PENDING.value

    @property
    def is_leaving(self) -> bool:
        """Whether it is about to end, which may make room."""
        is_deleted = self.desired_phase == DesiredPhase.DELETED.value
        return is_deleted or self.stop_requested_at is not None


def living_pods(connection: Connection) -> list[LivingPod]:
    """Every pod that has a place or is to have one, those of one workload in their order."""
    return [LivingPod._make(row) for row in connection.execute(_LIVING_PODS)]


@dataclass(frozen=True, slots=True)
class _Made:
    """A workload as scheduling has it, and all that it was made from."""

    members: Sequence[LivingPod]
    pools: tuple[str, ...]
    only_node: str | None
    workload: scheduling.Workload


class WorkloadSnapshots:
    """Workloads as scheduling has them. For one thread at a time.

    From one plan to the next hardly any pod changes: a workload that is on record as it was the
    last time is not made anew.
    """

    def __init__(self, kinds: Kinds) -> None:
        self._kinds = kinds
        self._made: dict[str, _Made] = {}

    def take(
        self,
        connection: Connection,
        pods: Sequence[LivingPod],
        nodes: Sequence[Node],
        queues: Queues,
    ) -> tuple[scheduling.Workload, ...]:
        """The workloads of these pods; without those that were deleted meanwhile."""
        desired = self._desired(connection, pods)
        # The only machine there is may have been called otherwise when a pod got its place.
        only_node = nodes[0].name if len(nodes) == 1 else None
        made = {}
        for workload_id, members in _by_workload(pods):
            asked = desired.get(workload_id)
            if asked is None:
                continue
            pools = asked.constraints.node_pools or queues.default_pools[members[0].project_id]
            before = self._made.get(workload_id)
            is_as_before = before is not None and (
                (before.members, before.pools, before.only_node) == (members, pools, only_node)
            )
            if before is None or not is_as_before:
                before = _Made(
                    members, pools, only_node, _workload(members, asked, pools, only_node)
                )
            made[workload_id] = before
        self._made = made
        return tuple(each.workload for each in made.values())

    def _desired(
        self, connection: Connection, pods: Sequence[LivingPod]
    ) -> Mapping[str, DesiredWorkload]:
        """What each workload asks for, unless it was deleted meanwhile. Specs are large: only
        those are loaded that nobody has read."""
        asked = {each.workload_id: self._kinds.remembered(each.revision_id) for each in pods}
        unread = [key for key, desired in asked.items() if desired is None]
        for start in range(0, len(unread), _SPECS_AT_ONCE):
            ids = unread[start : start + _SPECS_AT_ONCE]
            for row in connection.execute(_SPECS, {"ids": ids}):
                asked[row.id] = self._kinds.desired(row.type, row.revision_id, row.spec)
        return {key: desired for key, desired in asked.items() if desired is not None}


def node_of(node: Node, queues: Queues) -> scheduling.Node:
    """An engine's node, in its node pool."""
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


def _by_workload(pods: Sequence[LivingPod]) -> Iterator[tuple[str, list[LivingPod]]]:
    grouped: dict[str, list[LivingPod]] = {}
    for each in pods:
        grouped.setdefault(each.workload_id, []).append(each)
    yield from grouped.items()


def _workload(
    members: Sequence[LivingPod],
    asked: DesiredWorkload,
    pools: tuple[str, ...],
    only_node: str | None,
) -> scheduling.Workload:
    first = members[0]
    # Those that have a place count first towards the minimum.
    ordered = sorted(members, key=lambda each: (each.node_name is None, each.ordinal))
    wanted = asked.constraints
    return scheduling.Workload(
        id=first.workload_id,
        pods=tuple(
            scheduling.Pod(each.id, asked.request, _placement(each, only_node)) for each in ordered
        ),
        min_members=min(max(1, asked.scaling.minimum), len(members)),
        priority=first.priority,
        submitted_at=first.submitted_at,
        queue=project_queue(first.project_id),
        pools=pools,
        node_labels=wanted.node_labels,
        node_affinity=wanted.node_affinity,
        tolerations=wanted.tolerations,
        pod_affinity=wanted.pod_affinity,
    )


def _placement(pod: LivingPod, only_node: str | None) -> scheduling.Placement | None:
    if pod.node_name is None:
        return None
    return scheduling.Placement(
        node=only_node or pod.node_name,
        devices=tuple(
            scheduling.DeviceShare(
                device_id=share.device_id,
                portion=round(share.portion * scheduling.WHOLE_DEVICE),
                memory_bytes=share.memory_bytes,
            )
            for share in store.devices_of(json.loads(pod.devices or "null"))
        ),
    )
