"""What the reconciler reads of a workload's ended pods."""

from collections import Counter

from sqlalchemy import insert

from tests.api.serving import Api
from windlass.engines.engine import ExitReason
from windlass.kit.ids import new_id
from windlass.workloads.store import load_state
from windlass.workloads.tables import pod

REPLICAS = 60
KEPT = 11


def test_of_many_replicas_the_ends_of_each_are_read(api: Api) -> None:
    scaling = {"minReplicas": REPLICAS, "maxReplicas": REPLICAS}
    spec = {"image": "host/canary", "servingPort": {"container": 8000}, "autoscaling": scaling}
    workload_id = api.create("many-ends", spec)["workloadId"]
    with api.database.read() as connection:
        state = load_state(connection, workload_id)
    assert state is not None
    rows = [
        {
            "id": new_id(),
            "workload_id": workload_id,
            "revision_id": state.record.revision_id,
            "ordinal": ordinal,
            "created_at": float(start * REPLICAS + ordinal),
            "updated_at": 0.0,
            "state": "Exited",
            "ready": False,
            "exited_at": 1.0,
            "exit_reason": ExitReason.ERROR.value,
            "exit_message": "it exited",
        }
        for start in range(KEPT)
        for ordinal in range(REPLICAS)
    ]
    api.database.write(lambda connection: connection.execute(insert(pod), rows))
    with api.database.read() as connection:
        state = load_state(connection, workload_id)
    assert state is not None
    assert Counter(each.ordinal for each in state.ended) == dict.fromkeys(range(REPLICAS), KEPT)
    api.finish_deletion(workload_id)
