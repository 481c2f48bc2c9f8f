"""What a workload's autoscaler makes of measurements, and how its decisions read."""

import itertools
from dataclasses import replace

import pytest

from windlass.gateway.measurement import Measurement
from windlass.workloads.scalers import MetricScaler, RequestScaler, Standing
from windlass.workloads.scaling import AutoscalerTimes, Scaling

TIMES = AutoscalerTimes(stable_window_seconds=6, scale_to_zero_grace_seconds=0)
BY_CONCURRENCY = Scaling(0, 8, metric="concurrency", threshold=10, utilization_percentage=70)
BY_LATENCY = Scaling(1, 8, metric="latency", threshold=200)
RUNNING, ASLEEP = Standing(1, 1, has_run=True), Standing(0, 0, has_run=True)


def measured(concurrency: float = 0.0, seconds: float = 1.0, **known: float) -> Measurement:
    return Measurement(
        seconds=seconds,
        requests_per_second=known.get("rate", 0.0),
        concurrency=concurrency,
        latency_ms=known.get("latency_ms"),
        answered=int(known.get("answered", 0)),
        in_flight=int(known.get("in_flight", 0)),
        held=int(known.get("held", 0)),
        waited_seconds=known.get("waited_seconds", 0.0),
    )


def test_concurrency_over_the_target_makes_more_replicas_and_says_by_which_numbers() -> None:
    scaler = RequestScaler(BY_CONCURRENCY, TIMES, RUNNING, 100.0)
    scaler.observe(measured(23.5), 101.0)
    wanted = scaler.decide(RUNNING, 102.0)
    assert wanted.replicas == 4
    assert "23.5 requests in flight" in wanted.because
    assert "7 for each replica" in wanted.because


def test_throughput_counts_requests_a_second() -> None:
    scaling = Scaling(1, 9, metric="throughput", threshold=10, utilization_percentage=100)
    scaler = RequestScaler(scaling, TIMES, RUNNING, 100.0)
    scaler.observe(measured(concurrency=500.0, rate=41.0), 101.0)
    assert scaler.decide(RUNNING, 102.0).replicas == 5


def test_the_first_request_wakes_at_once_and_counts_once() -> None:
    scaling = Scaling(0, 8, metric="concurrency", threshold=1, utilization_percentage=100)
    scaler = RequestScaler(scaling, TIMES, ASLEEP, 100.0)
    for second in range(101, 110):
        scaler.observe(measured(), second)
    scaler.request_came(109.5)
    assert scaler.decide(ASLEEP, 109.5).replicas == 1
    # The one request waits on, through each of the next seconds.
    for second in range(110, 114):
        scaler.observe(measured(1.0), second)
    assert scaler.decide(Standing(1, 1, has_run=True), 114.0).replicas == 1


def test_a_second_without_a_reading_is_no_second_without_traffic() -> None:
    scaler = RequestScaler(BY_CONCURRENCY, TIMES, RUNNING, 100.0)
    scaler.observe(measured(14.0), 101.0)
    scaler.observe(measured(14.0, seconds=4.0), 105.0)
    assert scaler.decide(RUNNING, 105.5).replicas == 2


def test_what_was_woken_has_the_time_it_may_take_to_be_ready_though_nobody_waits_any_more() -> None:
    slow = replace(BY_CONCURRENCY, initialization_timeout_seconds=1800)
    starting = Standing(0, 1, has_run=True)
    scaler = RequestScaler(slow, TIMES, ASLEEP, 100.0)
    scaler.request_came(100.5)
    assert scaler.decide(ASLEEP, 100.5).replicas == 1
    wanted = {}
    for second in range(101, 2000):
        scaler.observe(measured(), second)
        wanted[second] = scaler.decide(starting, second + 0.5).replicas
    assert wanted[1900] == 1
    assert wanted[1999] == 0


def test_silence_takes_the_last_replica_after_the_window() -> None:
    scaler = RequestScaler(BY_CONCURRENCY, TIMES, RUNNING, 100.0)
    scaler.observe(measured(1.0), 101.0)
    found = []
    for second in itertools.count(102):
        scaler.observe(measured(), second)
        found.append(scaler.decide(RUNNING, second).replicas)
        if found[-1] == 0 or second > 200:
            break
    assert found[-1] == 0
    assert 5 <= len(found) <= 14


def test_latency_is_the_mean_of_the_requests_answered_since_the_last_decision() -> None:
    scaler = MetricScaler(BY_LATENCY, TIMES, RUNNING, 0.0)
    scaler.observe(measured(latency_ms=100.0, answered=30))
    scaler.observe(measured(latency_ms=500.0, answered=10))
    assert scaler.take_latency() == pytest.approx(200.0)
    scaler.observe(measured())
    assert scaler.take_latency() == 0.0


@pytest.mark.parametrize("unanswered", [{"in_flight": 1}, {"held": 1}])
def test_by_throughput_too_the_last_replica_stays_until_nobody_waits(
    unanswered: dict[str, float],
) -> None:
    scaling = Scaling(0, 8, metric="throughput", threshold=1, utilization_percentage=1)
    scaler = RequestScaler(scaling, TIMES, RUNNING, 100.0)
    scaler.observe(measured(rate=1.0, **unanswered), 101.0)
    for second in range(102, 400):
        scaler.observe(measured(**unanswered), second)
        if second > 110:
            assert scaler.decide(RUNNING, second + 0.5).replicas == 1
    for second in range(400, 420):
        scaler.observe(measured(), second)
        found = scaler.decide(RUNNING, second + 0.5).replicas
    assert found == 0


def test_numbers_are_told_without_an_exponent() -> None:
    scaling = Scaling(0, 8, metric="throughput", threshold=1, utilization_percentage=100)
    scaler = RequestScaler(scaling, AutoscalerTimes(stable_window_seconds=3600), RUNNING, 0.0)
    for second in range(1, 3600):
        scaler.observe(measured(), second)
    scaler.observe(measured(in_flight=1), 3600.0)
    told = scaler.decide(Standing(4, 4, has_run=True), 3600.5).because
    assert told.startswith("0.000003 requests a second"), told


def test_what_was_not_measured_is_no_silence() -> None:
    scaler = MetricScaler(BY_LATENCY, TIMES, RUNNING, 0.0)
    assert scaler.take_latency() is None
    scaler.observe(measured())
    assert scaler.take_latency() == 0.0
    assert scaler.take_latency() is None


def test_where_replicas_are_limited_the_queue_is_part_of_the_latency() -> None:
    limited = Scaling(1, 8, metric="latency", threshold=200, concurrency_limit=1)
    queueing = measured(latency_ms=100.0, answered=10, held=9, waited_seconds=9.0)
    scaler = MetricScaler(limited, TIMES, RUNNING, 0.0)
    scaler.observe(queueing)
    assert scaler.take_latency() == pytest.approx(1000.0)
    # Elsewhere nothing waits but for a replica that has yet to run.
    scaler = MetricScaler(BY_LATENCY, TIMES, RUNNING, 0.0)
    scaler.observe(queueing)
    assert scaler.take_latency() == pytest.approx(100.0)


def test_requests_that_wait_for_their_answer_leave_the_latency_unknown() -> None:
    scaler = MetricScaler(BY_LATENCY, TIMES, RUNNING, 0.0)
    scaler.observe(measured(in_flight=3))
    assert scaler.take_latency() is None
    assert "no replica tells latency" in scaler.decide([None], RUNNING, 15.0).because


def test_latency_twice_the_threshold_doubles_the_replicas() -> None:
    scaler = MetricScaler(BY_LATENCY, TIMES, Standing(2, 2, has_run=True), 0.0)
    wanted = scaler.decide([410.0, 390.0], Standing(2, 2, has_run=True), 15.0)
    assert wanted.replicas == 4
    assert "latency is 400" in wanted.because


def test_a_jump_beyond_the_bound_is_told_by_the_average_that_asked_for_it() -> None:
    times = AutoscalerTimes(stable_window_seconds=60)
    scaler = RequestScaler(BY_CONCURRENCY, times, RUNNING, 100.0)
    for second in range(101, 160):
        scaler.observe(measured(1), float(second))
        scaler.decide(RUNNING, second + 0.5)
    scaler.observe(measured(480), 160.0)
    wanted = scaler.decide(RUNNING, 160.5)
    assert wanted.replicas == 8
    # A mean of 9 over a minute would not explain eight replicas of 7 each.
    assert wanted.because == (
        "80.8 requests in flight on the average of up to 6 s, 7 for each replica;"
        " maxReplicas is the most"
    )
