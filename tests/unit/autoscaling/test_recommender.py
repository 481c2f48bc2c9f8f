"""What averages and ready replicas lead to, before bounds.

Cases marked "published" have the numbers of Knative Serving v0.50,
`pkg/autoscaler/scaling/autoscaler_test.go`; the others follow from the same rules.
"""

from dataclasses import replace

import pytest

from windlass.autoscaling import Reason, Recommendation, Settings, Target
from windlass.autoscaling.recommender import Recommender
from windlass.autoscaling.windows import Averages


def published(target: float, burst: float) -> Settings:
    """As in the published cases: rates of ten, and three quarters of a replica aimed at."""
    return Settings(
        target=Target(target, target / 0.75),
        target_burst_capacity=burst,
        max_scale_up_rate=10,
        max_scale_down_rate=10,
    )


DEFAULTS = Settings(target=Target(70, 100))


def recommend(settings: Settings, ready: int, stable: float, panic: float) -> Recommendation:
    """What a fresh autoscaler says."""
    return Recommender(0, 0).recommend(Averages(stable, panic), ready, settings, 0)


@pytest.mark.parametrize(
    ("settings", "ready", "stable", "panic", "desired", "excess"),
    [
        pytest.param(published(10, 100), 1, 0, 0, 0, -87, id="no traffic"),
        pytest.param(published(181, -1), 1, 21, 26, 1, -1, id="unlimited burst"),
        pytest.param(published(10, 0), 1, 50, 49, 5, 0, id="no burst"),
        pytest.param(published(10, 100), 1, 50, 50, 5, -137, id="up"),
        pytest.param(published(10, 100), 5, 50, 50, 5, -84, id="no change"),
        pytest.param(published(10, 98), 8, 50, 50, 5, -42, id="down"),
        pytest.param(
            replace(published(1, 1982), max_scale_up_rate=1.1),
            2,
            3,
            3.1,
            3,
            -1983,
            id="low up rate",
        ),
        pytest.param(
            replace(published(10, 1982), max_scale_down_rate=1.1),
            *(100, 1, 1, 90, -650),
            id="low down rate",
        ),
        pytest.param(
            replace(published(10, 1982), max_scale_down_rate=1.1, reachable=False),
            *(100, 1, 1, 1, -650),
            id="unreachable",
        ),
        pytest.param(published(10, 84), 1, 50, 100, 10, -171, id="panic"),
        pytest.param(published(10, 81), 0, 1000, 888, 10, -969, id="none ready counts as one"),
        pytest.param(published(10, 61), 100, 1, 1, 10, 1272, id="limited down"),
        pytest.param(published(10, 61), 1, 1000, 1001, 10, -1049, id="limited up"),
        pytest.param(replace(published(10, 75), activation_scale=2), 1, 0, 0, 0, -62, id="asleep"),
        pytest.param(replace(published(10, 75), activation_scale=2), 1, 1, 0, 2, -62, id="awake"),
    ],
)
def test_published_decisions(
    settings: Settings, ready: int, stable: float, panic: float, desired: int, excess: int
) -> None:
    found = recommend(settings, ready, stable, panic)
    assert found.desired == desired
    assert found.excess_burst_capacity == pytest.approx(excess, abs=1)


@pytest.mark.parametrize(
    ("settings", "ready", "average", "desired", "excess", "reason"),
    [
        (DEFAULTS, 1, 0, 0, -111, Reason.STABLE_WINDOW),
        (DEFAULTS, 1, 70, 1, -181, Reason.STABLE_WINDOW),
        (DEFAULTS, 1, 70.1, 2, -182, Reason.PANIC),
        (DEFAULTS, 2, 139, 2, -150, Reason.STABLE_WINDOW),
        (DEFAULTS, 10, 0, 5, 789, Reason.MAX_SCALE_DOWN_RATE),
        (DEFAULTS, 7, 0, 3, 489, Reason.MAX_SCALE_DOWN_RATE),
        (replace(DEFAULTS, reachable=False), 10, 0, 0, 789, Reason.STABLE_WINDOW),
        (DEFAULTS, 1, 1e6, 1000, -1000111, Reason.MAX_SCALE_UP_RATE),
        (replace(DEFAULTS, target_burst_capacity=-1), 3, 30, 1, -1, Reason.STABLE_WINDOW),
        (DEFAULTS, 4, 10, 2, 179, Reason.MAX_SCALE_DOWN_RATE),
        (replace(DEFAULTS, activation_scale=3), 1, 5, 3, -116, Reason.ACTIVATION_SCALE),
        (replace(DEFAULTS, activation_scale=3), 1, 0, 0, -111, Reason.STABLE_WINDOW),
        (replace(DEFAULTS, target=Target(0.7, 1)), 1, 3, 5, -213, Reason.PANIC),
    ],
)
def test_decisions_with_default_settings_and_their_reasons(
    settings: Settings, ready: int, average: float, desired: int, excess: int, reason: Reason
) -> None:
    found = recommend(settings, ready, average, average)
    assert (found.desired, found.excess_burst_capacity, found.reason) == (desired, excess, reason)


def test_activation_scale_outdoes_the_scale_up_rate() -> None:
    settings = replace(published(10, 0), max_scale_up_rate=2, activation_scale=7)
    assert recommend(settings, 1, 1, 1).desired == 7


Step = tuple[float, int, float, float, int]
"""Second, ready replicas, stable average, panic average, and what is desired."""


@pytest.mark.parametrize(
    ("settings", "ready_at_start", "steps"),
    [
        pytest.param(
            published(1, 98),
            1,
            [(0, 10, 11, 25, 25), (30, 40, 30, 41, 41), (62, 55, 50, 56, 50)],
            id="panic ends after a slow increase (published)",
        ),
        pytest.param(
            published(1, 98),
            1,
            [(0, 10, 11, 25, 25), (30, 40, 30, 80, 80), (90, 80, 30, 30, 80), (92, 80, 30, 30, 30)],
            id="a new peak prolongs panic (published)",
        ),
        pytest.param(
            published(10, 93),
            1,
            [(0, 1, 100, 100, 10), (0, 10, 100, 1000, 100), (30, 10, 1, 1, 100), (61, 10, 1, 1, 1)],
            id="nothing shrinks in panic (published)",
        ),
        pytest.param(
            published(1, 101),
            1,
            [
                (0, 1, 6, 6, 6),
                (0, 6, 36, 36, 36),
                (1, 36, 216, 216, 216),
                (2, 1296, 1296, 1296, 1296),
            ],
            id="growing by six each time (published)",
        ),
        pytest.param(
            published(1, 100), 5, [(5, 5, 50, 30, 50)], id="stable above panic (published)"
        ),
        pytest.param(
            published(1, 100), 5, [(5, 5, 20, 30, 30)], id="panic above stable (published)"
        ),
        pytest.param(
            DEFAULTS,
            1,
            [
                (0, 1, 10, 0, 1),
                (2, 1, 20, 150, 3),
                (4, 3, 40, 200, 3),
                (62, 3, 50, 50, 3),
                (64, 3, 50, 50, 1),
            ],
            id="panic lasts more than a stable window",
        ),
        pytest.param(
            DEFAULTS,
            2,
            [(0, 2, 0, 0, 2), (60, 2, 0, 0, 2), (61, 2, 0, 0, 1)],
            id="begun in panic beside two",
        ),
        pytest.param(DEFAULTS, 1, [(0, 1, 0, 0, 0)], id="not begun in panic beside one"),
        pytest.param(
            DEFAULTS,
            5,
            [(0, 5, 0, 0, 5), (61, 5, 0, 0, 2), (62, 1, 140, 140, 2)],
            id="an earlier peak is forgotten",
        ),
    ],
)
def test_panic_mode(settings: Settings, ready_at_start: int, steps: list[Step]) -> None:
    recommender = Recommender(ready_at_start, 0)
    for now, ready, stable, panic, desired in steps:
        found = recommender.recommend(Averages(stable, panic), ready, settings, now)
        assert found.desired == desired, now


@pytest.mark.parametrize(
    ("delay_s", "steps"),
    [
        pytest.param(300, [(2, 40, 4), (300, 0, 4), (302, 0, 0)], id="simple (published)"),
        pytest.param(
            300,
            [(540, 40, 4), (600, 30, 4), (660, 0, 4), (840, 0, 3), (900, 0, 0)],
            id="gradual (published)",
        ),
        pytest.param(0, [(0, 40, 4), (0.5, 20, 2)], id="none (published)"),
        pytest.param(2, [(0, 40, 4), (0.5, 20, 4), (2, 20, 2)], id="one slot keeps its greatest"),
        pytest.param(10, [(0, 40, 4), (4, 80, 8), (13, 0, 8), (14, 0, 0)], id="up at once"),
        pytest.param(3, [(0, 40, 4), (2, 0, 4), (4, 0, 0)], id="rounded up to whole slots"),
    ],
)
def test_scale_down_delay(delay_s: int, steps: list[tuple[float, float, int]]) -> None:
    settings = replace(published(10, 0), panic_threshold=100, scale_down_delay_s=delay_s)
    recommender = Recommender(0, 0)
    for now, average, desired in steps:
        found = recommender.recommend(Averages(average, average), 0, settings, now)
        assert found.desired == desired, now
        assert (found.reason is Reason.SCALE_DOWN_DELAY) == (desired > average / 10), now


def test_nothing_delays_a_revision_that_no_route_leads_to() -> None:
    settings = replace(published(10, 0), panic_threshold=100, scale_down_delay_s=300)
    recommender = Recommender(0, 0)
    assert recommender.recommend(Averages(40, 40), 0, settings, 2).desired == 4
    assert recommender.recommend(Averages(0, 0), 0, settings, 60).desired == 4
    unreachable = replace(settings, reachable=False)
    assert recommender.recommend(Averages(0, 0), 0, unreachable, 62).desired == 0


def test_published_change_of_the_target() -> None:
    recommender = Recommender(1, 0)
    averages = Averages(100, 101)
    assert recommender.recommend(averages, 1, published(10, 77), 0).desired == 10
    assert recommender.recommend(averages, 10, published(1, 71), 0).desired == 100


def test_a_recommendation_tells_the_numbers_behind_it() -> None:
    assert recommend(DEFAULTS, 2, 200, 300) == Recommendation(
        desired=5,
        reason=Reason.PANIC,
        stable_average=200,
        panic_average=300,
        stable_replicas=3,
        panic_replicas=5,
        ready=2,
        target=70,
        panicking=True,
        excess_burst_capacity=200 - 211 - 300,
    )
