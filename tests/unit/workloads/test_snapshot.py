"""What scheduling is told of workloads: remembered as long as nothing of them changes."""

import json
from typing import Any

import pytest

from tests.unit.workloads.sleeping import ONE_GPU, SleepingWorkloads
from windlass import scheduling
from windlass.engines.engine import Device, Node
from windlass.kit.database import Database
from windlass.org.queues import Queues, load_queues
from windlass.workloads.inferences.desired import desired_of_stored
from windlass.workloads.kind import Kinds
from windlass.workloads.snapshot import LivingPod, WorkloadSnapshots, living_pods

SHARE = {"device_id": "gpu-0", "portion": 1.0, "memory_bytes": 80 * 1024**3}


@pytest.fixture
def sleeping(database: Database) -> SleepingWorkloads:
    return SleepingWorkloads(database, gpus=2)


def _taken(
    snapshots: WorkloadSnapshots, sleeping: SleepingWorkloads, pods: list[LivingPod]
) -> tuple[scheduling.Workload, ...]:
    with sleeping.database.read() as connection:
        queues = load_queues(connection, sleeping.around.cluster_id, {pods[0].project_id})
        return snapshots.take(connection, pods, sleeping.engine.nodes(), queues)


def _pods(sleeping: SleepingWorkloads) -> list[LivingPod]:
    with sleeping.database.read() as connection:
        return living_pods(connection)


def _running(sleeping: SleepingWorkloads) -> list[LivingPod]:
    sleeping.add("model", wanted_replicas=2)
    for ordinal, node in ((0, None), (1, "machine")):
        sleeping.add_pod(
            "model",
            id=f"pod-{ordinal}",
            ordinal=ordinal,
            node_name=node,
            devices=[SHARE] if node else None,
        )
    return _pods(sleeping)


def test_a_workload_is_as_its_records_say(sleeping: SleepingWorkloads) -> None:
    (made,) = _taken(WorkloadSnapshots(sleeping.around.kinds), sleeping, _running(sleeping))
    gpu = scheduling.Request(devices=1, portion=scheduling.WHOLE_DEVICE)
    share = scheduling.DeviceShare("gpu-0", scheduling.WHOLE_DEVICE, 80 * 1024**3)
    assert [pod.id for pod in made.pods] == ["pod-1", "pod-0"], "who has a place comes first"
    assert made.pods[0].placement == scheduling.Placement("machine", (share,))
    assert made.pods[1].placement is None
    assert made.pods[0].request == gpu
    assert (made.id, made.priority, made.min_members) == ("model", 125, 1)
    assert made.pools == ("default",)


def test_what_has_not_changed_is_not_made_anew(sleeping: SleepingWorkloads) -> None:
    snapshots = WorkloadSnapshots(sleeping.around.kinds)
    first = _taken(snapshots, sleeping, _running(sleeping))
    assert _taken(snapshots, sleeping, _pods(sleeping))[0] is first[0]


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "pod-9"},
        {"node_name": None, "devices": None},
        {"devices": json.dumps([{**SHARE, "device_id": "gpu-1"}])},
        {"revision_id": "model-2"},
        {"priority": 1},
        {"submitted_at": 17.0},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_change_of_any_record_is_seen(
    sleeping: SleepingWorkloads, changes: dict[str, Any]
) -> None:
    kinds = sleeping.around.kinds
    kinds.desired("Inference", "model-2", {**ONE_GPU, "compute": {"gpuDevicesRequest": 2}})
    snapshots = WorkloadSnapshots(kinds)
    pods = _running(sleeping)
    before = _taken(snapshots, sleeping, pods)
    of_workload = changes.keys() <= {"revision_id", "priority", "submitted_at"}
    pods = [
        pod._replace(**changes) if of_workload or pod.node_name is not None else pod for pod in pods
    ]
    after = _taken(snapshots, sleeping, pods)
    assert after != before
    assert after == _taken(WorkloadSnapshots(kinds), sleeping, pods), "as made anew"


def test_other_pools_of_its_project_and_another_name_of_the_machine_are_seen() -> None:
    kinds = Kinds({"Inference": desired_of_stored})
    kinds.desired("Inference", "model-1", ONE_GPU)
    pod = LivingPod(
        *("pod-0", "model", 0, "Running", "machine", None, None),
        *("Running", "model-1", 1, 125, None, 0.0),
    )
    snapshots = WorkloadSnapshots(kinds)

    def taken(pool: str, machine: str) -> scheduling.Workload:
        queues = Queues((), {}, {1: (pool,)}, ())
        node = Node(machine, 1000, 2**30, (Device("gpu-0", 0, "GPU", 2**30),))
        (made,) = snapshots.take(None, [pod], [node], queues)  # type: ignore[arg-type]
        return made

    taken("default", "machine")
    assert taken("other", "machine").pools == ("other",)
    moved = taken("other", "renamed").pods[0].placement
    assert moved is not None
    assert moved.node == "renamed"


def test_a_workload_that_is_gone_is_forgotten(sleeping: SleepingWorkloads) -> None:
    snapshots = WorkloadSnapshots(sleeping.around.kinds)
    pods = _running(sleeping)
    sleeping.add("other", wanted_replicas=1)
    sleeping.add_pod("other")
    assert len(_taken(snapshots, sleeping, _pods(sleeping))) == 2
    assert [each.id for each in _taken(snapshots, sleeping, pods)] == ["model"]
    assert set(snapshots._made) == {"model"}
