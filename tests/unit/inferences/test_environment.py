"""Environment variables: their names, and exactly one source for each."""

from typing import Any

import pytest

from tests.unit.inferences.bodies import rule_errors, spec
from windlass.engines.engine import EnvironmentVariable
from windlass.spec.environment import environment_of


@pytest.mark.parametrize(
    "variable",
    [
        None,
        {"name": "A", "value": ""},
        {"name": "a.b-c_D1", "value": "$(HOME)\n"},
        {"name": "A", "value": None, "secret": {"name": "s", "key": "k"}},
        {"name": "A", "configMap": {"name": "c", "key": "k"}},
        {"name": "A", "userCredential": {"name": "c", "key": "k"}},
        {"name": "A", "podFieldRef": {"path": "status.podIP"}},
        {"name": "A", "exclude": True},
        {"name": "A", "value": "x", "exclude": False, "description": "what for"},
    ],
)
def test_takes_one_source(variable: dict[str, Any] | None) -> None:
    assert rule_errors(environmentVariables=[variable]) == {}


@pytest.mark.parametrize(
    ("variable", "field", "words"),
    [
        ({"value": "x"}, "name", "is required"),
        ({"exclude": True}, "name", "is required"),
        ({"name": "A"}, "value", "is required, or one of"),
        ({"name": "1A", "value": "x"}, "name", "start with a digit"),
        ({"name": "A=B", "value": "x"}, "name", "letters"),
        ({"name": "A B", "value": "x"}, "name", "letters"),
        ({"name": "A\n", "value": "x"}, "name", "letters"),
        ({"name": "PORT", "value": "80"}, "name", "PORT"),
        ({"name": "PORT", "exclude": True}, "name", "PORT"),
        (
            {"name": "A", "value": "x", "podFieldRef": {"path": "p"}},
            "podFieldRef",
            "exactly one source",
        ),
        ({"name": "A", "value": "x", "exclude": True}, "value", "exclude"),
        ({"name": "A", "secret": {"name": "s"}}, "secret.key", "is required"),
        ({"name": "A", "configMap": {"key": "s"}}, "configMap.name", "is required"),
        ({"name": "A", "podFieldRef": {}}, "podFieldRef.path", "is required"),
    ],
)
def test_refuses_bad_names_and_sources(variable: dict[str, Any], field: str, words: str) -> None:
    found = rule_errors(environmentVariables=[None, variable])
    assert list(found) == [f"environmentVariables[1].{field}"]
    assert words in found[f"environmentVariables[1].{field}"]


def test_refuses_a_name_given_twice_naming_the_first() -> None:
    variables = [{"name": "A", "value": "1"}, None, {"name": "A", "exclude": True}]
    assert rule_errors(environmentVariables=variables) == {
        "environmentVariables[2].name": "is given twice; entry 0 has the same name"
    }


def test_keeps_the_order_for_the_engine() -> None:
    variables = [
        {"name": "B", "value": "$(A)"},
        None,
        {"name": "A", "value": ""},
        {"name": "C", "exclude": True},
    ]
    assert environment_of(spec(environmentVariables=variables).environment_variables) == (
        EnvironmentVariable("B", "$(A)"),
        EnvironmentVariable("A", ""),
        EnvironmentVariable("C", exclude=True),
    )
