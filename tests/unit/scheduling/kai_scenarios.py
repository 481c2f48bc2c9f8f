"""Recorded scenarios of KAI-Scheduler v0.16.8 as snapshots, and how they are played."""

import gzip
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from windlass.scheduling import (
    FIRST_NON_PREEMPTIBLE_PRIORITY,
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
    portion,
)

DATA = Path(__file__).parent / "data"
GIB = 1024**3
PRIORITIES = {"train": 50, "build-preemptible": 75, "build": 100, "inference": 125}

Record = dict[str, Any]


@cache
def recorded() -> tuple[Record, ...]:
    """All recorded scenarios, with what KAI did."""
    with gzip.open(DATA / "kai_scenarios.jsonl.gz", "rt") as lines:
        return tuple(json.loads(line) for line in lines)


@dataclass(frozen=True)
class Phase:
    """One phase as we played it, beside what was recorded."""

    scenario: str
    number: int
    snapshot: Snapshot
    plan: Plan
    outcome: Record

    def running(self) -> dict[str, int]:
        """Pods that run after the plan, by job."""
        places = places_after(self.snapshot, self.plan)
        return {
            workload.id: sum(pod.id in places for pod in workload.pods)
            for workload in self.snapshot.workloads
        }

    def recorded_running(self) -> dict[str, int]:
        """Pods that ran in KAI, by job."""
        return {name: job["running"] for name, job in self.outcome["jobs"].items()}


@dataclass
class Player:
    """Plays the phases of one scenario, each on what the one before left running."""

    record: Record
    places: dict[str, Placement] = field(default_factory=dict)
    jobs: list[Record] = field(default_factory=list)

    def phases(self) -> Iterator[Phase]:
        for number, outcome in enumerate(self.record["outcome"], start=1):
            if number > 1:
                self._finish(set(self.record["finish_before_phase2"]))
            self.jobs += [job for job in self.record["jobs"] if job["phase"] == number]
            snapshot = self._snapshot()
            decided = plan(snapshot)
            self.places = places_after(snapshot, decided)
            yield Phase(self.record["id"], number, snapshot, decided, outcome)

    def _finish(self, names: set[str]) -> None:
        self.jobs = [job for job in self.jobs if job["name"] not in names]
        kept = {pod_id for job in self.jobs for pod_id in pod_ids(job)}
        self.places = {pod: place for pod, place in self.places.items() if pod in kept}

    def _snapshot(self) -> Snapshot:
        return Snapshot(
            nodes=tuple(map(node, self.record["nodes"])),
            workloads=tuple(workload(job, self.places) for job in self.jobs),
            queues=tuple(
                queue(made, created_at) for created_at, made in enumerate(self.record["queues"])
            ),
        )


@cache
def played() -> tuple[Phase, ...]:
    """Every phase of every scenario."""
    return tuple(phase for record in recorded() for phase in Player(record).phases())


def places_after(snapshot: Snapshot, decided: Plan) -> dict[str, Placement]:
    """Where pods run once the plan is carried out."""
    places = {
        pod.id: pod.placement
        for workload in snapshot.workloads
        for pod in workload.pods
        if pod.placement is not None
    }
    for eviction in decided.evictions:
        del places[eviction.pod_id]
    for pod_id, place in decided.placements.items():
        assert pod_id not in places
        places[pod_id] = place
    return places


def node(recorded_node: Record) -> Node:
    name = recorded_node["name"]
    return Node(
        name,
        cpu_millicores=recorded_node["cpu_cores"] * 1000,
        memory_bytes=recorded_node["memory_gib"] * GIB,
        devices=tuple(
            Device(f"{name}-{index}", 80 * 10**9) for index in range(recorded_node["gpus"])
        ),
    )


def queue(recorded_queue: Record, created_at: float) -> Queue:
    gpu = Quota(
        deserved=_gpus(recorded_queue["deserved"]),
        limit=_gpus(recorded_queue["limit"]),
        over_quota_weight=recorded_queue["over_quota_weight"],
    )
    return Queue(
        recorded_queue["name"],
        parent=recorded_queue["parent"],
        created_at=created_at,
        rank=recorded_queue["priority"],
        gpu=gpu,
    )


def workload(job: Record, places: Mapping[str, Placement]) -> Workload:
    gpus = job["gpus_per_pod"]
    request = Request(
        devices=int(gpus) if gpus >= 1 else int(gpus > 0),
        portion=portion(gpus) if 0 < gpus < 1 else WHOLE_DEVICE,
        cpu_millicores=round(job["cpu_per_pod"] * 1000),
        memory_bytes=round(job["memory_gib_per_pod"] * GIB),
    )
    priority = PRIORITIES[job["priority_class"]]
    preemptible = priority < FIRST_NON_PREEMPTIBLE_PRIORITY
    if job.get("preemptibility") is not None:
        preemptible = job["preemptibility"] == "preemptible"
    return Workload(
        job["name"],
        pods=tuple(Pod(pod_id, request, places.get(pod_id)) for pod_id in pod_ids(job)),
        min_members=job["min_member"],
        priority=priority,
        submitted_at=job["submitted_order"],
        queue=job["project"],
        preemptible=preemptible,
    )


def pod_ids(job: Record) -> Sequence[str]:
    return [f"{job['name']}-{index}" for index in range(job["pods"])]


def _gpus(amount: float) -> int | None:
    return None if amount == -1 else round(amount * WHOLE_DEVICE)
