"""Workload records for filling a store: as the API writes them, without anything running."""

from functools import partial
from typing import Any

from sqlalchemy import Connection, insert

from bench.api_process import Store
from windlass.kit.ids import new_id
from windlass.workloads.tables import revision, workload

_AT_ONCE = 2000
_SPEC = {"image": "host/canary", "servingPort": {"container": 8000}}


def fill(store: Store, count: int) -> str:
    """Write `count` running inferences; the id of the one in the middle."""
    return write(store, count, _SPEC)[count // 2]


def write(store: Store, count: int, spec: dict[str, Any], *, autoscaled: bool = False) -> list[str]:
    """Write `count` running inferences; their ids."""
    database = store.open()
    tree = store.context.tree
    ids = [(new_id(), new_id()) for _ in range(count)]
    for start in range(0, count, _AT_ONCE):
        numbers = range(start, min(start + _AT_ONCE, count))
        workloads = [
            {
                "id": ids[number][0],
                "type": "Inference",
                "name": f"bench-{number:06d}",
                "requested_name": f"bench-{number:06d}",
                "tenant_id": tree.tenant_id,
                "cluster_id": tree.cluster_id,
                "department_id": int(tree.department_id),
                "project_id": int(tree.project_id),
                "created_by": "bench",
                "created_at": 1_800_000_000.0 + number,
                "updated_at": 1_800_000_000.0 + number,
                "spec": spec,
                "revision_id": ids[number][1],
                "category": "Deploy",
                "priority_class": "very-high",
                "priority": 150,
                "preemptible": False,
                "image": "host/canary",
                "desired_phase": "Running",
                "phase": "Running",
                "phase_message": "",
                "phase_updated_at": 1_800_000_000.0 + number,
                "first_running_at": 1_800_000_000.0 + number,
                "running_pods": 1,
                "wanted_replicas": 1,
                "is_autoscaled": autoscaled,
            }
            for number in numbers
        ]
        revisions = [
            {
                "id": ids[number][1],
                "workload_id": ids[number][0],
                "number": 1,
                "spec": spec,
                "replicas": 1,
                "created_at": 1_800_000_000.0 + number,
            }
            for number in numbers
        ]
        database.write(partial(_insert, workloads, revisions))
    database.close()
    return [workload_id for workload_id, _ in ids]


def _insert(
    workloads: list[dict[str, Any]], revisions: list[dict[str, Any]], connection: Connection
) -> None:
    connection.execute(insert(workload), workloads)
    connection.execute(insert(revision), revisions)
