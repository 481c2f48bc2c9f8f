"""Of which waiting workloads it is certain that no replica can start."""

import pytest

from windlass import scheduling
from windlass.scheduling import Device, DeviceShare, Node, Placement, Pod, Request, Snapshot
from windlass.workloads.placement import waiting_for_room

GPU_MEMORY = 80 * 1024**3
CPU_ONLY = Request()


def gpus(count: int) -> Request:
    return Request(devices=count, portion=scheduling.WHOLE_DEVICE)


def running(name: str, *devices: str) -> scheduling.Workload:
    """A workload of one pod that has these devices."""
    shares = tuple(DeviceShare(each, scheduling.WHOLE_DEVICE, GPU_MEMORY) for each in devices)
    request = gpus(len(devices)) if devices else CPU_ONLY
    return scheduling.Workload(name, (Pod(f"{name}-0", request, Placement("node", shares)),))


def waiting(name: str, request: Request, pods: int = 1, since: float = 0.0) -> scheduling.Workload:
    """A workload whose pods have no place, each of use alone."""
    made = tuple(Pod(f"{name}-{number}", request) for number in range(pods))
    return scheduling.Workload(name, made, min_members=1, submitted_at=since)


def found(leaving: set[str], *workloads: scheduling.Workload) -> set[str]:
    devices = tuple(Device(f"gpu-{number}", GPU_MEMORY) for number in range(4))
    snapshot = Snapshot((Node("node", 64_000, 2**40, devices),), workloads)
    return set(waiting_for_room(snapshot, scheduling.plan(snapshot), leaving))


HOLDER = running("holder", "gpu-0", "gpu-1", "gpu-2")
LAST = running("last", "gpu-3")
PLAIN = running("plain")


def test_who_waits_for_what_nobody_leaves_waits_for_nothing() -> None:
    assert found(set(), HOLDER, LAST, waiting("late", gpus(1))) == set()


@pytest.mark.parametrize(
    ("leaving", "request_", "helps"),
    [
        ("last-0", gpus(1), True),
        ("plain-0", gpus(1), False),
        ("last-0", gpus(2), False),
        ("holder-0", gpus(2), True),
        ("holder-0", gpus(5), False),
    ],
)
def test_only_room_that_would_be_enough_counts(
    leaving: str, request_: Request, helps: bool
) -> None:
    late = waiting("late", request_)
    assert found({leaving}, HOLDER, LAST, PLAIN, late) == ({"late"} if helps else set())


def test_room_that_others_will_have_is_none() -> None:
    first, second = waiting("first", gpus(1), since=1.0), waiting("second", gpus(1), since=2.0)
    assert found({"last-0"}, HOLDER, LAST, first, second) == {"first"}


def test_one_of_its_replicas_is_enough() -> None:
    assert found({"last-0"}, HOLDER, LAST, waiting("late", gpus(1), pods=3)) == {"late"}


def test_it_may_wait_for_a_replica_of_its_own() -> None:
    back = scheduling.Workload("last", (*LAST.pods, Pod("last-1", gpus(1))), min_members=2)
    assert found({"last-0"}, HOLDER, back) == {"last"}
