"""How much a workload matters to the scheduler: category, priority class, preemptibility.

Values and defaults: the vendor's documentation of workload priority control.
"""

from collections.abc import Iterator
from typing import Literal

from windlass.kit.errors import FieldError

Preemptibility = Literal["preemptible", "non-preemptible"]

PRIORITY_CLASSES = {
    "very-low": 25,
    "low": 40,
    "medium-low": 65,
    "medium": 80,
    "medium-high": 90,
    "high": 125,
    "very-high": 150,
}
"""Every class with its value; a higher one goes first within a project."""

CATEGORIES = {"Build": "high", "Train": "low", "Deploy": "very-high"}
"""Every category with the class that its workloads have unless they say otherwise."""

LOWEST_NON_PREEMPTIBLE = 100
"""Classes from this value on are non-preemptible unless the workload says otherwise."""


def priority_errors(
    category: str | None, priority_class: str | None, path: str
) -> Iterator[FieldError]:
    """Names that do not exist."""
    for field, name, known in (
        ("category", category, CATEGORIES),
        ("priorityClass", priority_class, PRIORITY_CLASSES),
    ):
        if name is not None and name not in known:
            yield FieldError(f"{path}.{field}", f"must be one of {', '.join(known)}")


def is_preemptible(priority_class: str, preemptibility: Preemptibility | None) -> bool:
    """Whether other work may take its place: as it says, else by its class."""
    if preemptibility is not None:
        return preemptibility == "preemptible"
    return PRIORITY_CLASSES[priority_class] < LOWEST_NON_PREEMPTIBLE
