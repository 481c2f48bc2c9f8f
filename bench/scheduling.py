"""One cycle of the scheduler, and a plan to its end, at several sizes.

Times are processor seconds of one thread: a plan is pure computation, and a busy machine does not
count against it. KAI-Scheduler's own figures are those of its benchmarks, in Go, as far as known.
"""

import gc
import json
import resource
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from math import log
from random import Random
from typing import Any

from bench.measuring import Report
from windlass.kit.garbage import collector_paused
from windlass.scheduling import (
    WHOLE_DEVICE,
    Device,
    DeviceShare,
    Node,
    Placement,
    Pod,
    Queue,
    Quota,
    Request,
    Snapshot,
    Workload,
    plan,
)
from windlass.scheduling.cycle import open_session, run_cycle

GIB = 1024**3
DEVICES = 8
ROUNDS = 5
SIZES = (250, 500, 1000, 2000)
KAI_MIXED_SECONDS = 0.183
KAI_RECLAIM_SECONDS = 8.97


def main() -> None:
    """Measure and report; with a shape and a size, measure that alone and print JSON."""
    if len(sys.argv) == 3:
        print(json.dumps(measure(SHAPES[sys.argv[1]](int(sys.argv[2])))))
        return
    report = Report("scheduling", {"devices per node": DEVICES, "rounds": ROUNDS})
    mixed = in_own_process("mixed", 100)
    report.add("KAI's 100 nodes, 500 jobs: cycle", mixed["cycle"] * 1000, "ms", "<= 100")
    report.add("  the same in KAI", KAI_MIXED_SECONDS * 1000, "ms")
    large = in_own_process("reclaim", 500)
    report.add("KAI's 500 nodes, one large reclaim: cycle", large["cycle"], "s", "<= 1")
    report.add("  the same in KAI", KAI_RECLAIM_SECONDS, "s")
    report.add("  pods evicted", large["reclaim"], "pods")
    by_size = {size: in_own_process("busy", size) for size in SIZES}
    for size, found in by_size.items():
        wanted = "<= 1" if size == 1000 else ""
        report.add(f"{size} nodes, {10 * size} workloads: cycle", found["cycle"], "s", wanted)
        report.add("  plan to its end, explained", found["plan"], "s")
        report.add("  pods placed", found["placed"], "pods")
        for action in ("reclaim", "preempt", "consolidation"):
            report.add(f"  pods evicted or moved by {action}", found[action], "pods")
        report.add("  memory, snapshot included", found["megabytes"], "MB")
    first, last = SIZES[0], SIZES[-1]
    grown = by_size[last]["cycle"] / by_size[first]["cycle"]
    allowed = last * log(last) / (first * log(first))
    report.add(f"growth from {first} to {last} nodes, of n log n", grown / allowed, "times", "<= 1")
    report.finish()


def in_own_process(shape: str, size: int) -> Mapping[str, float]:
    """The measures of one shape and size, undisturbed by others."""
    command = [sys.executable, "-m", "bench.scheduling", shape, str(size)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def measure(snapshot: Snapshot) -> dict[str, Any]:
    """Seconds of a cycle and of a plan, what the plan does, and the memory it took."""
    cycle = statistics.median(seconds_of(lambda: one_cycle(snapshot)) for _ in range(ROUNDS))
    whole = statistics.median(seconds_of(lambda: plan(snapshot)) for _ in range(ROUNDS))
    decided = plan(snapshot)
    actions = Counter(eviction.cause.action.value for eviction in decided.evictions)
    return {
        "cycle": cycle,
        "plan": whole,
        "placed": len(decided.placements),
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        **{name: actions[name] for name in ("reclaim", "preempt", "consolidation")},
    }


def one_cycle(snapshot: Snapshot) -> None:
    """Read the snapshot and run every action once, as `plan` does."""
    with collector_paused():
        _run_one_cycle(snapshot)


def _run_one_cycle(snapshot: Snapshot) -> None:
    session = open_session(snapshot, "default")
    for workload in snapshot.workloads:
        session.add(workload)
    run_cycle(session)
    session.close()


def seconds_of(work: Callable[[], object]) -> float:
    """Processor seconds that the work takes."""
    gc.collect()
    started = time.process_time()
    work()
    return time.process_time() - started


def mixed(size: int) -> Snapshot:
    """KAI's `benchmarkFullCycle`: five jobs of one device a node, half running, half waiting."""
    total = size * DEVICES
    taken: Counter[int] = Counter()
    workloads = []
    for index in range(5 * size):
        place = None
        if index % 2 == 0:
            on = index % size
            place = whole(on, [taken[on]])
            taken[on] += 1
        workloads.append(job(f"job-{index:05}", f"queue-{index % 4}", index, 1, [place]))
    queues = [Queue(name, gpu=Quota(total // 2 * WHOLE_DEVICE)) for name in ("dept-a", "dept-b")]
    queues += [
        Queue(
            f"queue-{index}",
            parent=queues[index // 2].id,
            created_at=index,
            gpu=Quota(total // 4 * WHOLE_DEVICE),
        )
        for index in range(4)
    ]
    return Snapshot(nodes(size), tuple(workloads), tuple(queues))


def reclaim(size: int) -> Snapshot:
    """KAI's `benchmarkReclaimLargeJobs`: a gang of whole nodes reclaims from single devices."""
    running = [
        job(f"running-{index:05}", "queue-0", index, 1, [whole(index % size, [index // size])])
        for index in range(size * DEVICES)
    ]
    gang = job("very-large", "queue-1", 10**6, DEVICES, [None] * (size // 10))
    queues = (
        Queue("queue-0", gpu=Quota(0, over_quota_weight=0.0)),
        Queue("queue-1", created_at=1.0, gpu=Quota(size * DEVICES * WHOLE_DEVICE)),
    )
    return Snapshot(nodes(size), (*running, gang), queues)


def busy(size: int) -> Snapshot:
    """A full cluster: ten workloads a node, half running, most of them in half of the projects, and
    half waiting in all projects, gangs and priorities among them."""
    random = Random(size)
    departments, projects = 5, 4
    share = size * DEVICES // departments
    queues: list[Queue] = []
    leaves: list[str] = []
    for department in range(departments):
        name = f"d{department}"
        queues.append(Queue(name, created_at=len(queues), gpu=Quota(share * WHOLE_DEVICE)))
        for project in range(projects):
            leaves.append(f"{name}-p{project}")
            quota = Quota(share // projects * WHOLE_DEVICE, over_quota_weight=random.randint(1, 3))
            queues.append(Queue(leaves[-1], parent=name, created_at=len(queues), gpu=quota))
    greedy = leaves[: len(leaves) // 2]
    free = [list(range(DEVICES)) for _ in range(size)]
    first_free = 0
    workloads = []
    for index in range(5 * size):
        devices = random.choice((1, 1, 1, 1, 2, 2, 4))
        while first_free < size and not free[first_free]:
            first_free += 1
        on = next((at for at in range(first_free, size) if len(free[at]) >= devices), None)
        place = None if on is None else whole(on, [free[on].pop() for _ in range(devices)])
        owner = random.choice(greedy if random.random() < 0.7 else leaves)
        priority = random.choice((50, 50, 75))
        workloads.append(job(f"run-{index:05}", owner, index, devices, [place], priority))
    for index in range(5 * size):
        pods = random.choice((1, 1, 1, 1, 1, 2, 4))
        devices = random.choice((1, 1, 1, 1, 2, 2, 4, 8))
        priority = random.choice((50, 50, 50, 75, 100))
        owner = random.choice(leaves)
        waiting: list[Placement | None] = [None] * pods
        workloads.append(job(f"wait-{index:05}", owner, 10**6 + index, devices, waiting, priority))
    return Snapshot(nodes(size), tuple(workloads), tuple(queues))


def nodes(size: int) -> tuple[Node, ...]:
    """Nodes with eight devices each."""
    devices = tuple(Device(f"gpu{index}", 80 * GIB) for index in range(DEVICES))
    return tuple(Node(f"n{index:05}", 128_000, 1024 * GIB, devices) for index in range(size))


def job(
    name: str,
    queue: str,
    submitted_at: float,
    devices: int,
    places: list[Placement | None],
    priority: int = 50,
) -> Workload:
    """A workload with a pod for each place."""
    request = Request(devices=devices, cpu_millicores=4000, memory_bytes=16 * GIB)
    pods = tuple(Pod(f"{name}-{at}", request, place) for at, place in enumerate(places))
    return Workload(
        name,
        pods,
        priority=priority,
        submitted_at=submitted_at,
        queue=queue,
        preemptible=priority < 100,
    )


def whole(node: int, devices: list[int]) -> Placement:
    """Whole devices of a node."""
    shares = (DeviceShare(f"gpu{index}", WHOLE_DEVICE, 80 * GIB) for index in devices)
    return Placement(f"n{node:05}", tuple(shares))


SHAPES: Mapping[str, Callable[[int], Snapshot]] = {
    "mixed": mixed,
    "reclaim": reclaim,
    "busy": busy,
}


if __name__ == "__main__":
    main()
