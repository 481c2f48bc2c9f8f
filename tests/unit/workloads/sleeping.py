"""Workloads of which nothing runs, on record, and what it takes to wake them."""

from collections.abc import Callable, Sequence
from typing import Any, cast

from sqlalchemy import Connection, insert, select

from tests.unit.org.test_removed_units import row_of
from windlass.control.lease import Holder, Lease
from windlass.engines.engine import Device, Engine, Node
from windlass.kit.clock import Clock, ManualClock
from windlass.kit.database import Database
from windlass.kit.ids import new_id
from windlass.org.first_tree import FirstTree, create_first_tree
from windlass.workloads import store
from windlass.workloads.awakening import Awakening
from windlass.workloads.inferences.desired import desired_of_stored
from windlass.workloads.kind import Kinds
from windlass.workloads.placement import PlacementReconciler
from windlass.workloads.records import WorkloadState
from windlass.workloads.scale_changes import ScaleChange
from windlass.workloads.scalers import Wanted
from windlass.workloads.surroundings import Surroundings, Tenure
from windlass.workloads.tables import event, pod, revision, workload

ONE_GPU = {
    "image": "host/canary",
    "servingPort": {"container": 8000},
    "compute": {"gpuDevicesRequest": 1},
    "autoscaling": {"minReplicas": 0, "maxReplicas": 3, "initialReplicas": 0},
}
_LEASE = "controllers"


class OneMachine:
    """Says which nodes there are, as an engine does; nothing is ever started on them."""

    def __init__(self, gpus: int) -> None:
        devices = tuple(Device(f"gpu-{each}", each, "GPU", 80 * 1024**3) for each in range(gpus))
        self._nodes = (Node("machine", 64_000, 2**40, devices),)
        self.while_planning: Callable[[], object] = lambda: None
        """Called once, when a plan has read the records."""

    def nodes(self) -> Sequence[Node]:
        hook, self.while_planning = self.while_planning, lambda: None
        hook()
        return self._nodes

    def expect_start(self) -> None:
        """Nothing has to be prepared where nothing is started."""


class SleepingWorkloads:
    """A store with a tree, a lease and workloads, with what wakes them."""

    def __init__(self, database: Database, gpus: int) -> None:
        self.database = database
        self.clock = ManualClock()
        self.engine = OneMachine(gpus)
        self.woken: list[tuple[str, str]] = []
        self._tree = self._make_tree()
        epoch = Lease(database, self.clock, Holder.this_process(), _LEASE).acquire()
        assert epoch is not None
        self.around = Surroundings(
            database=database,
            engine=cast(Engine, self.engine),
            gateway=cast(Any, None),
            kinds=Kinds({"Inference": desired_of_stored}),
            tenure=Tenure(_LEASE, epoch),
            cluster_id=self._tree.cluster_id,
            places=cast(Any, None),
            secrets=cast(Any, None),
            clock=cast(Clock, self.clock),
            wall_clock=self.clock,
            wake=lambda kind, key: self.woken.append((kind, key)),
        )
        self.placement = PlacementReconciler(self.around)
        self.expected: list[WorkloadState] = []
        self.awakening = Awakening(self.around, self.placement, self.expected.append)

    def add(self, name: str, **columns: Any) -> ScaleChange:
        """A workload, and the change that would wake it."""
        row = {
            **row_of(self._tree),
            "id": name,
            "name": name,
            "revision_id": f"{name}-1",
            "deleted_at": None,
            "desired_phase": "Running",
            "phase": "Running",
            "spec": ONE_GPU,
            "is_autoscaled": True,
            **columns,
        }
        first = {
            "id": f"{name}-1",
            "workload_id": name,
            "number": 1,
            "spec": ONE_GPU,
            "replicas": 0,
            "created_at": 0.0,
        }

        def save(connection: Connection) -> None:
            connection.execute(insert(workload).values(**row))
            connection.execute(insert(revision).values(**first))

        self.database.write(save)
        return ScaleChange(name, f"{name}-1", 0, Wanted(1, "a request came"))

    def add_pod(self, workload_id: str, **columns: Any) -> None:
        """One of its pods."""
        row = {
            "id": new_id(),
            "workload_id": workload_id,
            "revision_id": f"{workload_id}-1",
            "ordinal": 0,
            "created_at": 0.0,
            "updated_at": 0.0,
            "state": "Pending",
            "ready": False,
            **columns,
        }
        self.database.write(lambda connection: connection.execute(insert(pod).values(**row)))

    def wake(self, change: ScaleChange) -> bool:
        """Whether its workload is woken at once."""
        return self.awakening.wake(change, self.on_record(change.workload_id))

    def on_record(self, workload_id: str) -> WorkloadState:
        """A workload and its pods, as reconciling reads them."""
        with self.database.read() as connection:
            state = store.load_state(connection, workload_id)
        assert state is not None
        return state

    def wanted(self, workload_id: str) -> int:
        """How many replicas its record asks for."""
        query = select(workload.c.wanted_replicas).where(workload.c.id == workload_id)
        with self.database.read() as connection:
            return int(connection.execute(query).scalar_one())

    def pods(self) -> list[tuple[str, str, str | None, list[str]]]:
        """Of each pod its workload, its state, its node and its devices."""
        query = select(pod).order_by(pod.c.workload_id, pod.c.ordinal)
        with self.database.read() as connection:
            return [
                (
                    row.workload_id,
                    row.state,
                    row.node_name,
                    [share["device_id"] for share in row.devices or ()],
                )
                for row in connection.execute(query)
            ]

    def events(self, workload_id: str) -> list[str]:
        """What is told of it, in the order in which its user reads it."""
        query = select(event.c.reason).where(event.c.workload_id == workload_id)
        with self.database.read() as connection:
            return list(connection.execute(query.order_by(event.c.created_at)).scalars())

    def _make_tree(self) -> FirstTree:
        return self.database.write(
            lambda connection: create_first_tree(connection, "localhost", "admin", self.clock)
        )
