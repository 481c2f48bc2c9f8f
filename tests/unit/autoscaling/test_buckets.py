"""Averages over the last seconds.

The numbers of the cases marked so are those of Knative Serving v0.50,
`pkg/autoscaler/aggregation/bucketing_test.go`.
"""

import math
from collections.abc import Sequence

import pytest

from windlass.autoscaling import LARGEST_SAMPLE, Aggregation
from windlass.autoscaling.buckets import Buckets, smoothing_coefficient, weighted_average

LINEAR = Aggregation.LINEAR
WEIGHTED = Aggregation.WEIGHTED_EXPONENTIAL


def filled(
    samples: Sequence[tuple[float, float]], window_s: int = 5, aggregation: Aggregation = LINEAR
) -> Buckets:
    """Buckets with `samples`, each a time and a value, in this order."""
    buckets = Buckets(window_s, aggregation)
    for at, sample in samples:
        buckets.record(sample, at)
    return buckets


ONE_TO_FIVE = [(second, second + 1) for second in range(5)]


@pytest.mark.parametrize(
    ("samples", "now", "average"),
    [
        pytest.param([(0, 1)], 0, 1, id="youth shortens the window (published)"),
        pytest.param(ONE_TO_FIVE, 4, 3, id="full (published)"),
        pytest.param(ONE_TO_FIVE, 3.6, 3, id="asked before the last sample (published)"),
        pytest.param(ONE_TO_FIVE, 6, 12 / 3, id="silence shortens the window (published)"),
        pytest.param(ONE_TO_FIVE, 10, 0, id="long silence (published)"),
        pytest.param(ONE_TO_FIVE, 9, 0, id="silence for exactly a window"),
        pytest.param([*ONE_TO_FIVE, (6, 91)], 6, 103 / 5, id="a hole is zero (published)"),
        pytest.param([*ONE_TO_FIVE, (8, 2)], 8, 7 / 5, id="a longer hole (published)"),
        pytest.param([*ONE_TO_FIVE, (60, 1984)], 60, 1984, id="begun anew (published)"),
        pytest.param([*ONE_TO_FIVE, (9, 10)], 9, 10, id="begun anew after a window (published)"),
        pytest.param([(60, 1984), (57, 4)], 60, 1988 / 4, id="late (published)"),
        pytest.param([(60, 1984), (57, 4), (61, 5)], 61, 1993 / 5, id="late, then on (published)"),
        pytest.param(
            [(60, 1984), (57, 4), (61, 5), (58, 10), (55, 9), (56, 9)],
            61,
            2003 / 5,
            id="too late is left out (published)",
        ),
        pytest.param(
            [(second, 5) for second in range(8, -1, -1)], 5, 5, id="backwards (published)"
        ),
        pytest.param([(0, 1), (0.1, 10), (1, 1), (3, 1)], 3, 13 / 4, id="same second adds up"),
        pytest.param([(0, 1), (1, 0), (2, 0)], 2, 0.333333, id="to six decimals"),
    ],
)
def test_linear_average(samples: Sequence[tuple[float, float]], now: float, average: float) -> None:
    assert filled(samples).average(now) == pytest.approx(average, abs=1e-12)


@pytest.mark.parametrize(
    ("buckets", "coefficient"), [(100, 0.2), (60, 0.2), (40, 0.20567), (6, 0.78456)]
)
def test_published_smoothing_coefficients(buckets: int, coefficient: float) -> None:
    assert smoothing_coefficient(buckets) == pytest.approx(coefficient, abs=1e-5)


def test_published_weighted_averages() -> None:
    assert weighted_average([10, 10, 5, 5], 0, 0.6) == pytest.approx(5.544)
    assert weighted_average([5, 5, 10, 10], 0, 0.6) == pytest.approx(9.072)
    six = [(second, second + 1.0) for second in range(6)]
    assert filled(six, aggregation=WEIGHTED).average(5) == pytest.approx(5.812, abs=5e-4)


def test_each_silent_second_makes_the_weighted_average_smaller() -> None:
    coefficient = smoothing_coefficient(5)
    buckets = filled([(0, 2)], aggregation=WEIGHTED)
    for second in range(5):
        expected = 2 * coefficient * (1 - coefficient) ** second
        assert buckets.average(second) == pytest.approx(expected)
    assert buckets.average(5) == 0


def test_a_weighted_average_asked_for_the_past_is_that_of_the_last_sample() -> None:
    buckets = filled(ONE_TO_FIVE, aggregation=WEIGHTED)
    assert buckets.average(2) == buckets.average(4)


def test_buckets_are_empty_once_more_than_a_window_is_silent() -> None:
    assert Buckets(5, LINEAR).is_empty(0)
    buckets = filled([(10, 3)])
    assert not buckets.is_empty(15.9)
    assert buckets.is_empty(16)


def test_a_smaller_window_keeps_the_newest_and_a_larger_one_all() -> None:
    buckets = filled(ONE_TO_FIVE)
    buckets.resize(2, LINEAR)
    assert buckets.average(4) == (4 + 5) / 2
    buckets.resize(10, LINEAR)
    buckets.record(6, 5)
    assert buckets.average(5) == (4 + 5 + 6) / 3


def test_another_aggregation_goes_by_the_same_buckets() -> None:
    buckets = filled(ONE_TO_FIVE)
    buckets.resize(5, WEIGHTED)
    assert buckets.average(4) == weighted_average([1, 2, 3, 4, 5], 0, smoothing_coefficient(5))


@pytest.mark.parametrize("sample", [-0.001, math.nan, math.inf, LARGEST_SAMPLE * 2])
def test_what_cannot_be_a_sample_is_refused_and_leaves_no_trace(sample: float) -> None:
    buckets = filled([(0, 1)])
    with pytest.raises(ValueError, match="a sample must be from 0 to"):
        buckets.record(sample, 1)
    assert buckets.average(1) == 1
