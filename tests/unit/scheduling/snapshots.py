"""Random snapshots for property tests, what a plan leaves behind, and what must hold of it."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import TypeVar

from hypothesis import strategies as st

from windlass.scheduling import (
    WHOLE_DEVICE,
    Device,
    Node,
    Placement,
    Plan,
    Pod,
    Queue,
    Quota,
    Request,
    Snapshot,
    Workload,
    plan,
)

GIB = 1024**3
DEVICE_MEMORY = 80 * GIB

Item = TypeVar("Item")


@dataclass(frozen=True)
class Maker:
    """Makes snapshots from a source of randomness."""

    random: Random

    def busy(self) -> Snapshot:
        """Workloads run, some have ended since they started, and others have come."""
        snapshot = Snapshot(self.nodes(), (), self.queues())
        for step in range(self.random.randint(1, 3)):
            arrived = self.workloads(snapshot, prefix=f"w{step}-", since=step * 10.0)
            snapshot = replace(snapshot, workloads=(*snapshot.workloads, *arrived))
            if step:
                snapshot = self.after_some_ended(snapshot)
            snapshot = carried_out(snapshot, plan(snapshot))
        arrived = self.workloads(snapshot, prefix="new", since=100.0)
        snapshot = self.after_some_ended(snapshot)
        return replace(snapshot, workloads=(*snapshot.workloads, *arrived))

    def nodes(self) -> tuple[Node, ...]:
        """A few nodes with up to four devices each."""
        return tuple(self.node(f"n{index}") for index in range(self.random.randint(1, 3)))

    def node(self, name: str) -> Node:
        """A node with up to four devices, sometimes short of CPU."""
        devices = tuple(
            Device(f"{name}-{number}", DEVICE_MEMORY)
            for number in range(self.random.choice((0, 2, 2, 3, 4, 4)))
        )
        return Node(name, self.random.choice((4, 16, 32)) * 1000, 64 * GIB, devices)

    def queues(self) -> tuple[Queue, ...]:
        """Departments, each with projects."""
        made: list[Queue] = []
        for department in range(self.random.randint(1, 2)):
            name = f"d{department}"
            made.append(Queue(name, created_at=len(made), gpu=self.quota()))
            for project in range(self.random.randint(1, 3)):
                made.append(
                    Queue(
                        f"{name}-p{project}",
                        parent=name,
                        created_at=len(made),
                        rank=self.random.choice((100, 100, 90)),
                        gpu=self.quota(),
                    )
                )
        return tuple(made)

    def quota(self) -> Quota:
        """A quota of GPUs."""
        deserved = self.random.choice((None, 0, 1, 2, 2, 3, 4, 6))
        limit = self.random.choice((None, None, None, None, None, 0, 3, 6))
        return Quota(
            deserved=None if deserved is None else deserved * WHOLE_DEVICE,
            limit=None if limit is None else limit * WHOLE_DEVICE,
            over_quota_weight=self.random.choice((0.0, 1.0, 1.0, 2.0, 3.0)),
        )

    def workloads(self, snapshot: Snapshot, prefix: str, since: float) -> tuple[Workload, ...]:
        """Waiting workloads: single pods, gangs, elastic ones."""
        leaves = [queue.id for queue in snapshot.queues if queue.parent is not None]
        return tuple(
            self.workload(f"{prefix}{index}", self.random.choice(leaves), since)
            for index in range(self.random.randint(3, 8))
        )

    def workload(self, name: str, queue: str, since: float) -> Workload:
        """A waiting workload."""
        count = self.random.choice((1, 1, 1, 2, 3))
        request = self.request()
        priority = self.random.choice((50, 50, 75, 75, 100, 125))
        return Workload(
            name,
            pods=tuple(Pod(f"{name}-{number}", request) for number in range(count)),
            min_members=self.random.randint(1, count),
            priority=priority,
            submitted_at=since + self.random.randint(0, 5),
            queue=queue,
            preemptible=priority < 100,
        )

    def request(self) -> Request:
        """What one pod asks: whole devices, a part of one or two, device memory, or none."""
        cpu = self.random.choice((500, 1000, 1000, 4000))
        kind = self.random.choice(("whole", "whole", "whole", "whole", "part", "memory", "none"))
        if kind == "whole":
            devices = self.random.choice((1, 1, 1, 1, 2, 2, 3, 4))
            return Request(devices=devices, cpu_millicores=cpu, memory_bytes=GIB)
        if kind == "part":
            portion = self.random.choice((250_000, 500_000, 700_000))
            devices = self.random.choice((1, 1, 2))
            return Request(devices=devices, portion=portion, cpu_millicores=cpu)
        if kind == "memory":
            memory = self.random.choice((10, 27, 40))
            return Request(devices=1, device_memory_bytes=memory * GIB, cpu_millicores=cpu)
        return Request(cpu_millicores=cpu, memory_bytes=GIB)

    def after_some_ended(self, snapshot: Snapshot) -> Snapshot:
        """The snapshot without some of its workloads."""
        kept = tuple(made for made in snapshot.workloads if self.random.random() > 0.25)
        return replace(snapshot, workloads=kept)


def busy() -> st.SearchStrategy[Snapshot]:
    """Snapshots in which some workloads run and others wait."""
    return st.integers(0, 2**32).map(lambda seed: Maker(Random(seed)).busy())


def carried_out(snapshot: Snapshot, decided: Plan) -> Snapshot:
    """The snapshot after the plan."""
    places = places_after(snapshot, decided)
    return replace(
        snapshot,
        workloads=tuple(
            replace(
                workload,
                pods=tuple(replace(pod, placement=places.get(pod.id)) for pod in workload.pods),
            )
            for workload in snapshot.workloads
        ),
    )


def places_before(snapshot: Snapshot) -> dict[str, Placement]:
    """Where pods run in the snapshot."""
    return {
        pod.id: pod.placement
        for workload in snapshot.workloads
        for pod in workload.pods
        if pod.placement is not None
    }


def places_after(snapshot: Snapshot, decided: Plan) -> dict[str, Placement]:
    """Where pods run once the plan is carried out: first the evictions, then the placements."""
    places = places_before(snapshot)
    for eviction in decided.evictions:
        del places[eviction.pod_id]
    for pod_id, place in decided.placements.items():
        assert pod_id not in places
        places[pod_id] = place
    return places


def oversubscribed(snapshot: Snapshot, places: Mapping[str, Placement]) -> list[str]:
    """Nodes and devices of which more is given than they have."""
    requests_of = {pod.id: pod.request for w in snapshot.workloads for pod in w.pods}
    used: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    shares: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    for pod_id, place in places.items():
        used[place.node][0] += requests_of[pod_id].cpu_millicores
        used[place.node][1] += requests_of[pod_id].memory_bytes
        for share in place.devices:
            shares[place.node, share.device_id][0] += share.portion
            shares[place.node, share.device_id][1] += share.memory_bytes
    found = []
    for node in snapshot.nodes:
        cpu, memory = used.pop(node.name, [0, 0])
        if cpu > node.cpu_millicores or memory > node.memory_bytes:
            found.append(node.name)
        for device in node.devices:
            portion, device_memory = shares.pop((node.name, device.id), [0, 0])
            if portion > WHOLE_DEVICE or device_memory > device.memory_bytes:
                found.append(device.id)
    return found + list(used) + [device for _, device in shares]


def held_by_queue(
    snapshot: Snapshot, places: Mapping[str, Placement], *, non_preemptible: bool = False
) -> dict[str, int]:
    """GPUs, in millionths, that each queue and those above it hold."""
    parents = {queue.id: queue.parent for queue in snapshot.queues}
    held: dict[str, int] = defaultdict(int)
    for workload in snapshot.workloads:
        if non_preemptible and workload.preemptible:
            continue
        gpus = sum(
            share.portion
            for pod in workload.pods
            if pod.id in places
            for share in places[pod.id].devices
        )
        queue: str | None = workload.queue
        while queue is not None:
            held[queue] += gpus
            queue = parents[queue]
    return held


def without_need(snapshot: Snapshot, decided: Plan) -> list[str]:
    """Evicted pods that could have stayed: with what is evicted of their workload put back where it
    was, nothing is oversubscribed, and no limit or quota broken."""
    before, after = places_before(snapshot), places_after(snapshot, decided)
    evicted_by_workload: dict[str, list[str]] = defaultdict(list)
    found = []
    for eviction in decided.evictions:
        if eviction.moves:
            restored = {**after, eviction.pod_id: before[eviction.pod_id]}
            if is_sound(snapshot, restored):
                found.append(eviction.pod_id)
        else:
            evicted_by_workload[eviction.workload_id].append(eviction.pod_id)
    for pods in evicted_by_workload.values():
        restored = {**after, **{pod: before[pod] for pod in pods}}
        if is_sound(snapshot, restored):
            found += pods
    return found


def for_nobody(snapshot: Snapshot, decided: Plan) -> list[str]:
    """Evicted pods whose room nobody has in the end for whom they were evicted."""
    places = places_after(snapshot, decided)
    running = {made.id for made in snapshot.workloads if any(pod.id in places for pod in made.pods)}
    return [
        eviction.pod_id
        for eviction in decided.evictions
        if (eviction.passed_on_to or eviction.cause.beneficiary) not in running
    ]


def is_sound(snapshot: Snapshot, places: Mapping[str, Placement]) -> bool:
    """Whether nothing is oversubscribed, and limits and quotas hold at every level."""
    return not oversubscribed(snapshot, places) and not over_bounds(snapshot, places)


def over_bounds(snapshot: Snapshot, places: Mapping[str, Placement]) -> list[str]:
    """Queues above their limit, or whose non-preemptible work is above what they deserve."""
    held = held_by_queue(snapshot, places)
    fixed = held_by_queue(snapshot, places, non_preemptible=True)
    return [
        queue.id
        for queue in snapshot.queues
        if _exceeds(held[queue.id], queue.gpu.limit)
        or _exceeds(fixed[queue.id], queue.gpu.deserved)
    ]


def below_minimum(snapshot: Snapshot, places: Mapping[str, Placement]) -> list[str]:
    """Workloads of which some pods run, but too few."""
    found = []
    for workload in snapshot.workloads:
        running = sum(pod.id in places for pod in workload.pods)
        if 0 < running < workload.minimum:
            found.append(workload.id)
    return found


def shuffled(snapshot: Snapshot, order: Iterable[int]) -> Snapshot:
    """The same snapshot with nodes, queues and workloads in another order."""
    keys = list(order)

    def mixed(items: Sequence[Item]) -> tuple[Item, ...]:
        decorated = sorted(
            range(len(items)), key=lambda index: (keys[index % len(keys)] * 31 + index * 7) % 17
        )
        return tuple(items[index] for index in decorated)

    return replace(
        snapshot,
        nodes=mixed(snapshot.nodes),
        queues=mixed(snapshot.queues),
        workloads=mixed(snapshot.workloads),
    )


def _exceeds(amount: int, bound: int | None) -> bool:
    return bound is not None and amount > bound
