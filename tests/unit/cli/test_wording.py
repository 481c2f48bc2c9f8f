"""Times, sizes and amounts as people read them."""

import pytest

from windlass.cli.wording import age, bounds, byte_size, compute, duration


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-3, "0s"),
        (59.9, "59s"),
        (60, "1m"),
        (200, "3m 20s"),
        (3600, "1h"),
        (5 * 3600 + 125, "5h 2m"),
        (12 * 86400 + 4 * 3600 + 5, "12d 4h"),
    ],
)
def test_a_duration_has_two_units_at_most(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_an_age_is_counted_from_a_time_of_the_wire() -> None:
    assert age("1970-01-01T00:01:00.000Z", 100) == "40s"
    assert age(None, 100) == ""


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (8 * 1024**3, "8 GiB"), (2**60, "1024 PiB")],
)
def test_a_size_is_in_the_greatest_unit(count: int, text: str) -> None:
    assert byte_size(count) == text


@pytest.mark.parametrize(
    ("request_", "limit", "text"),
    [
        (None, None, ""),
        (0.5, None, "0.5"),
        (0.5, 2, "0.5, at most 2"),
        (None, "1Gi", "at most 1Gi"),
        (1, 1, "1"),
    ],
)
def test_request_and_limit_are_one_phrase(
    request_: float | None, limit: float | str | None, text: str
) -> None:
    assert bounds(request_, limit) == text


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({}, ""),
        ({"gpuDevicesRequest": 2}, "GPU 2"),
        (
            {"gpuDevicesRequest": 1, "gpuRequestType": "portion", "gpuPortionRequest": 0.5},
            "GPU 1 × 0.5 of a device",
        ),
        (
            {"gpuDevicesRequest": 1, "gpuRequestType": "memory", "gpuMemoryRequest": "10G"},
            "GPU 1 × 10G of memory",
        ),
        ({"cpuCoreRequest": 0.25, "cpuMemoryLimit": "1Gi"}, "CPU cores 0.25; memory at most 1Gi"),
    ],
)
def test_compute_is_one_line(fields: dict[str, object], text: str) -> None:
    assert compute(fields) == text
