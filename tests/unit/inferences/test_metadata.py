"""Labels and annotations by the syntax of Kubernetes; names of inferences."""

import re
from typing import Any

import pytest

from tests.unit.inferences.bodies import body, problems, rule_errors
from windlass.workloads.addresses import Named
from windlass.workloads.inferences.naming import name_errors, with_random_suffix


@pytest.mark.parametrize(
    "label",
    [
        {"name": "team"},
        {"name": "example.org/team", "value": ""},
        {"name": "A.b_c-9", "value": "a" * 63},
        {"name": "team", "value": "1.0_a-B"},
    ],
)
def test_takes_labels_that_kubernetes_takes(label: dict[str, Any]) -> None:
    assert rule_errors(labels=[None, label], annotations=[label]) == {}


@pytest.mark.parametrize(
    "name",
    ["-a", "a-", "a b", "/a", "a/", "Example.org/a", "a_b/c", "a//b", "a\n", "é", "a..b/c"],
)
def test_refuses_names_that_kubernetes_refuses(name: str) -> None:
    found = rule_errors(labels=[{"name": name}], annotations=[{"name": name}])
    assert set(found) == {"labels[0].name", "annotations[0].name"}


@pytest.mark.parametrize("value", ["-a", "a b", "a" * 64, "a/b", "a\n"])
def test_refuses_label_values_that_kubernetes_refuses(value: str) -> None:
    items = [{"name": "a", "value": value}]
    assert set(rule_errors(labels=items, annotations=items)) == {"labels[0].value"}


def test_refuses_names_given_twice_and_missing() -> None:
    items = [{"name": "a"}, {"name": "a"}, {"value": "x"}]
    assert rule_errors(labels=items) == {
        "labels[1].name": "is given twice; entry 0 has the same name",
        "labels[2].name": "is required",
    }


def test_refuses_more_annotation_text_than_kubernetes_keeps() -> None:
    items = [{"name": f"a{index}", "value": "x" * 100_000} for index in range(3)]
    assert "262144" in rule_errors(annotations=items)["annotations"]


def test_refuses_names_longer_than_published() -> None:
    found = problems(body(labels=[{"name": "a" * 64}]))
    assert found["spec.labels[0].name"] == "must be at most 63 characters long"


@pytest.mark.parametrize("name", ["a", "digits", "a-1-b", "a" * 63])
def test_takes_names_that_are_a_dns_label(name: str) -> None:
    assert name_errors(name) == []


@pytest.mark.parametrize(
    "name", ["1a", "A", "a_b", "a.b", "-a", "a-", "a b", "a\n", "é", "", "a" * 64]
)
def test_refuses_names_that_are_no_dns_label(name: str) -> None:
    assert [error.path for error in name_errors(name)] == ["name"]


def first_label(name: str) -> str:
    return Named(name, "vision").host("example.org").partition(".")[0]


def test_a_name_leaves_room_for_its_project_in_the_host_name() -> None:
    longest = "a" * (63 - len("-runai-vision"))
    assert name_errors(longest, "vision") == []
    assert len(first_label(longest)) == 63
    [error] = name_errors(f"{longest}a", "vision")
    assert "at most 50 characters" in error.problem
    assert "-runai-vision" in error.problem


def test_a_prefix_leaves_room_for_its_suffix_too() -> None:
    longest = "a" * (63 - len("-runai-vision") - 6)
    assert name_errors(longest, "vision", is_prefix=True) == []
    assert len(first_label(with_random_suffix(longest))) == 63
    [error] = name_errors(f"{longest}a", "vision", is_prefix=True)
    assert "suffix" in error.problem


def test_a_name_made_of_a_prefix_is_a_dns_label_of_its_own() -> None:
    names = {with_random_suffix("digits") for _ in range(20)}
    assert len(names) == 20
    assert all(re.fullmatch(r"digits-[a-z0-9]{5}", name) for name in names)


def test_names_are_checked_with_the_body() -> None:
    assert "name" in problems({**body(), "name": "Digits"})
    assert "name" in problems({**body(), "name": "a" * 60, "useGivenNameAsPrefix": True})
