"""Past usage, decayed."""

import pytest

from windlass.scheduling import UsageSample, decayed_usage

DAY = 24 * 3600.0


def test_usage_is_the_part_of_the_capacity_over_the_window() -> None:
    samples = [UsageSample(start=0.0, seconds=DAY, amount=4.0)]
    assert decayed_usage(samples, now=DAY, capacity=8.0, window=DAY) == pytest.approx(0.5)
    assert decayed_usage(samples, now=DAY, capacity=8.0, window=2 * DAY) == pytest.approx(0.25)


def test_what_is_older_than_the_window_does_not_count() -> None:
    samples = [UsageSample(start=0.0, seconds=2 * DAY, amount=4.0)]
    assert decayed_usage(samples, now=2 * DAY, capacity=8.0, window=DAY) == pytest.approx(0.5)
    assert decayed_usage(samples, now=4 * DAY, capacity=8.0, window=DAY) == 0.0


def test_with_a_half_life_recent_usage_counts_more() -> None:
    recent = [UsageSample(start=DAY, seconds=DAY, amount=8.0)]
    old = [UsageSample(start=0.0, seconds=DAY, amount=8.0)]
    words = {"now": 2 * DAY, "capacity": 8.0, "window": 2 * DAY, "half_life": DAY}
    assert decayed_usage(recent, **words) == pytest.approx(2 / 3)
    assert decayed_usage(old, **words) == pytest.approx(1 / 3)


def test_no_capacity_means_no_usage() -> None:
    assert decayed_usage([UsageSample(0.0, 1.0, 1.0)], now=1.0, capacity=0.0) == 0.0
