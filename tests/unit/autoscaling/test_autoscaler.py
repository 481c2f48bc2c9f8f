"""The autoscaler as its users see it: traffic over time, and how many replicas there are."""

import math
from dataclasses import replace

import pytest

from tests.unit.autoscaling.revision import Revision
from windlass.autoscaling import Autoscaler, Metric, Reason, Settings, resolve_target

SLEEPY = Settings(target=resolve_target(Metric.CONCURRENCY, 10), min_scale=0, max_scale=20)


def asleep(settings: Settings = SLEEPY) -> Revision:
    """A revision that has scaled to zero."""
    return Revision(Autoscaler(settings, 0, running=0, initialized=True))


def serving(settings: Settings = SLEEPY, replicas: int = 1) -> Revision:
    """A revision whose replicas are all ready, beside an autoscaler that has just begun."""
    autoscaler = Autoscaler(settings, 0, ready=replicas, running=replicas, initialized=True)
    return Revision(autoscaler, boot_s=0, ready=replicas)


def test_from_zero_to_many_and_back() -> None:
    revision = asleep()
    revision.play([0] * 10 + [60] * 120 + [0] * 200)
    changes = revision.replicas()
    assert list(changes.items())[:4] == [(2, 0), (12, 3), (14, 6), (16, math.ceil(60 / 7))]
    assert list(changes.values())[4:] == [8, 7, 6, 5, 4, 3, 2, 1, 0]
    assert list(changes)[-1] == 130 + 60 + 30


def test_the_last_replica_goes_ninety_seconds_after_the_last_request() -> None:
    revision = serving()
    revision.play([3] * 100 + [0] * 200)
    assert revision.replicas() == {2: 1, 190: 0}


def test_a_longer_retention_adds_to_the_window() -> None:
    revision = serving(replace(SLEEPY, scale_to_zero_retention_s=100))
    revision.play([3] * 100 + [0] * 200)
    assert revision.replicas() == {2: 1, 260: 0}


def test_a_minimum_keeps_replicas_without_traffic() -> None:
    revision = serving(replace(SLEEPY, min_scale=2, initial_scale=2), replicas=5)
    revision.play([0] * 300)
    assert list(revision.replicas().values()) == [5, 2]
    assert revision.decisions[-1][1].reason is Reason.MIN_SCALE


def test_a_maximum_holds_whatever_comes() -> None:
    revision = serving()
    revision.play([1e9] * 10)
    assert revision.autoscaler.replicas == 20
    assert revision.decisions[-1][1].reason is Reason.MAX_SCALE


def test_a_single_request_wakes_as_many_as_the_activation_scale() -> None:
    revision = asleep(replace(SLEEPY, activation_scale=4))
    revision.play([0] * 60 + [1, 1])
    assert revision.autoscaler.replicas == 4
    assert revision.decisions[-1][1].reason is Reason.ACTIVATION_SCALE


def test_a_woken_replica_is_kept_when_its_caller_goes_away_before_it_is_ready() -> None:
    revision = asleep()
    revision.boot_s = 10_000
    revision.play([0] * 60 + [1] + [0] * 600)
    assert revision.autoscaler.replicas == 1
    assert revision.decisions[-1][1].reason is Reason.ACTIVATING
    revision.play([0] * 100)
    assert revision.autoscaler.replicas == 0
    given_up = [at for at, made in revision.decisions if made.reason is Reason.ACTIVATION_TIMEOUT]
    assert given_up == [62 + 630]
    revision.play([1] + [0] * 500)
    assert revision.autoscaler.replicas == 1


def test_a_new_revision_keeps_its_initial_scale_until_that_was_ready_once() -> None:
    revision = Revision(Autoscaler(replace(SLEEPY, initial_scale=6), 0), boot_s=100)
    assert revision.autoscaler.replicas == 6
    revision.play([1] * 100)
    assert revision.autoscaler.replicas == 6
    assert revision.decisions[-1][1].reason is Reason.INITIAL_SCALE
    revision.play([1] * 10)
    assert list(revision.replicas().values()) == [6, 3, 1]


def test_a_new_revision_begins_with_one_replica_and_waits_for_it() -> None:
    revision = Revision(Autoscaler(SLEEPY, 0), boot_s=100)
    assert revision.autoscaler.replicas == 1
    revision.play([0] * 100)
    assert revision.replicas() == {2: 1}


def test_an_initial_scale_that_was_ready_once_does_not_count_again() -> None:
    settings = replace(SLEEPY, initial_scale=6)
    blind, seeing = Autoscaler(settings, 0), Autoscaler(settings, 0)
    seeing.record(0.1, 1)
    for autoscaler in (blind, seeing):
        autoscaler.decide(2, 6)
        autoscaler.record(0.1, 3)
        assert [autoscaler.decide(now, 0).replicas for now in (4, 6, 8)] == [1, 1, 1]


def test_a_new_revision_can_begin_asleep() -> None:
    revision = Revision(Autoscaler(replace(SLEEPY, initial_scale=0), 0))
    revision.play([None] * 10 + [0] * 10)
    assert revision.replicas() == {2: 0}
    revision.play([1, 1])
    assert revision.autoscaler.replicas == 1


def test_without_data_the_number_stays_and_the_decision_is_not_valid() -> None:
    revision = serving(replicas=3)
    revision.play([None] * 300)
    assert {made.replicas for _, made in revision.decisions} == {3}
    assert {made.reason for _, made in revision.decisions} == {Reason.NO_DATA}
    assert not any(made.valid for _, made in revision.decisions)


def test_without_data_the_number_follows_changed_bounds() -> None:
    autoscaler = serving(replicas=3).autoscaler
    autoscaler.update(replace(SLEEPY, max_scale=2))
    decision = autoscaler.decide(2, 3)
    assert (decision.replicas, decision.reason, decision.valid) == (2, Reason.MAX_SCALE, False)
    autoscaler.update(replace(SLEEPY, min_scale=4))
    decision = autoscaler.decide(4, 2)
    assert (decision.replicas, decision.reason, decision.valid) == (4, Reason.MIN_SCALE, False)


def test_after_an_outage_while_asleep_a_woken_replica_has_its_full_time() -> None:
    revision = asleep()
    revision.boot_s = 10_000
    revision.play([None] * 1000 + [1] + [0] * 600)
    assert revision.autoscaler.replicas == 1


def test_after_an_outage_of_the_measurement_silence_has_to_be_seen_anew() -> None:
    revision = serving()
    revision.play([5] * 100 + [None] * 100)
    revision.play([0] * 200)
    assert revision.replicas() == {2: 1, 290: 0}


def test_a_restart_takes_no_replica_away_before_it_has_seen_enough() -> None:
    revision = serving(replicas=8)
    revision.play([0.1] * 60)
    assert revision.replicas() == {2: 8}
    revision.play([0.1] * 30)
    assert revision.autoscaler.replicas == 1


def test_a_restart_with_one_replica_watches_a_whole_window() -> None:
    revision = serving()
    revision.play([0] * 100)
    assert revision.replicas() == {2: 1, 90: 0}


def test_a_restart_while_replicas_start_waits_for_them() -> None:
    revision = Revision(Autoscaler(SLEEPY, 0, ready=0, running=3, initialized=True), boot_s=60)
    revision.play([0] * 60)
    assert revision.replicas() == {2: 3}


def test_other_settings_count_from_the_next_decision_on() -> None:
    revision = serving()
    revision.play([21] * 60)
    assert revision.autoscaler.replicas == 3
    revision.autoscaler.update(replace(SLEEPY, min_scale=5, max_scale=7, initial_scale=5))
    assert revision.autoscaler.decide(60, 3).replicas == 5
    revision.autoscaler.update(replace(SLEEPY, max_scale=2))
    assert revision.autoscaler.decide(60, 3).replicas == 2


def test_shorter_windows_count_from_the_next_decision_on() -> None:
    revision = serving()
    revision.play([0] * 50 + [6] * 9 + [12])
    before = revision.autoscaler.decide(60, 1).recommendation
    revision.autoscaler.update(replace(SLEEPY, stable_window_s=10))
    after = revision.autoscaler.decide(60, 1).recommendation
    assert before is not None
    assert after is not None
    assert (before.stable_average, before.panic_average) == (1.1, 7)
    assert (after.stable_average, after.panic_average) == (6.6, 12)


def test_a_revision_without_a_route_goes_within_the_grace_period() -> None:
    revision = serving(replace(SLEEPY, min_scale=3, initial_scale=3), replicas=10)
    revision.play([0] * 100)
    assert revision.autoscaler.replicas == 3
    revision.autoscaler.update(
        replace(SLEEPY, reachable=False, scale_to_zero_retention_s=3600, scale_down_delay_s=600)
    )
    revision.play([0] * 40)
    assert [(at, replicas) for at, replicas in revision.replicas().items() if at > 100] == [
        (102, 1),
        (132, 0),
    ]


def test_throughput_is_counted_in_requests_a_second() -> None:
    settings = replace(SLEEPY, target=resolve_target(Metric.THROUGHPUT, 100))
    revision = serving(settings)
    revision.play([200] * 60)
    assert revision.autoscaler.replicas == math.ceil(200 / 70)


def test_a_step_of_load_is_answered_within_two_ticks() -> None:
    settings = replace(SLEEPY, target=resolve_target(Metric.CONCURRENCY, 10))
    revision = serving(settings)
    revision.play([1] * 60)
    revision.play([200] * 10)
    changes = revision.replicas()
    assert min(at for at, replicas in changes.items() if replicas > 1) <= 64
    assert min(at for at, replicas in changes.items() if replicas == 20) <= 70


def test_fewer_ready_replicas_than_none_are_refused() -> None:
    with pytest.raises(ValueError, match="fewer than none"):
        Autoscaler(SLEEPY, 0).decide(0, -1)
