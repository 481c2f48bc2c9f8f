"""Categories, priority classes and preemptibility, as the vendor documents them."""

import pytest

from tests.unit.inferences.bodies import body, problems, rule_errors, spec
from windlass.workloads.inferences.desired import desired_of


@pytest.mark.parametrize(
    ("fields", "priority_class", "value", "preemptible"),
    [
        ({}, "very-high", 150, False),
        ({"category": "Deploy"}, "very-high", 150, False),
        ({"category": "Train"}, "low", 40, True),
        ({"category": "Build"}, "high", 125, False),
        ({"category": "Train", "priorityClass": "high"}, "high", 125, False),
        ({"priorityClass": "very-low"}, "very-low", 25, True),
        ({"priorityClass": "medium-low"}, "medium-low", 65, True),
        ({"priorityClass": "medium"}, "medium", 80, True),
        ({"priorityClass": "medium-high"}, "medium-high", 90, True),
        ({"preemptibility": "preemptible"}, "very-high", 150, True),
        ({"priorityClass": "low", "preemptibility": "non-preemptible"}, "low", 40, False),
    ],
)
def test_class_follows_category_and_preemptibility_the_class(
    fields: dict[str, str], priority_class: str, value: int, preemptible: bool
) -> None:
    desired = desired_of(spec(**fields))
    assert (desired.priority_class, desired.priority, desired.preemptible) == (
        priority_class,
        value,
        preemptible,
    )


def test_unknown_names_are_refused_with_the_list() -> None:
    assert rule_errors(category="deploy", priorityClass="inference") == {
        "category": "must be one of Build, Train, Deploy",
        "priorityClass": "must be one of very-low, low, medium-low, medium, medium-high, high,"
        " very-high",
    }
    assert "preemptible" in problems(body(preemptibility="never"))["spec.preemptibility"]
