"""Random snapshots with two node pools, CPU quotas, labels, taints and affinities, and what of a
plan must hold there."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from random import Random

from hypothesis import strategies as st

from tests.unit.scheduling.snapshots import Maker
from windlass.scheduling import (
    AffinityType,
    LabelOperator,
    LabelRule,
    Node,
    Placement,
    PodAffinity,
    Queue,
    Quota,
    Snapshot,
    Taint,
    TaintEffect,
    Toleration,
    TolerationOperator,
    Workload,
)

POOLS = ("default", "other")
NEW = LabelRule("generation", LabelOperator.GT, frozenset({"1"}))
OLD_TAINT = Taint("old", "", TaintEffect.NO_SCHEDULE)
TOLERATES = (Toleration("old", TolerationOperator.EXISTS),)


@dataclass(frozen=True)
class ConstrainedMaker(Maker):
    """Makes snapshots in which nodes and workloads differ in more than size."""

    def nodes(self) -> tuple[Node, ...]:
        """Up to five nodes in two pools and two racks, some of an old generation."""
        return tuple(self.node(f"n{index}") for index in range(self.random.randint(2, 5)))

    def node(self, name: str) -> Node:
        """A node with labels, sometimes tainted."""
        generation = self.random.choice(("1", "2"))
        return replace(
            super().node(name),
            pool=self.random.choice(POOLS),
            labels={"rack": self.random.choice("ab"), "generation": generation},
            taints=(OLD_TAINT,) * (generation == "1" and self.random.random() < 0.5),
        )

    def queues(self) -> tuple[Queue, ...]:
        """The same departments and projects in both pools, with quotas of their own."""
        first = super().queues()
        second = (replace(queue, pool="other", gpu=self.quota()) for queue in first)
        return tuple(replace(queue, cpu=self.cpu_quota()) for queue in (*first, *second))

    def cpu_quota(self) -> Quota:
        """A quota of CPU, mostly unlimited."""
        return Quota(
            deserved=self.random.choice((None, None, None, 2000, 6000)),
            limit=self.random.choice((None, None, None, None, 4000)),
        )

    def workload(self, name: str, queue: str, since: float) -> Workload:
        """A waiting workload, often with wishes."""
        affinity = self.random.choice((None, None, AffinityType.REQUIRED, AffinityType.PREFERRED))
        pools = self.random.choice((("default",), ("other",), POOLS, POOLS[::-1]))
        return replace(
            super().workload(name, queue, since),
            pools=pools,
            pod_affinity=None if affinity is None else PodAffinity(affinity, "rack"),
            node_affinity=((NEW,),) if self.random.random() < 0.2 else (),
            tolerations=TOLERATES if self.random.random() < 0.5 else (),
        )


def constrained() -> st.SearchStrategy[Snapshot]:
    """Snapshots in which some workloads run and others wait."""
    return st.integers(0, 2**32).map(lambda seed: ConstrainedMaker(Random(seed)).busy())


def misplaced(snapshot: Snapshot, places: Mapping[str, Placement]) -> Iterator[str]:
    """Pods where they may not be: outside their pools, on nodes that they do not match, or apart
    from the others where they must be together."""
    nodes = {node.name: node for node in snapshot.nodes}
    for made in snapshot.workloads:
        on = [nodes[places[pod.id].node] for pod in made.pods if pod.id in places]
        for node in on:
            tainted = bool(node.taints) and not made.tolerations
            too_old = bool(made.node_affinity) and int(node.labels["generation"]) <= 1
            if tainted or too_old or node.pool not in made.pools:
                yield f"{made.id} on {node.name}"
        required = made.pod_affinity is not None and made.pod_affinity.type == "Required"
        if len({node.pool for node in on}) > 1:
            yield f"{made.id} in two pools"
        if required and len({node.labels["rack"] for node in on}) > 1:
            yield f"{made.id} apart"


def over_bounds_by_pool(snapshot: Snapshot, places: Mapping[str, Placement]) -> Iterator[str]:
    """Queues above a limit, or with non-preemptible work above quota, of GPU or CPU."""
    held: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    parents = {(queue.pool, queue.id): queue.parent for queue in snapshot.queues}
    pool_of = {node.name: node.pool for node in snapshot.nodes}
    for made in snapshot.workloads:
        for pod in made.pods:
            place = places.get(pod.id)
            if place is None:
                continue
            gpu = sum(share.portion for share in place.devices)
            cpu = pod.request.cpu_millicores
            fixed = (0, 0) if made.preemptible else (gpu, cpu)
            pool, at = pool_of[place.node], made.queue
            line: str | None = at
            while line is not None:
                for index, amount in enumerate((gpu, cpu, *fixed)):
                    held[pool, line][index] += amount
                line = parents[pool, line]
    for queue in snapshot.queues:
        gpu, cpu, fixed_gpu, fixed_cpu = held[queue.pool, queue.id]
        bounds = (queue.gpu.limit, queue.cpu.limit, queue.gpu.deserved, queue.cpu.deserved)
        for amount, bound in zip((gpu, cpu, fixed_gpu, fixed_cpu), bounds, strict=True):
            if bound is not None and amount > bound:
                yield f"{queue.id} in {queue.pool}: {amount} above {bound}"
