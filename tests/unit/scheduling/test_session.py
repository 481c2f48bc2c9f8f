"""Trials leave nothing behind once they are rolled back."""

from hypothesis import HealthCheck, given, settings

from tests.unit.scheduling.snapshots import busy
from windlass.scheduling import Snapshot
from windlass.scheduling.allocate import allocate
from windlass.scheduling.consolidate import consolidate
from windlass.scheduling.cycle import open_session
from windlass.scheduling.preempt import preempt
from windlass.scheduling.reclaim import reclaim
from windlass.scheduling.session import Session
from windlass.scheduling.victims import Running


def state_of(session: Session) -> object:
    cluster = session.cluster
    return (
        session.places(),
        {pod.id: pod.status for pod in session.pods.values()},
        [(queue.id, queue.allocated, queue.non_preemptible) for queue in session.queues.all()],
        [(state.free_cpu, state.free_memory, state.free_devices) for state in cluster.nodes],
        [(device.free_portion, device.free_memory) for n in cluster.nodes for device in n.devices],
        [list(cluster.with_free_devices(count)) for count in range(cluster.most_devices + 1)],
        list(cluster.with_shared_devices()),
        cluster.free(),
    )


@settings(
    max_examples=100,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(busy())
def test_a_rollback_undoes_all_actions_of_a_cycle(snapshot: Snapshot) -> None:
    session = open_session(snapshot, "default")
    for workload in snapshot.workloads:
        session.add(workload)
    session.begin_cycle()
    before, mark = state_of(session), session.checkpoint()
    allocate(session)
    running = Running(session.jobs.values())
    for action in (consolidate, reclaim, preempt):
        action(session, running)
    session.rollback(mark)
    assert state_of(session) == before
