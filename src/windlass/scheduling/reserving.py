"""Ageing: room is kept free for a large workload that has waited too long.

Without it, a stream of small workloads takes every device as it frees, and a gang that needs many
at once may wait for ever. KAI-Scheduler has no such rule; here it is off unless
`Settings.reserve_after` says how long is too long.
"""

from windlass.scheduling.amounts import within
from windlass.scheduling.capacity import non_preemptible_over_quota, over_limit
from windlass.scheduling.cluster import NodeState
from windlass.scheduling.session import Job, PodState, Reservation, Session, total_asked


def reserve(session: Session) -> None:
    """Keep nodes for the workload that has waited longest beyond the setting, if there is one."""
    session.reservation = None
    reserve_after = session.settings.reserve_after
    if reserve_after is None:
        return
    aged = [
        job
        for job in session.jobs.values()
        if job.placed < job.minimum and waiting_since(job) + reserve_after <= session.now
    ]
    for job in sorted(aged, key=lambda job: (waiting_since(job), job.id)):
        nodes = nodes_to_keep(session, job) if may_reserve(job) else None
        if nodes is not None:
            session.reservation = Reservation(job, nodes)
            return


def waiting_since(job: Job) -> float:
    """When the workload last began to wait."""
    workload = job.workload
    return max(workload.submitted_at, workload.evicted_at or workload.submitted_at)


def may_reserve(job: Job) -> bool:
    """Whether its queues would let it run, at its fair share, if its own work there ended."""
    asked = total_asked(job.next_pods())
    return (
        all(within(asked, state.fair_share) for state in job.line)
        and over_limit(job, asked) is None
        and non_preemptible_over_quota(job, asked) is None
    )


def nodes_to_keep(session: Session, job: Job) -> frozenset[int] | None:
    """The nodes nearest to being free that could together take its pods; None where none could."""
    suited = session.cluster.suited(job.workload)
    nodes = [state for state in session.cluster.nodes if suited is None or state.rank in suited]
    nodes.sort(key=_nearest_to_free)
    waiting = job.next_pods()
    kept = set()
    for state in nodes:
        taken = _how_many_fit_when_empty(state, waiting)
        if taken:
            kept.add(state.rank)
            waiting = waiting[taken:]
        if not waiting:
            return frozenset(kept)
    return None


def _nearest_to_free(state: NodeState) -> tuple[int, int, int]:
    return -state.free_devices, -state.free_cpu, state.rank


def _how_many_fit_when_empty(state: NodeState, pods: list[PodState]) -> int:
    cpu, memory = state.node.cpu_millicores, state.node.memory_bytes
    devices = len(state.devices)
    for count, pod in enumerate(pods):
        cpu -= pod.request.cpu_millicores
        memory -= pod.request.memory_bytes
        devices -= pod.request.devices
        if cpu < 0 or memory < 0 or devices < 0:
            return count
    return len(pods)
