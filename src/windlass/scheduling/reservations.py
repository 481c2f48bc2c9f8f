"""Room that is kept free for workloads that have waited too long, and for whom it is closed.

Who gets such room and how much is decided in `reserving`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from windlass.scheduling.cluster import Cluster
from windlass.scheduling.jobs import Job
from windlass.scheduling.model import Request


@dataclass(frozen=True, slots=True)
class Room:
    """What is kept of one node: whole devices, CPU in millicores, memory in bytes."""

    devices: int
    cpu: int
    memory: int


@dataclass(frozen=True, slots=True)
class Reservation:
    """Room on nodes, by rank, that is kept for a job until it runs."""

    job: Job
    rooms: Mapping[int, Room]


def kept_from(job: Job, reservations: Iterable[Reservation]) -> tuple[Reservation, ...]:
    """The reservations that the job must leave alone, of all in the order of age.

    Open to it are its own, those of jobs that have waited less long than it where it has one, those
    of jobs of lower priority in its queue, and those of jobs that run by now.
    """
    kept = []
    for reservation in reservations:
        other = reservation.job
        if other is job:
            break
        outranks = job.queue is other.queue and job.priority > other.priority
        if other.placed < other.minimum and not outranks:
            kept.append(reservation)
    return tuple(kept)


def open_nodes(
    cluster: Cluster,
    group: Iterable[int] | None,
    request: Request,
    kept: Sequence[Reservation],
) -> frozenset[int]:
    """Of these nodes (None: all), those where the request leaves free what is kept."""
    ranks = range(len(cluster.nodes)) if group is None else group
    return frozenset(rank for rank in ranks if _leaves_enough(cluster, rank, request, kept))


def _leaves_enough(
    cluster: Cluster, rank: int, request: Request, kept: Iterable[Reservation]
) -> bool:
    rooms = [reservation.rooms[rank] for reservation in kept if rank in reservation.rooms]
    if not rooms:
        return True
    state = cluster.nodes[rank]
    return (
        state.free_devices - request.devices >= sum(room.devices for room in rooms)
        and state.free_cpu - request.cpu_millicores >= sum(room.cpu for room in rooms)
        and state.free_memory - request.memory_bytes >= sum(room.memory for room in rooms)
    )
