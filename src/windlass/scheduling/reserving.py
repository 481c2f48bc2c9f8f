"""Ageing: room is kept free for large workloads that have waited too long.

Without it, a stream of small workloads takes every device as it frees, and a gang that needs many
at once may wait for ever. KAI-Scheduler has no such rule; here it is off unless
`Settings.reserve_after` says how long is too long.

Room is kept in the order of age, no more of a node than the workload needs there, and for the
workloads of one queue no more in all than its fair share, limit and quota let it have: so others
lose nothing that was theirs.
"""

from collections.abc import Mapping, Sequence

from windlass.scheduling.amounts import NOTHING, Amounts, plus, within
from windlass.scheduling.capacity import exceeded
from windlass.scheduling.cluster import Cluster, NodeState
from windlass.scheduling.jobs import Job, PodState, total_asked
from windlass.scheduling.model import Request
from windlass.scheduling.placing import could_suit
from windlass.scheduling.quantities import WHOLE_DEVICE
from windlass.scheduling.reservations import NO_ROOM, Reservations, Room, Rooms
from windlass.scheduling.session import Session
from windlass.scheduling.topology import required_domains

MOST_RESERVATIONS = 100
"""For how many workloads of a pool room is kept at once."""


def reserve(session: Session) -> None:
    """Keep room for those that have waited beyond the setting, as far as there is room."""
    session.reservations = Reservations()
    reserve_after = session.settings.reserve_after
    if reserve_after is None:
        return
    promised: dict[str, Amounts] = {}
    kept: dict[int, Room] = {}
    nodes = sorted(session.cluster.nodes, key=_nearest_to_free)
    failed: set[object] = set()
    for job in aged_jobs(session, reserve_after):
        asked = total_asked(job.next_pods())
        shape = job.constraints, tuple(pod.request for pod in job.next_pods())
        if shape in failed or not may_reserve(job, asked, promised):
            continue
        rooms = room_to_keep(session.cluster, nodes, job, kept)
        if rooms is None:
            failed.add(shape)
            continue
        session.reservations.add(job, rooms)
        if len(session.reservations.made) == MOST_RESERVATIONS:
            return
        for state in job.line:
            promised[state.id] = plus(promised.get(state.id, NOTHING), asked)
        for rank, room in rooms.items():
            kept[rank] = kept.get(rank, NO_ROOM) + room


def aged_jobs(session: Session, reserve_after: float) -> list[Job]:
    """Jobs below their minimum that have waited so many seconds, the longest first."""
    aged = [
        job
        for job in session.jobs.values()
        if job.placed < job.minimum and waiting_since(job) + reserve_after <= session.now
    ]
    return sorted(aged, key=lambda job: (waiting_since(job), job.id))


def waiting_since(job: Job) -> float:
    """When the workload last began to wait."""
    workload = job.workload
    return max(workload.submitted_at, workload.evicted_at or workload.submitted_at)


def may_reserve(job: Job, asked: Amounts, promised: Mapping[str, Amounts]) -> bool:
    """Whether its queues would let it run, at their fair shares, if other work there ended.

    `promised` is what is kept in each queue for those who have waited longer.
    """
    if not any(asked):
        return False
    for state in job.line:
        in_all = plus(asked, promised.get(state.id, NOTHING))
        if not within(in_all, state.fair_share):
            return False
        if exceeded(state.allocated, in_all, state.limit) is not None:
            return False
        if not job.preemptible:
            held = state.non_preemptible
            if exceeded(held, in_all, state.deserved) is not None:
                return False
    return True


def room_to_keep(
    cluster: Cluster, nodes: Sequence[NodeState], job: Job, kept: Rooms
) -> Rooms | None:
    """Room for its pods on the first of the nodes, or of those that may take its pods together,
    the domain with most free devices first; None where nodes could never give it.

    `kept` is what is kept of nodes already.
    """
    suited = cluster.suited(job.workload)
    nodes = [state for state in nodes if suited is None or state.rank in suited]
    domains = required_domains(nodes, job.workload)
    domains.sort(key=lambda domain: -sum(state.free_devices for state in domain))
    for domain in domains:
        rooms = _room_on(domain, job.next_pods(), kept)
        if rooms is not None:
            return rooms
    return None


def _room_on(nodes: Sequence[NodeState], pods: Sequence[PodState], kept: Rooms) -> Rooms | None:
    rooms: dict[int, Room] = {}
    waiting = list(pods)
    for state in nodes:
        before = kept.get(state.rank, NO_ROOM)
        count = _how_many_fit_when_empty(state, waiting, before)
        if count:
            rooms[state.rank] = _room_for(waiting[:count])
            waiting = waiting[count:]
        if not waiting:
            return rooms
    return None


def _nearest_to_free(state: NodeState) -> tuple[int, int, int]:
    return -state.free_devices, -state.free_cpu, state.rank


def _how_many_fit_when_empty(state: NodeState, pods: Sequence[PodState], kept: Room) -> int:
    for count in range(1, len(pods) + 1):
        room = kept + _room_for(pods[:count])
        request = pods[count - 1].request
        suiting = sum(could_suit(device, request) for device in state.devices)
        if (
            room.devices > min(suiting, len(state.devices))
            or room.cpu > state.node.cpu_millicores
            or room.memory > state.node.memory_bytes
        ):
            return count - 1
    return len(pods)


def _room_for(pods: Sequence[PodState]) -> Room:
    requests = [pod.request for pod in pods]
    return Room(
        sum(_devices_for(request, requests.count(request)) for request in set(requests)),
        sum(request.cpu_millicores for request in requests),
        sum(request.memory_bytes for request in requests),
    )


def _devices_for(request: Request, pods: int) -> int:
    """How many devices so many pods of one request take: portions of them share."""
    on_one = 1 if request.device_memory_bytes is not None else WHOLE_DEVICE // request.portion
    return -(-pods // on_one) * request.devices
