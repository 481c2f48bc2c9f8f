"""What is written when an inference is created."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, insert

from windlass.audit.trail import Action as Deed
from windlass.audit.trail import Entity, record
from windlass.control.changes import record_change
from windlass.identity.roles import ResourceType
from windlass.identity.tokens import Caller
from windlass.kit.ids import new_id
from windlass.org.tree import ProjectRecord, require_open_project
from windlass.workloads import claims, store
from windlass.workloads.asset_layers import UsedAsset, hold_assets
from windlass.workloads.asset_use import record_use
from windlass.workloads.inferences.composition import unit_of
from windlass.workloads.inferences.desired import DesiredInference
from windlass.workloads.inferences.schemas import InferenceCreationRequest, InferenceSpec
from windlass.workloads.phases import DesiredPhase, Phase
from windlass.workloads.records import NewEvent
from windlass.workloads.surroundings import WORKLOAD
from windlass.workloads.tables import revision, workload

TYPE = "Inference"


@dataclass(frozen=True, slots=True)
class NewInference:
    """The rows of an inference that is about to be, and what they hold on to."""

    workload: dict[str, Any]
    revision: dict[str, Any]
    addresses: Collection[str]
    owner: ProjectRecord

    def insert(
        self,
        event: NewEvent,
        used: Sequence[UsedAsset],
        caller: Caller,
        connection: Connection,
    ) -> None:
        """Write them with all that belongs to them, in the transaction of `connection`.

        Raises Conflict or AssetChanged where things are not as they were when the creation was
        checked, and IntegrityError where the name or an address is taken.
        """
        workload_id = str(self.workload["id"])
        require_open_project(connection, int(self.owner.id))
        hold_assets(connection, used, unit_of(self.owner), caller)
        connection.execute(insert(workload).values(**self.workload))
        connection.execute(insert(revision).values(**self.revision))
        record_use(
            connection,
            workload_id,
            TYPE,
            int(self.owner.id),
            {item.id for item in used},
            self.workload["created_at"],
        )
        claims.claim(connection, workload_id, self.addresses)
        store.add_events(connection, workload_id, [event], self.workload["created_at"])
        record(connection, Deed.CREATE, _entity(workload_id, self.workload["name"], self.owner))
        record_change(connection, WORKLOAD, workload_id)


def new_inference(
    body: InferenceCreationRequest,
    name: str,
    owner: ProjectRecord,
    desired: DesiredInference,
    addresses: Collection[str],
    caller: Caller,
    now: float,
) -> NewInference:
    """The rows under that name, with ids of their own; `now` in seconds since the epoch."""
    workload_id, revision_id = new_id(), new_id()
    spec = (body.spec or InferenceSpec()).submitted()
    return NewInference(
        {
            "id": workload_id,
            "type": TYPE,
            "name": name,
            "requested_name": body.name,
            "tenant_id": owner.tenant_id,
            "cluster_id": owner.cluster_id,
            "department_id": int(owner.department_id),
            "project_id": int(owner.id),
            "created_by": caller.name,
            "created_at": now,
            "updated_at": now,
            "spec": spec,
            "revision_id": revision_id,
            "category": desired.category,
            "priority_class": desired.priority_class,
            "priority": desired.priority,
            "preemptible": desired.preemptible,
            "image": desired.template.image,
            "desired_phase": DesiredPhase.RUNNING.value,
            "phase": Phase.CREATING.value,
            "phase_message": "",
            "phase_updated_at": now,
            "running_pods": 0,
            "wanted_replicas": desired.scaling.initial,
            "is_autoscaled": not desired.scaling.is_fixed,
        },
        {
            "id": revision_id,
            "workload_id": workload_id,
            "number": 1,
            "spec": spec,
            "replicas": desired.scaling.initial,
            "created_at": now,
        },
        addresses,
        owner,
    )


def _entity(workload_id: str, name: str, owner: ProjectRecord) -> Entity:
    return Entity(
        ResourceType.INFERENCES.value, workload_id, name, owner.path, {"project": owner.name}
    )
