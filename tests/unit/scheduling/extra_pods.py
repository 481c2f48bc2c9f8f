"""Remedies of workloads that run with their minimum, for the pods beyond it that wait."""

from windlass.scheduling import PendingWorkload, Plan, Snapshot, plan, remedies
from windlass.scheduling.what_if import apply, served


def require_remedies(snapshot: Snapshot) -> None:
    """The first such workload has remedies, and with each of them fewer of its pods wait."""
    decided = plan(snapshot)
    runs = served(snapshot, decided)
    for pending in [item for item in decided.pending if item.workload_id in runs][:1]:
        found = remedies(snapshot, pending.workload_id, decided)
        assert found, pending
        for remedy in found:
            assert _fewer_wait(pending, plan(apply(snapshot, remedy.changes))), remedy


def _fewer_wait(pending: PendingWorkload, decided: Plan) -> bool:
    waiting = {item.workload_id: item.pod_ids for item in decided.pending}
    return len(waiting.get(pending.workload_id, ())) < len(pending.pod_ids)
