"""What workloads take up of departments, projects and node pools: `windlass.org.occupancy`."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, select

from windlass.assets.deletion import OF_ITSELF, delete_assets_within
from windlass.identity.roles import ResourceType
from windlass.identity.tokens import Caller
from windlass.kit.clock import Clock
from windlass.org.occupancy import Occupant
from windlass.org.resources import Amounts
from windlass.scheduling import WHOLE_DEVICE, Request
from windlass.workloads import store
from windlass.workloads.deletion import request_deletion
from windlass.workloads.kind import Kinds
from windlass.workloads.records import NewEvent
from windlass.workloads.tables import pod, workload

_WITH_ITS_UNIT = f"{OF_ITSELF}deleted with the unit that it was in"


class WorkloadOccupancy:
    """Answers from the records of workloads and pods."""

    def __init__(self, kinds: Kinds, clock: Clock) -> None:
        self._kinds = kinds
        self._clock = clock

    def occupants(
        self, connection: Connection, project_ids: Collection[int] | None
    ) -> Iterator[Occupant]:
        """Every pod of these projects, or of all, that lives or waits for its place."""
        query = (
            select(
                pod.c.node_name,
                pod.c.devices,
                workload.c.project_id,
                workload.c.type,
                workload.c.revision_id,
                workload.c.spec,
                workload.c.preemptible,
            )
            .join(workload, workload.c.id == pod.c.workload_id)
            .where(pod.c.exited_at.is_(None), workload.c.deleted_at.is_(None))
        )
        if project_ids is not None:
            query = query.where(workload.c.project_id.in_(project_ids))
        for row in connection.execute(query):
            desired = self._kinds.desired(row.type, row.revision_id, row.spec)
            yield Occupant(
                row.project_id,
                row.node_name,
                desired.constraints.node_pools,
                _amounts(desired.request, row.devices),
                row.preemptible,
            )

    def workloads_in(self, connection: Connection, project_ids: Collection[int]) -> Sequence[str]:
        """The workloads in these projects that are not gone, each in words."""
        query = (
            select(workload.c.name, workload.c.type)
            .where(workload.c.project_id.in_(project_ids), workload.c.deleted_at.is_(None))
            .order_by(workload.c.name)
        )
        return [f"{row.type} {row.name}" for row in connection.execute(query)]

    def workloads_asking_for(
        self, connection: Connection, cluster_id: str, node_pool: str
    ) -> Sequence[str]:
        """The workloads that name the node pool and are not gone, each in words."""
        query = (
            select(workload)
            .where(workload.c.cluster_id == cluster_id, workload.c.deleted_at.is_(None))
            .order_by(workload.c.name)
        )
        return [
            f"{row.type} {row.name} asks for it"
            for row in connection.execute(query)
            if node_pool
            in self._kinds.desired(row.type, row.revision_id, row.spec).constraints.node_pools
        ]

    def delete_belongings(self, connection: Connection, path: str, now: float) -> None:
        """Delete the assets of the unit at that path, and of those below it."""
        delete_assets_within(connection, path, _WITH_ITS_UNIT, now)

    def request_deletion(self, connection: Connection, project_id: int, caller: Caller) -> None:
        """Have every workload in the project removed."""
        query = select(workload.c.id).where(
            workload.c.project_id == project_id, workload.c.deleted_at.is_(None)
        )
        event = NewEvent("Deleting", f"Deletion of its project asked for by {caller.name}.")
        now = self._clock.now()
        for workload_id in connection.execute(query).scalars().all():
            request_deletion(connection, workload_id, ResourceType.WORKLOADS, event, now)


def _amounts(request: Request, devices: Sequence[Mapping[str, Any]] | None) -> Amounts:
    """Of GPUs what the pod holds, or, while it waits, what it asks for where that is known."""
    shares = store.devices_of(devices)
    if shares:
        gpu = sum(round(share.portion * WHOLE_DEVICE) for share in shares)
    else:
        gpu = 0 if request.device_memory_bytes is not None else request.devices * request.portion
    return Amounts(gpu, request.cpu_millicores, request.memory_bytes)
