"""What a request that waits for a sleeping workload puts on record, and what it leaves alone."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, cast

import pytest
from sqlalchemy import Connection, update

from tests.unit.workloads.sleeping import SleepingWorkloads
from windlass.control.lease import LeaseLost
from windlass.control.tables import lease
from windlass.gateway.gateway import Gateway
from windlass.kit.database import Database
from windlass.workloads.autoscale import WorkloadAutoscaler
from windlass.workloads.reconcile import WorkloadReconciler
from windlass.workloads.scalers import Wanted
from windlass.workloads.scaling import AutoscalerTimes
from windlass.workloads.tables import workload


@pytest.fixture
def sleeping(database: Database) -> SleepingWorkloads:
    return SleepingWorkloads(database, gpus=2)


def _change(database: Database, **columns: Any) -> None:
    database.write(lambda connection: connection.execute(update(workload).values(**columns)))


def test_number_pod_and_place_are_written_at_once(
    sleeping: SleepingWorkloads, monkeypatch: pytest.MonkeyPatch
) -> None:
    change = sleeping.add("model")
    writes = []
    write = sleeping.database.write

    def counted(work: Callable[[Connection], object]) -> object:
        writes.append(work)
        return write(work)

    monkeypatch.setattr(sleeping.database, "write", counted)
    assert sleeping.wake(change)
    assert len(writes) == 1
    assert sleeping.wanted("model") == 1
    assert sleeping.pods() == [("model", "Placed", "machine", ["gpu-0"])]
    assert sleeping.woken == [("workload", "model")]


def test_who_reconciles_it_next_is_told_what_is_on_record(sleeping: SleepingWorkloads) -> None:
    change = replace(sleeping.add("model"), wanted=Wanted(2, "a request came"))
    assert sleeping.wake(change)
    (expected,), on_record = sleeping.expected, sleeping.on_record("model")
    assert len(expected.alive) == 2
    # Made at the same moment, they may be read in any order.
    assert set(expected.alive) == set(on_record.alive)
    assert replace(expected, alive=()) == replace(on_record, alive=())


def test_where_a_place_lacks_whoever_reconciles_it_next_reads_why(
    sleeping: SleepingWorkloads,
) -> None:
    change = replace(sleeping.add("model"), wanted=Wanted(3, "a request came"))
    assert sleeping.wake(change)
    assert [state for _, state, _, _ in sleeping.pods()] == ["Placed", "Placed", "Pending"]
    assert sleeping.expected == []


def test_it_is_told_in_the_order_in_which_it_was_decided(sleeping: SleepingWorkloads) -> None:
    change = sleeping.add("model")
    sleeping.engine.while_planning = lambda: sleeping.clock.advance(0.001)
    assert sleeping.wake(change)
    assert sleeping.events("model") == ["Scaled", "Scheduled"]


def test_without_room_it_waits_on_record(sleeping: SleepingWorkloads) -> None:
    for name in ("one", "two"):
        assert sleeping.wake(sleeping.add(name))
    sleeping.woken.clear()
    late = sleeping.add("late")
    sleeping.engine.while_planning = lambda: sleeping.clock.advance(0.001)
    assert sleeping.wake(late)
    assert ("late", "Pending", None, []) in sleeping.pods()
    assert sleeping.events("late") == ["Scaled", "FailedScheduling"]
    assert sleeping.woken == [("workload", "late")]


def test_a_number_that_changed_meanwhile_stays_and_nothing_is_made(
    sleeping: SleepingWorkloads,
) -> None:
    change = sleeping.add("model")
    sleeping.engine.while_planning = lambda: _change(sleeping.database, wanted_replicas=3)
    assert not sleeping.wake(change)
    assert sleeping.wanted("model") == 3
    assert sleeping.pods() == []
    assert sleeping.events("model") == []


@pytest.mark.parametrize(
    "columns",
    [
        {"desired_phase": "Deleted"},
        {"desired_phase": "Stopped"},
        {"wanted_replicas": 2},
        {"failure_reason": "CrashLoop", "failure_message": "It ended 8 times."},
    ],
    ids=lambda columns: next(iter(columns)),
)
def test_what_does_not_just_sleep_is_left_alone(
    sleeping: SleepingWorkloads, columns: dict[str, Any]
) -> None:
    change = sleeping.add("model", **columns)
    assert not sleeping.wake(change)
    assert sleeping.wanted("model") == columns.get("wanted_replicas", 0)
    assert sleeping.pods() == []


@pytest.mark.parametrize(
    "columns",
    [
        {"state": "Running", "node_name": "machine", "stop_requested_at": 1.0},
        {
            "state": "Exited",
            "node_name": "machine",
            "exited_at": 1.0,
            "exit_reason": "Error",
            "exit_message": "it exited with code 1",
        },
    ],
    ids=["one is on its way out", "the last one crashed"],
)
def test_what_is_not_plain_is_left_to_reconciling(
    sleeping: SleepingWorkloads, columns: dict[str, Any]
) -> None:
    change = sleeping.add("model")
    sleeping.add_pod("model", **columns)
    before = sleeping.pods()
    assert not sleeping.wake(change)
    assert sleeping.wanted("model") == 0
    assert sleeping.pods() == before


def test_who_lost_the_lease_writes_nothing(sleeping: SleepingWorkloads) -> None:
    change = sleeping.add("model")
    raise_epoch = update(lease).values(epoch=lease.c.epoch + 1)
    sleeping.engine.while_planning = lambda: sleeping.database.write(
        lambda connection: connection.execute(raise_epoch)
    )
    with pytest.raises(LeaseLost):
        sleeping.wake(change)
    assert sleeping.wanted("model") == 0
    assert sleeping.pods() == []


def test_no_device_is_given_twice_to_those_woken_at_the_same_moment(database: Database) -> None:
    sleeping = SleepingWorkloads(database, gpus=1)
    first, second = sleeping.add("first"), sleeping.add("second")
    other = threading.Thread(target=sleeping.wake, args=(second,))

    def start_the_other() -> None:
        other.start()
        # Without turns it would be done before the first one has its place.
        other.join(timeout=0.3)

    sleeping.engine.while_planning = start_the_other
    assert sleeping.wake(first)
    other.join()
    assert sleeping.pods() == [
        ("first", "Placed", "machine", ["gpu-0"]),
        ("second", "Pending", None, []),
    ]


def test_who_waits_already_gets_a_place_by_the_same_plan(sleeping: SleepingWorkloads) -> None:
    sleeping.add("waiting", wanted_replicas=1)
    sleeping.add_pod("waiting")
    assert sleeping.wake(sleeping.add("model"))
    assert [state for _, state, _, _ in sleeping.pods()] == ["Placed", "Placed"]
    assert sorted(sleeping.woken) == [("workload", "model"), ("workload", "waiting")]


def test_a_request_for_what_sleeps_wakes_it(sleeping: SleepingWorkloads) -> None:
    sleeping.add("model")
    scaler = WorkloadAutoscaler(sleeping.around, AutoscalerTimes(), sleeping.awakening.wake)
    scaler.wake("model")
    assert sleeping.pods() == [("model", "Placed", "machine", ["gpu-0"])]
    scaler.wake("model")
    assert len(sleeping.pods()) == 1, "it is awake"


def test_a_request_is_heeded_also_where_it_cannot_be_woken_at_once(
    sleeping: SleepingWorkloads,
) -> None:
    sleeping.add("model")
    sleeping.add_pod("model", state="Running", node_name="machine", stop_requested_at=1.0)
    scaler = WorkloadAutoscaler(sleeping.around, AutoscalerTimes(), sleeping.awakening.wake)
    scaler.wake("model")
    assert sleeping.wanted("model") == 1
    assert sleeping.woken == [("workload", "model")]


def test_of_many_that_wake_together_one_is_woken_at_once_and_the_rest_are_left_to_one_plan(
    sleeping: SleepingWorkloads,
) -> None:
    names = ["first", "second", "third", "later"]
    for name in names:
        sleeping.add(name)
    stop = threading.Event()

    class HeldRequests:
        """A gateway's, of which three are there together."""

        def watch_held(self) -> Iterator[str]:
            yield from names[:3]
            sleeping.clock.advance(1)
            stop.set()
            yield names[3]

    around = replace(sleeping.around, gateway=cast(Gateway, HeldRequests()))
    WorkloadAutoscaler(around, AutoscalerTimes(), sleeping.awakening.wake).watch(stop)
    assert [workload_id for workload_id, *_ in sleeping.pods()] == ["first", "later"]
    assert [sleeping.wanted(name) for name in names] == [1] * 4
    woken = [key for kind, key in sleeping.woken if kind == "workload"]
    assert sorted(woken) == sorted(names)


@pytest.mark.parametrize(
    "columns",
    [
        {"is_autoscaled": False},
        {"desired_phase": "Deleted"},
        {"desired_phase": "Stopped"},
        {"failure_reason": "CrashLoop", "failure_message": "It ended 8 times."},
        {"deleted_at": 1.0},
    ],
    ids=lambda columns: next(iter(columns)),
)
def test_a_request_wakes_nothing_that_is_not_to_run(
    sleeping: SleepingWorkloads, columns: dict[str, Any]
) -> None:
    sleeping.add("model", **columns)
    WorkloadAutoscaler(sleeping.around, AutoscalerTimes(), sleeping.awakening.wake).wake("model")
    assert sleeping.wanted("model") == 0
    assert sleeping.pods() == []
    assert sleeping.woken == []


def test_what_was_just_written_is_not_read_again_but_for_a_moment(
    sleeping: SleepingWorkloads,
) -> None:
    sleeping.add("model")
    on_record = sleeping.on_record("model")
    written = replace(on_record, record=replace(on_record.record, replicas=7))
    reconciler = WorkloadReconciler(sleeping.around)
    reconciler.expect(written)
    assert reconciler._recorded("model") is written
    assert reconciler._recorded("model") == on_record, "once"
    reconciler.expect(written)
    sleeping.clock.advance(0.051)
    assert reconciler._recorded("model") == on_record, "no later than that"
