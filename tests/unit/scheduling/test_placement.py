"""What fits where, and why not, in numbers."""

from tests.unit.scheduling.building import GIB, node, whole, workload
from windlass.scheduling import (
    WHOLE_DEVICE,
    Device,
    DeviceShare,
    Node,
    Placement,
    PlacementStrategy,
    Pod,
    ReasonCode,
    Request,
    Resource,
    Settings,
    Snapshot,
    Workload,
    plan,
    portion,
)


def nodes_used(snapshot: Snapshot) -> dict[str, str]:
    return {pod: place.node for pod, place in plan(snapshot).placements.items()}


def test_a_whole_device_comes_with_all_its_memory() -> None:
    decided = plan(Snapshot((node("a", gpus=1),), (workload("w", Request(devices=1)),)))
    share = DeviceShare("a-gpu0", WHOLE_DEVICE, 80 * GIB)
    assert decided.placements == {"w-0": Placement("a", (share,))}
    assert decided.pending == ()


def test_three_thirds_of_the_memory_fill_a_device_and_a_byte_more_waits() -> None:
    third = workload("thirds", Request(devices=1, device_memory_bytes=80 * GIB // 3), pods=3)
    more = workload("more", Request(devices=1, device_memory_bytes=3), submitted_at=1.0)
    decided = plan(Snapshot((node("a", gpus=1),), (third, more)))
    assert set(decided.placements) == {"thirds-0", "thirds-1", "thirds-2"}
    (waiting,) = decided.pending
    assert waiting.reasons[0].resource is Resource.GPU_MEMORY
    assert waiting.reasons[0].free == 80 * GIB % 3


def test_ten_tenths_fill_a_device_exactly() -> None:
    tenth = workload("tenths", Request(devices=1, portion=portion(0.1)), pods=11, min_members=1)
    decided = plan(Snapshot((node("a", gpus=1),), (tenth,)))
    assert len(decided.placements) == 10
    assert decided.pending[0].pod_ids == ("tenths-10",)
    assert decided.pending[0].reasons[0].free == 0


def test_whole_devices_are_not_taken_from_under_a_portion() -> None:
    half = Pod(
        "half-0",
        Request(devices=1, portion=portion(0.5)),
        Placement("a", (DeviceShare("a-gpu0", portion(0.5), 40 * GIB),)),
    )
    whole = workload("whole", Request(devices=1))
    decided = plan(Snapshot((node("a", gpus=1),), (Workload("half", (half,)), whole)))
    assert decided.placements == {}
    reason = decided.pending[0].reasons[0]
    assert (reason.asked, reason.free, reason.total) == (WHOLE_DEVICE, 500_000, WHOLE_DEVICE)


def test_a_portion_joins_a_shared_device_before_opening_another() -> None:
    half = Request(devices=1, portion=portion(0.5))
    halves = workload("halves", half, pods=2)
    decided = plan(Snapshot((node("a", gpus=2),), (halves,)))
    assert {place.devices[0].device_id for place in decided.placements.values()} == {"a-gpu0"}


def test_portions_of_several_devices_are_on_different_devices_of_one_node() -> None:
    both = workload("both", Request(devices=2, portion=portion(0.5)))
    decided = plan(Snapshot((node("a", gpus=1), node("b", gpus=2)), (both,)))
    place = decided.placements["both-0"]
    assert place.node == "b"
    assert [share.device_id for share in place.devices] == ["b-gpu0", "b-gpu1"]


def test_pods_go_to_the_node_with_fewest_free_devices_then_by_name() -> None:
    nodes = (node("c", gpus=2), node("b", gpus=2), node("a", gpus=8))
    assert nodes_used(Snapshot(nodes, (workload("w", Request(devices=1), pods=3),))) == {
        "w-0": "b",
        "w-1": "b",
        "w-2": "c",
    }


def test_pods_without_gpus_prefer_nodes_without_gpus() -> None:
    nodes = (node("a", gpus=8, cores=8), node("b", cores=64))
    request = Request(cpu_millicores=1000)
    assert nodes_used(Snapshot(nodes, (workload("w", request),))) == {"w-0": "b"}


def test_all_pods_of_the_minimum_are_placed_or_none() -> None:
    gang = workload("gang", Request(devices=2), pods=3)
    single = workload("single", Request(devices=1), submitted_at=1.0)
    decided = plan(Snapshot((node("a", gpus=4), node("b", gpus=1)), (gang, single)))
    assert set(decided.placements) == {"single-0"}
    (waiting,) = decided.pending
    assert waiting.pod_ids == ("gang-0", "gang-1", "gang-2")
    reason = waiting.reasons[0]
    assert reason.asked == 6 * WHOLE_DEVICE
    assert "3 pods have to start together; 2 of them have room" in reason.message


def test_extras_come_after_the_minimum_of_everybody() -> None:
    elastic = workload("elastic", Request(devices=1), pods=4, min_members=1)
    later = workload("later", Request(devices=1), pods=2, submitted_at=1.0)
    decided = plan(Snapshot((node("a", gpus=4),), (elastic, later)))
    assert set(decided.placements) == {"elastic-0", "elastic-1", "later-0", "later-1"}


def test_running_pods_count_towards_the_minimum() -> None:
    request = Request(devices=1)
    share = DeviceShare("a-gpu0", WHOLE_DEVICE, 80 * GIB)
    pods = (Pod("w-0", request, Placement("a", (share,))), Pod("w-1", request))
    decided = plan(Snapshot((node("a", gpus=2),), (Workload("w", pods),)))
    assert decided.placements["w-1"].devices[0].device_id == "a-gpu1"


def test_higher_priority_then_older_goes_first() -> None:
    first = workload("z", Request(devices=1), priority=75, submitted_at=2.0)
    second = workload("b", Request(devices=1), submitted_at=1.0)
    third = workload("a", Request(devices=1), submitted_at=3.0)
    decided = plan(Snapshot((node("n", gpus=2),), (third, second, first)))
    assert set(decided.placements) == {"z-0", "b-0"}


def test_the_next_pool_is_tried_and_each_pool_has_its_reason() -> None:
    device = (Device("g", 80 * GIB),)
    other = Node("b", 1000, GIB, device, pool="other")
    both = ("default", "other")
    taken = workload("taken", Request(devices=1), pools=both)
    waits = workload("waits", Request(devices=1), pools=both, submitted_at=1.0)
    decided = plan(Snapshot((node("a"), other), (taken, waits)))
    assert decided.placements["taken-0"].node == "b"
    assert [reason.pool for reason in decided.pending[0].reasons] == ["default", "other"]


def test_labels_restrict_nodes_and_a_missing_label_is_said() -> None:
    ssd = Node("a", 1000, GIB, labels={"disk": "ssd"})
    fits = workload("fits", Request(cpu_millicores=100), node_labels={"disk": "ssd"})
    waits = workload("waits", Request(cpu_millicores=100), node_labels={"disk": "hdd"})
    decided = plan(Snapshot((ssd, node("b")), (fits, waits)))
    assert decided.placements["fits-0"].node == "a"
    assert "disk=hdd" in decided.pending[0].reasons[0].message


def test_what_no_node_could_ever_take_is_said_so() -> None:
    decided = plan(
        Snapshot((node("a", gpus=4), node("b", gpus=4)), (workload("w", Request(devices=8)),))
    )
    reason = decided.pending[0].reasons[0]
    assert reason.code is ReasonCode.NO_ROOM
    assert reason.message == (
        "A pod asks for 8 GPUs on one node, and no node of node pool default has that even when "
        "empty: the most that one has is 4 GPUs."
    )


def test_fragmentation_is_told_apart_by_the_numbers() -> None:
    one = workload("one", Request(devices=1, cpu_millicores=10), pods=2)
    nodes = (node("a", gpus=2, cores=1), node("b", gpus=2, cores=1))
    pods = tuple(
        Pod(f"one-{i}", one.pods[i].request, whole(name, range(1)))
        for i, name in enumerate(("a", "b"))
    )
    two = workload("two", Request(devices=2))
    fixed = Workload("one", pods)
    reason = plan(Snapshot(nodes, (fixed, two))).pending[0].reasons[0]
    assert (reason.free, reason.free_on_one_node) == (2 * WHOLE_DEVICE, WHOLE_DEVICE)
    assert reason.message == (
        "A pod asks for 2 GPUs on one node. Node pool default has 4 GPUs, of which 2 GPUs free, "
        "at most 1 GPU on one node."
    )


def test_lack_of_cpu_or_memory_is_named() -> None:
    cpu = workload("cpu", Request(devices=1, cpu_millicores=9000))
    memory = workload("memory", Request(memory_bytes=GIB + 1))
    decided = plan(Snapshot((node("a", gpus=1, cores=8, memory_gib=1),), (cpu, memory)))
    assert [waiting.reasons[0].resource for waiting in decided.pending] == [
        Resource.CPU,
        Resource.MEMORY,
    ]


def test_mig_instances_are_given_whole_to_those_who_ask_for_the_profile() -> None:
    mig = Node(
        "a", 1000, GIB, (Device("m0", 10 * GIB, "1g.10gb"), Device("m1", 10 * GIB, "1g.10gb"))
    )
    asks = workload("asks", Request(devices=1, mig_profile="1g.10gb"), pods=2)
    whole = workload("whole", Request(devices=1))
    decided = plan(Snapshot((mig,), (asks, whole)))
    assert {p.devices[0].device_id for p in decided.placements.values()} == {"m0", "m1"}
    assert decided.pending[0].workload_id == "whole"


def test_the_order_of_the_snapshot_does_not_matter() -> None:
    nodes = tuple(node(name, gpus=2) for name in "dcba")
    workloads = tuple(workload(name, Request(devices=1), pods=2) for name in "zyxw")
    assert plan(Snapshot(nodes, workloads)) == plan(Snapshot(nodes[::-1], workloads[::-1]))


def test_a_portion_joins_the_fullest_device_that_has_room() -> None:
    shares = (portion(0.25), portion(0.5))
    pods = tuple(
        Pod(
            f"held-{index}",
            Request(devices=1, portion=share),
            Placement("a", (DeviceShare(f"a-gpu{index}", share, 80 * GIB * share // 10**6),)),
        )
        for index, share in enumerate(shares)
    )
    quarter = workload("quarter", Request(devices=1, portion=portion(0.25)))
    decided = plan(Snapshot((node("a", gpus=2),), (Workload("held", pods), quarter)))
    assert decided.placements["quarter-0"].devices[0].device_id == "a-gpu1"


def test_gpus_can_be_spread_over_nodes() -> None:
    spread = Settings(gpu_strategy=PlacementStrategy.SPREAD)
    nodes = (node("a", gpus=4), node("b", gpus=4))
    pods = workload("w", Request(devices=1), pods=2)
    decided = plan(Snapshot(nodes, (pods,), settings={"default": spread}))
    assert {place.node for place in decided.placements.values()} == {"a", "b"}


def test_cpu_only_pods_are_packed_or_spread_on_their_own() -> None:
    nodes = (node("a", cores=8), node("b", cores=8))
    pods = workload("w", Request(cpu_millicores=1000), pods=2)
    packed = plan(Snapshot(nodes, (pods,)))
    assert {place.node for place in packed.placements.values()} == {"a"}
    spread = Settings(cpu_strategy=PlacementStrategy.SPREAD)
    decided = plan(Snapshot(nodes, (pods,), settings={"default": spread}))
    assert {place.node for place in decided.placements.values()} == {"a", "b"}


def test_a_node_with_less_cpu_free_is_passed_over() -> None:
    nodes = (node("a", gpus=1, cores=1), node("b", gpus=4, cores=8))
    asks = workload("w", Request(devices=1, cpu_millicores=2000))
    assert nodes_used(Snapshot(nodes, (asks,))) == {"w-0": "b"}
