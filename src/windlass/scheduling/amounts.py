"""Amounts of what queues share: (GPU millionths, CPU millicores, memory bytes)."""

from math import inf

from windlass.scheduling.quantities import Resource

Amounts = tuple[int, int, int]
"""Of GPU, CPU and memory, in this order."""

Bounds = tuple[float, float, float]
"""Like `Amounts`, where infinity is unlimited."""

SHARED_RESOURCES = (Resource.GPU, Resource.CPU, Resource.MEMORY)
"""The resources that queues share, in the order of `Amounts`."""

NOTHING: Amounts = (0, 0, 0)


def plus(left: Amounts, right: Amounts) -> Amounts:
    """The sum."""
    return left[0] + right[0], left[1] + right[1], left[2] + right[2]


def minus(left: Amounts, right: Amounts) -> Amounts:
    """The difference."""
    return left[0] - right[0], left[1] - right[1], left[2] - right[2]


def within(amounts: Amounts, bounds: Bounds | Amounts) -> bool:
    """Whether no resource is above its bound."""
    return amounts[0] <= bounds[0] and amounts[1] <= bounds[1] and amounts[2] <= bounds[2]


def bound(value: int | None) -> float:
    """A bound of a quota as a number: None is infinity."""
    return inf if value is None else value
