"""What holds for every traffic and every setting."""

import math
import random
from dataclasses import replace
from itertools import chain, pairwise, repeat

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.autoscaling.revision import Revision
from windlass.autoscaling import (
    LARGEST_SAMPLE,
    TICK_S,
    Aggregation,
    Autoscaler,
    Decision,
    Reason,
    Settings,
    Target,
)

Traffic = list[float | None]

EXAMPLES = settings(
    max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)


@st.composite
def any_settings(draw: st.DrawFn) -> Settings:
    least = draw(st.integers(0, 5))
    most = draw(st.none() | st.integers(max(least, 1), 40))
    limit = 40 if most is None else most
    value = draw(st.floats(0.01, 100))
    return Settings(
        target=Target(value, value / draw(st.floats(0.01, 1))),
        min_scale=least,
        max_scale=most,
        initial_scale=draw(st.integers(0, limit)),
        activation_scale=draw(st.integers(1, limit)),
        stable_window_s=draw(st.integers(6, 90)),
        panic_window_percentage=draw(st.floats(1, 100)),
        panic_threshold=draw(st.floats(1.1, 10)),
        max_scale_up_rate=draw(st.floats(1.1, 1000)),
        max_scale_down_rate=draw(st.floats(1.1, 1000)),
        scale_down_delay_s=draw(st.sampled_from([0, 1, 20, 100])),
        scale_to_zero_grace_s=draw(st.sampled_from([0, 30])),
        scale_to_zero_retention_s=draw(st.sampled_from([0, 10, 60])),
        target_burst_capacity=draw(st.sampled_from([-1, 0, 211])),
        aggregation=draw(st.sampled_from(Aggregation)),
        reachable=draw(st.booleans()),
    )


def traffic(samples: st.SearchStrategy[float | None]) -> st.SearchStrategy[Traffic]:
    """Stretches of one and the same sample."""
    stretch = st.builds(repeat, samples, st.integers(1, 100))
    return st.lists(stretch, max_size=6).map(chain.from_iterable).map(list)


ANY_TRAFFIC = traffic(st.none() | st.just(0.0) | st.floats(0, 1000) | st.floats(0, LARGEST_SAMPLE))
SPARSE_TRAFFIC = traffic(st.sampled_from([0.0, 0.0, 0.0, None, 0.5, 30.0]))


@EXAMPLES
@given(asked=any_settings(), traffic=ANY_TRAFFIC, running=st.none() | st.integers(0, 50))
def test_bounds_hold_and_numbers_are_numbers(
    asked: Settings, traffic: Traffic, running: int | None
) -> None:
    ready = running or 0
    revision = Revision(Autoscaler(asked, 0, ready=ready, running=running), ready=ready)
    revision.play(traffic)
    for _, decision in revision.decisions:
        assert_sound(decision, asked)


def assert_sound(decision: Decision, asked: Settings) -> None:
    least = asked.min_scale if asked.reachable else 0
    assert decision.replicas >= least
    assert asked.max_scale is None or decision.replicas <= asked.max_scale
    found = decision.recommendation
    if found is None:
        return
    assert found.desired >= 0
    assert math.isfinite(found.stable_average)
    assert math.isfinite(found.panic_average)
    assert found.stable_average >= 0
    assert found.panic_average >= 0


@EXAMPLES
@given(asked=any_settings(), running=st.integers(0, 50), seconds=st.integers(2, 300))
def test_no_data_changes_nothing_but_for_the_bounds(
    asked: Settings, running: int, seconds: int
) -> None:
    autoscaler = Autoscaler(asked, 0, ready=running, running=running, initialized=True)
    bounded = autoscaler.replicas
    revision = Revision(autoscaler, ready=running)
    revision.play([None] * seconds)
    for _, decision in revision.decisions:
        assert not decision.valid
        assert decision.replicas == bounded


@EXAMPLES
@given(asked=any_settings(), traffic=SPARSE_TRAFFIC, replicas=st.integers(0, 3))
def test_the_last_replica_goes_only_after_a_quiet_window_and_its_period(
    asked: Settings, traffic: Traffic, replicas: int
) -> None:
    asked = replace(asked, min_scale=0, reachable=True, aggregation=Aggregation.LINEAR)
    autoscaler = Autoscaler(asked, 0, ready=replicas, running=replicas, initialized=True)
    revision = Revision(autoscaler, ready=replicas)
    revision.play([*traffic, *[0.0] * 200])
    period = max(asked.scale_to_zero_grace_s, asked.scale_to_zero_retention_s)
    running = replicas
    for at, decision in revision.decisions:
        if running > 0 and decision.replicas == 0:
            quiet_since = at - asked.stable_window_s - period
            assert decision.reason is Reason.NO_TRAFFIC
            assert quiet_since >= 0
            seen = [traffic[second - 1] for second in range(1, at + 1) if second <= len(traffic)]
            assert not any(seen[int(quiet_since) :])
        running = decision.replicas


@EXAMPLES
@given(asked=any_settings(), traffic=SPARSE_TRAFFIC)
def test_whoever_waits_while_nothing_runs_is_answered_at_the_next_tick(
    asked: Settings, traffic: Traffic
) -> None:
    asked = replace(asked, min_scale=0, aggregation=Aggregation.LINEAR)
    revision = Revision(Autoscaler(asked, 0, running=0, initialized=True))
    revision.play(traffic)
    revision.play([1.0] * TICK_S)
    assert revision.autoscaler.replicas > 0


@EXAMPLES
@given(
    asked=any_settings(),
    seconds=st.lists(st.lists(st.integers(0, 50), max_size=4), min_size=1, max_size=40),
    shuffle=st.randoms(use_true_random=False),
)
def test_the_order_of_samples_within_a_second_does_not_matter(
    asked: Settings, seconds: list[list[int]], shuffle: random.Random
) -> None:
    first, second = (Autoscaler(asked, 0, ready=1, running=1) for _ in range(2))
    for at, samples in enumerate(seconds):
        for sample in samples:
            first.record(sample, at)
        for sample in shuffle.sample(samples, len(samples)):
            second.record(sample, at + 0.9)
        assert first.decide(at, 1) == second.decide(at, 1)


@EXAMPLES
@given(asked=any_settings(), traffic=ANY_TRAFFIC)
def test_nothing_shrinks_in_panic(asked: Settings, traffic: Traffic) -> None:
    asked = replace(asked, scale_down_delay_s=0)
    revision = Revision(Autoscaler(asked, 0))
    revision.play(traffic)
    recommendations = [made.recommendation for _, made in revision.decisions]
    for before, after in pairwise(recommendations):
        if before is not None and after is not None and before.panicking and after.panicking:
            assert after.desired >= before.desired


@EXAMPLES
@given(asked=any_settings(), traffic=ANY_TRAFFIC, more=st.floats(0, 1000))
def test_more_traffic_never_wants_fewer(asked: Settings, traffic: Traffic, more: float) -> None:
    quiet, busy = (Autoscaler(asked, 0, ready=2, running=2) for _ in range(2))
    for at, sample in enumerate(traffic):
        if sample is not None:
            quiet.record(min(sample, 1e6), at)
            busy.record(min(sample, 1e6) + more, at)
        if at % TICK_S == 0:
            less, greater = quiet.decide(at, 2).recommendation, busy.decide(at, 2).recommendation
            assert (less is None) == (greater is None)
            assert less is None or greater is None or less.desired <= greater.desired
