"""The chart of what was seen of a workload."""

from examples.timeline import WIDTH, Moment, chart


def _rows(*moments: Moment) -> dict[str, str]:
    """What is drawn, by name."""
    return {line[:12].strip(): line[12:].partition("  at most")[0] for line in chart(moments)}


def test_what_nobody_told_is_a_gap_and_no_zero() -> None:
    rows = _rows(
        Moment(0.0, ready=1, wanted=1, most=2, requests_per_second=None, held=None),
        Moment(0.5, ready=1, wanted=2, most=2, requests_per_second=0.0, held=0),
        Moment(1.0),
        Moment(1.5, ready=2, wanted=2, most=2, requests_per_second=8.0, held=4),
    )
    assert rows["wanted"] == "▄█?█"
    assert rows["ready"] == "▄▄?█"
    assert rows["requests/s"] == "? ?█"
    assert rows["held"] == "? ?█"


def test_each_column_is_the_most_that_was_known_of_its_time() -> None:
    moments = [Moment(number / 2, ready=1, wanted=1, most=1, held=number) for number in range(119)]
    rows = _rows(*moments, Moment(59.5))
    assert len(rows["ready"]) == WIDTH
    assert set(rows["ready"]) == {"█"}
    assert rows["held"][-1] == "█"
    assert set(rows["requests/s"]) == {"?"}
