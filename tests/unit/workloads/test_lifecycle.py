"""What is done about a workload: creation, back-off, giving up, stopping, and no clock tricks."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from windlass.engines.engine import DeviceShare, ExitReason, ReplicaExit
from windlass.kit.clock import ManualClock, SteadyClock
from windlass.workloads.lifecycle import Decision, Failure, decide, drain_seconds
from windlass.workloads.phases import DesiredPhase
from windlass.workloads.records import Pod, PodState, WorkloadRecord, WorkloadState

NOW = 1_000_000.0
TIMEOUT = 600.0


def record(**changes: Any) -> WorkloadRecord:
    made = WorkloadRecord(
        id="w",
        type="Inference",
        name="model",
        project_id="1",
        project_name="default",
        desired_phase=DesiredPhase.RUNNING,
        revision_id="r",
        replicas=2,
        spec={},
        created_at=NOW - 10,
        phase="Creating",
    )
    return replace(made, **changes)


def pod(name: str, ordinal: int = 0, **changes: Any) -> Pod:
    return replace(Pod(name, "w", "r", ordinal, NOW - 5), **changes)


def running(name: str, ordinal: int = 0, **changes: Any) -> Pod:
    return pod(name, ordinal, state=PodState.RUNNING, node_name="n", started_at=NOW - 5, **changes)


def ended(name: str, reason: ExitReason = ExitReason.ERROR, **changes: Any) -> Pod:
    placed = replace(pod(name, **changes), node_name="n")
    return placed.exited(ReplicaExit(reason, "it ended", NOW - 1))


def ids() -> Callable[[], str]:
    numbers = itertools.count()
    return lambda: f"new-{next(numbers)}"


def decided(state: WorkloadState, now: float = NOW, **options: object) -> Decision:
    return decide(state, now, TIMEOUT, ids(), **options)  # type: ignore[arg-type]


def test_a_new_workload_gets_one_pod_an_ordinal() -> None:
    decision = decided(WorkloadState(record()))
    assert [(item.ordinal, item.state) for item in decision.alive] == [
        (0, PodState.PENDING),
        (1, PodState.PENDING),
    ]
    assert decision.start == ()


def test_deciding_again_about_what_was_decided_changes_nothing() -> None:
    first = decided(WorkloadState(record()))
    again = decided(WorkloadState(record(), alive=first.alive))
    assert again.alive == first.alive
    assert again.ended == ()


def test_a_placed_pod_is_started_and_a_running_one_is_not_started_again() -> None:
    placed = pod("a", 0, state=PodState.PLACED, node_name="n")
    decision = decided(WorkloadState(record(), alive=(placed, running("b", 1))))
    assert decision.start == (placed,)
    assert decision.initializing_at == NOW


def test_a_pod_with_a_back_off_waits_for_it() -> None:
    waiting = pod("a", state=PodState.PLACED, node_name="n", not_before=NOW + 4)
    state = WorkloadState(record(replicas=1, first_running_at=NOW - 100), alive=(waiting,))
    decision = decided(state)
    assert decision.start == ()
    assert decision.look_again_seconds == 4
    assert decided(state, NOW + 4).start == (waiting,)


def test_a_clock_set_back_does_not_stretch_a_back_off() -> None:
    waiting = pod("a", state=PodState.PLACED, node_name="n", not_before=NOW + 3600)
    assert decided(WorkloadState(record(replicas=1), alive=(waiting,))).start == (waiting,)


@pytest.mark.parametrize(("crashes", "seconds"), [(1, 1), (2, 2), (3, 4), (4, 8), (6, 32), (7, 60)])
def test_back_off_doubles_from_one_second_to_sixty(crashes: int, seconds: float) -> None:
    history = tuple(ended(f"e{number}") for number in range(crashes))
    decision = decided(WorkloadState(record(replicas=1), ended=history))
    (created,) = decision.alive
    assert created.not_before == NOW + seconds


def test_eight_starts_without_readiness_are_given_up() -> None:
    history = tuple(ended(f"e{number}") for number in range(8))
    decision = decided(WorkloadState(record(replicas=1), ended=history))
    assert decision.failure is not None
    assert decision.failure.reason == "CrashLoop"
    assert "it ended" in decision.failure.message
    assert decision.alive == ()


def test_starts_that_we_ended_or_lost_do_not_count_against_it() -> None:
    history = (
        *(ended(f"s{number}", ExitReason.STOPPED) for number in range(5)),
        *(ended(f"l{number}", ExitReason.LOST) for number in range(5)),
        *(ended(f"e{number}") for number in range(7)),
    )
    assert decided(WorkloadState(record(replicas=1), ended=history)).failure is None


def test_after_the_first_readiness_restarts_have_no_end() -> None:
    history = tuple(ended(f"e{number}") for number in range(30))
    state = WorkloadState(record(replicas=1, first_running_at=NOW - 50), ended=history)
    decision = decided(state)
    assert decision.failure is None
    assert decision.alive[0].not_before == NOW + 60


def test_having_been_ready_for_long_starts_the_back_off_anew() -> None:
    stable = ended("s", first_ready_at=NOW - 100, last_ready_at=NOW - 1)
    history = (stable, *(ended(f"e{number}") for number in range(5)))
    decision = decided(WorkloadState(record(replicas=1, first_running_at=1.0), ended=history))
    assert decision.alive[0].not_before == NOW + 1


def test_a_pod_whose_supervisor_died_is_started_again_at_once() -> None:
    lost = ended("l", ExitReason.LOST)
    decision = decided(WorkloadState(record(replicas=1), ended=(lost,)))
    assert decision.alive[0].not_before is None


def test_the_next_start_takes_over_the_place_of_the_one_that_just_ended() -> None:
    share = DeviceShare("GPU-0", 0.5, 40)
    crashed = ended("e", devices=(share,))
    taken = decided(WorkloadState(record(replicas=1), ended=(crashed,)), just_ended={"e"})
    assert taken.alive[0].node_name == "n"
    assert taken.alive[0].devices == (share,)
    later = decided(WorkloadState(record(replicas=1), ended=(crashed,)))
    assert later.alive[0].node_name is None


def test_not_ready_in_time_is_given_up_and_until_then_looked_at_again() -> None:
    starting = running("a")
    state = WorkloadState(record(replicas=1, initializing_at=NOW), alive=(starting,))
    early = decided(state, NOW + TIMEOUT - 1)
    assert early.failure is None
    assert early.look_again_seconds == 1
    late = decided(state, NOW + TIMEOUT)
    assert late.failure is not None
    assert late.failure.reason == "InitializationTimeout"
    assert [item.is_stopping for item in late.alive] == [True]


@pytest.mark.parametrize("reason", [ExitReason.STOPPED, ExitReason.LOST])
def test_time_that_the_platform_was_down_does_not_count_as_initialization(
    reason: ExitReason,
) -> None:
    state = WorkloadState(
        record(replicas=1, initializing_at=NOW - 9999), ended=(ended("e", reason),)
    )
    decision = decided(state, just_ended={"e"})
    assert decision.failure is None
    assert decision.initializing_at == NOW


def test_time_between_crashes_counts_as_initialization() -> None:
    state = WorkloadState(record(replicas=1, initializing_at=NOW - 9999), ended=(ended("e"),))
    assert decided(state, just_ended={"e"}).failure is not None


def test_once_it_has_run_the_initialization_time_out_is_over() -> None:
    state = WorkloadState(
        record(replicas=1, initializing_at=NOW - 9999, first_running_at=NOW - 9000),
        alive=(running("a"),),
    )
    assert decided(state).failure is None


def test_a_failed_workload_stays_failed_and_starts_nothing() -> None:
    failed = record(failure_reason="CrashLoop", failure_message="because")
    decision = decided(WorkloadState(failed))
    assert decision.alive == ()
    assert decision.failure is not None
    assert decision.events == ()


def test_only_ready_wanted_pods_are_endpoints() -> None:
    ready = running("a", 0, ready=True, host="127.0.0.1", port=1, first_ready_at=NOW)
    unready = running("b", 1)
    stopping = running("c", 0, ready=True, stop_requested_at=NOW - 1, first_ready_at=NOW)
    decision = decided(WorkloadState(record(), alive=(ready, unready, stopping)))
    assert decision.endpoints == (ready,)
    assert decision.draining == (stopping,)


def test_deletion_stops_what_runs_and_ends_what_never_started() -> None:
    waiting, alive = pod("a", 0), running("b", 1)
    state = WorkloadState(record(desired_phase=DesiredPhase.DELETED), alive=(waiting, alive))
    decision = decided(state)
    assert [item.id for item in decision.ended] == ["a"]
    assert [(item.id, item.stop_requested_at) for item in decision.alive] == [("b", NOW)]
    assert decision.start == ()


def test_of_two_pods_with_one_ordinal_the_older_stays() -> None:
    older = running("older", created_at=NOW - 9)
    newer = running("newer", created_at=NOW - 3)
    decision = decided(WorkloadState(record(replicas=1), alive=(newer, older)))
    assert [item.id for item in decision.alive if not item.is_stopping] == ["older"]
    assert [item.id for item in decision.alive if item.is_stopping] == ["newer"]


@pytest.mark.parametrize("jump", [86_400.0, -86_400.0])
def test_setting_the_machines_time_neither_fails_nor_delays_anything(jump: float) -> None:
    machine = ManualClock(NOW)
    steady = SteadyClock(machine)
    waiting = pod("p", state=PodState.PLACED, node_name="n", not_before=NOW + 30)
    state = WorkloadState(record(replicas=1, initializing_at=NOW), alive=(waiting,))
    machine.jump(jump)
    machine.advance(10)
    early = decided(state, steady.now())
    assert early.failure is None
    assert not early.start
    assert early.look_again_seconds == pytest.approx(20)
    machine.advance(20)
    assert [item.id for item in decided(state, steady.now()).start] == ["p"]
    machine.advance(TIMEOUT - 30)
    assert decided(state, steady.now()).failure is not None


def test_scaling_down_keeps_what_serves() -> None:
    pods = (
        running("crashing", 0),
        running("serving", 1, ready=True, first_ready_at=NOW - 3),
        pod("waiting", 2),
    )
    decision = decided(WorkloadState(record(replicas=1, first_running_at=NOW - 9), alive=pods))
    assert [item.id for item in decision.endpoints] == ["serving"]
    assert [item.id for item in decision.alive] == ["serving", "crashing"]
    assert [item.id for item in decision.ended] == ["waiting"]
    assert [item.id for item in decision.draining] == ["crashing"], "it may be ready by now"


def test_requests_may_reach_what_runs_as_soon_as_it_is_ready() -> None:
    pods = (running("ready", 0, ready=True), running("boots", 1), pod("waiting", 2))
    decision = decided(WorkloadState(record(replicas=3), alive=pods))
    assert [item.id for item in decision.endpoints] == ["ready"]
    assert [item.id for item in decision.starting] == ["boots"]


def test_scaling_to_zero_takes_every_replica_out_and_lets_it_drain() -> None:
    last = running("last", 0, ready=True, first_ready_at=NOW - 3)
    decision = decided(WorkloadState(record(replicas=0, first_running_at=NOW - 9), alive=(last,)))
    assert decision.endpoints == ()
    assert [item.id for item in decision.draining] == ["last"]
    assert decision.draining[0].stop_requested_at == NOW


def test_scaling_up_takes_the_lowest_free_ordinals() -> None:
    kept = running("kept", 1, ready=True)
    decision = decided(WorkloadState(record(replicas=3, first_running_at=NOW - 9), alive=(kept,)))
    assert sorted(item.ordinal for item in decision.alive) == [0, 1, 2]


def test_a_woken_workload_whose_replicas_only_crash_says_so_and_is_not_given_up() -> None:
    history = tuple(ended(f"e{number}") for number in range(8))
    state = WorkloadState(record(replicas=1, first_running_at=NOW - 50), ended=history)
    decision = decided(state)
    assert decision.failure is None
    assert decision.crash_loop is not None
    assert decision.crash_loop.reason == "CrashLoop"


@pytest.mark.parametrize("reason", [ExitReason.STOPPED, ExitReason.LOST])
def test_a_start_that_was_ready_ends_the_row_of_those_that_crashed(reason: ExitReason) -> None:
    served = ended("served", reason, first_ready_at=NOW - 4, last_ready_at=NOW - 2)
    crashes = [ended(f"e{number}") for number in range(8)]
    history = (*crashes[:4], served, *crashes[4:])
    woken = record(replicas=1, first_running_at=NOW - 99)
    assert decided(WorkloadState(woken, ended=history)).crash_loop is None


def test_only_where_all_of_it_ends_do_requests_in_flight_end_before_their_time_out() -> None:
    deleted = record(desired_phase=DesiredPhase.DELETED, delete_requested_at=NOW)
    crashed = Failure("CrashLoop", "because")
    assert drain_seconds(record(), None, 300, NOW) == 300
    assert drain_seconds(record(), None, 5, NOW) == 30
    assert drain_seconds(deleted, None, 300, NOW) == 30
    assert drain_seconds(deleted, None, 300, NOW - 100) == 130
    assert drain_seconds(deleted, None, 300, NOW - 290) == 300
    assert drain_seconds(record(), crashed, 300, NOW) == 30


@pytest.mark.parametrize("reason", [ExitReason.STOPPED, ExitReason.LOST])
def test_what_crashed_before_it_slept_may_do_better_when_it_wakes(reason: ExitReason) -> None:
    crashes = [ended(f"e{number}") for number in range(8)]
    woken = record(replicas=1, first_running_at=NOW - 99)
    assert decided(WorkloadState(woken, ended=tuple(crashes))).crash_loop is not None
    decision = decided(WorkloadState(woken, ended=(ended("since", reason), *crashes)))
    assert decision.crash_loop is None
    again = WorkloadState(woken, ended=(ended("again"), ended("since", reason), *crashes))
    assert decided(again).crash_loop is not None
