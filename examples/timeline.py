"""What was seen of a workload over time, as a chart for the terminal."""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

WIDTH = 60
_BLOCKS = " ▁▂▃▄▅▆▇█"
_UNKNOWN = "?"


@dataclass(frozen=True, slots=True)
class Moment:
    """One look at a workload; None is what was not told."""

    seconds: float
    """Since the first look."""
    ready: int | None = None
    wanted: int | None = None
    most: int | None = None
    requests_per_second: float | None = None
    held: int | None = None


def chart(moments: Sequence[Moment]) -> Iterator[str]:
    """Lines: replicas wanted and ready, requests a second and requests held, over time; a `?` where
    nobody told."""
    yield from _row("wanted", moments, lambda each: each.wanted)
    yield from _row("ready", moments, lambda each: each.ready)
    yield from _row("requests/s", moments, lambda each: each.requests_per_second)
    yield from _row("held", moments, lambda each: each.held)
    end = f"{moments[-1].seconds:.0f} s"
    width = len(_columns(moments))
    yield f"{'':<12}0 s{end:>{max(0, width - 3)}}"


def _row(
    name: str, moments: Sequence[Moment], value: Callable[[Moment], float | None]
) -> Iterator[str]:
    """Each column is the most that was seen in its time."""
    values = [_most(value(each) for each in column) for column in _columns(moments)]
    top = _most(values) or 0
    bars = "".join(_block(each, top) for each in values)
    yield f"{name:<12}{bars}  at most {top:.0f}"


def _columns(moments: Sequence[Moment]) -> list[Sequence[Moment]]:
    count = min(WIDTH, len(moments))
    bounds = [number * len(moments) // count for number in range(count + 1)]
    return [moments[start:end] for start, end in itertools.pairwise(bounds)]


def _most(values: Iterable[float | None]) -> float | None:
    """None where none is known."""
    return max((value for value in values if value is not None), default=None)


def _block(value: float | None, top: float) -> str:
    if value is None:
        return _UNKNOWN
    if not value:
        return _BLOCKS[0]
    return _BLOCKS[max(1, round(value / top * (len(_BLOCKS) - 1)))]
