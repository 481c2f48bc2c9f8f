"""Lengths of time as text."""

import pytest

from windlass.kit.durations import InvalidDuration, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("5d8h40m", 463200),
        ("+1h30m", 5400),
        ("1.5s", 1.5),
        ("1w", 604800),
        ("250ms", 0.25),
        ("1µs1μs2us", 4e-6),
        ("0s", 0),
    ],
)
def test_durations_are_read(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text", ["", "5", "s", "-1s", "1s ", "1 s", "1x", "1.s", ".5s", "1h-1m", "99999w", "１s"]
)
def test_other_text_is_refused(text: str) -> None:
    with pytest.raises(InvalidDuration):
        parse_duration(text)
