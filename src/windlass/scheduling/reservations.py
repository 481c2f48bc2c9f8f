"""Room that is kept free for workloads that have waited too long, and for whom it is closed.

Who gets such room and how much is decided in `reserving`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from windlass.scheduling.cluster import Cluster, NodeState
from windlass.scheduling.jobs import Job
from windlass.scheduling.model import Request


@dataclass(frozen=True, slots=True)
class Room:
    """What is kept of one node: whole devices, CPU in millicores, memory in bytes."""

    devices: int = 0
    cpu: int = 0
    memory: int = 0

    def __add__(self, other: "Room") -> "Room":
        return Room(self.devices + other.devices, self.cpu + other.cpu, self.memory + other.memory)


NO_ROOM = Room()

Rooms = Mapping[int, Room]
"""What is kept of nodes, by their rank."""


@dataclass(slots=True)
class Reservations:
    """Room that is kept for jobs until they run, in the order of their age."""

    made: list[tuple[Job, Rooms]] = field(default_factory=list)
    _sums: dict[tuple[str, ...], Rooms] = field(default_factory=dict)

    def add(self, job: Job, rooms: Rooms) -> None:
        """Keep room for a job that has waited less long than those before."""
        self.made.append((job, rooms))

    def closed_to(self, job: Job) -> tuple[str, ...]:
        """The jobs whose room the job must leave alone.

        Open to it are its own, that of jobs that have waited less long than it where it has some,
        that of jobs of lower priority in its queue, and that of jobs that run by now.
        """
        closed = []
        for other, _ in self.made:
            if other is job:
                break
            outranks = job.queue is other.queue and job.priority > other.priority
            if other.placed < other.minimum and not outranks:
                closed.append(other.id)
        return tuple(closed)

    def rooms_of(self, jobs: tuple[str, ...]) -> Rooms:
        """What is kept for these jobs in all."""
        known = self._sums.get(jobs)
        if known is None:
            total: dict[int, Room] = {}
            for job, rooms in self.made:
                if job.id in jobs:
                    for rank, room in rooms.items():
                        total[rank] = total.get(rank, NO_ROOM) + room
            known = self._sums[jobs] = total
        return known


def open_nodes(
    cluster: Cluster, group: Iterable[int] | None, request: Request, kept: Rooms
) -> frozenset[int]:
    """Of these nodes (None: all), those where the request leaves free what is kept."""
    ranks = range(len(cluster.nodes)) if group is None else group
    closed = {
        rank for rank, room in kept.items() if not leaves_free(cluster.nodes[rank], request, room)
    }
    return frozenset(ranks) - closed


def leaves_free(state: NodeState, request: Request, room: Room) -> bool:
    """Whether the node has room for the request beside what is kept of it."""
    return (
        state.free_devices - request.devices >= room.devices
        and state.free_cpu - request.cpu_millicores >= room.cpu
        and state.free_memory - request.memory_bytes >= room.memory
    )
