"""What was seen of a workload over time, as a chart for the terminal."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

WIDTH = 60
_BLOCKS = " ▁▂▃▄▅▆▇█"


@dataclass(frozen=True, slots=True)
class Moment:
    """One look at a workload."""

    seconds: float
    """Since the first look."""
    ready: int
    wanted: int
    most: int
    requests_per_second: float
    held: int


def chart(moments: Sequence[Moment]) -> Iterator[str]:
    """Lines: replicas wanted and ready, requests a second and requests held, over time."""
    yield from _row("wanted", moments, lambda each: each.wanted)
    yield from _row("ready", moments, lambda each: each.ready)
    yield from _row("requests/s", moments, lambda each: each.requests_per_second)
    yield from _row("held", moments, lambda each: each.held)
    end = f"{moments[-1].seconds:.0f} s"
    width = len(_columns(moments))
    yield f"{'':<12}0 s{end:>{max(0, width - 3)}}"


def _row(name: str, moments: Sequence[Moment], value: Callable[[Moment], float]) -> Iterator[str]:
    """Each column is the most that was seen in its time."""
    values = [max(value(each) for each in column) for column in _columns(moments)]
    top = max(values)
    bars = "".join(_block(each, top) for each in values)
    yield f"{name:<12}{bars}  at most {top:.0f}"


def _columns(moments: Sequence[Moment]) -> list[Sequence[Moment]]:
    count = min(WIDTH, len(moments))
    bounds = [number * len(moments) // count for number in range(count + 1)]
    return [moments[start:end] for start, end in itertools.pairwise(bounds)]


def _block(value: float, top: float) -> str:
    if not value:
        return _BLOCKS[0]
    return _BLOCKS[max(1, round(value / top * (len(_BLOCKS) - 1)))]
