"""Past usage, decayed."""

import pytest

from windlass.scheduling import UsageSample, decayed_usage

DAY = 24 * 3600.0


def test_usage_is_the_part_of_the_capacity_over_the_window() -> None:
    samples = [UsageSample(start=0.0, seconds=DAY, amount=4.0)]
    assert decayed_usage(samples, now=DAY, capacity=8.0, window=DAY) == pytest.approx(0.5)
    assert decayed_usage(samples, now=DAY, capacity=8.0, window=2 * DAY) == pytest.approx(0.25)


def test_the_example_of_kais_documentation() -> None:
    """24 GPU-hours in ten hours of ten GPUs count 0.24, however they were used."""
    hour = 3600.0
    words = {"now": 10 * hour, "capacity": 10.0, "window": 10 * hour}
    eight = [UsageSample(start=0.0, seconds=3 * hour, amount=8.0)]
    twelve = [UsageSample(start=5 * hour, seconds=2 * hour, amount=12.0)]
    assert decayed_usage(eight, **words) == pytest.approx(0.24)
    assert decayed_usage(twelve, **words) == pytest.approx(0.24)


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
