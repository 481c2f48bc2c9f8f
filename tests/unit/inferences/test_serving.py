"""The serving port: who may call, and how long things may take."""

from typing import Any

import pytest

from tests.unit.inferences.bodies import body, problems, rule_errors


@pytest.mark.parametrize(
    "port",
    [
        {},
        {"protocol": "grpc"},
        {"authorizationType": "public", "authorizedUsers": []},
        {"authorizationType": "authenticatedUsers"},
        {"authorizationType": "authorizedUsers", "authorizedUsers": ["a@example.org"]},
        {"authorizationType": "authorizedGroups", "authorizedGroups": ["team"]},
        {"authorizationType": "authorizedUsersOrGroups", "authorizedUsers": ["a@example.org"]},
        {"authorizationType": "authorizedUsersOrGroups", "authorizedGroups": ["team"]},
    ],
)
def test_takes_what_agrees(port: dict[str, Any]) -> None:
    assert rule_errors(servingPort={"container": 80, **port}) == {}


@pytest.mark.parametrize(
    ("port", "field", "words"),
    [
        ({"container": None}, "container", "is required"),
        (
            {"authorizationType": "authorizedUsersOrGroups"},
            "authorizedUsers",
            "is required",
        ),
        (
            {
                "authorizationType": "authorizedUsersOrGroups",
                "authorizedUsers": ["a"],
                "authorizedGroups": ["b"],
            },
            "authorizedGroups",
            "mutually exclusive",
        ),
        ({"authorizationType": "authorizedUsers"}, "authorizedUsers", "is required"),
        (
            {"authorizationType": "authorizedGroups", "authorizedGroups": []},
            "authorizedGroups",
            "is required",
        ),
        ({"authorizedUsers": ["a"]}, "authorizedUsers", "left out"),
        (
            {"authorizationType": "authenticatedUsers", "authorizedGroups": ["a"]},
            "authorizedGroups",
            "authorizationType is authenticatedUsers",
        ),
        (
            {
                "authorizationType": "authorizedUsers",
                "authorizedUsers": ["a"],
                "authorizedGroups": ["b"],
            },
            "authorizedGroups",
            "left out",
        ),
        (
            {"authorizationType": "authorizedUsers", "authorizedUsers": ["a", ""]},
            "authorizedUsers[1]",
            "must not be empty",
        ),
    ],
)
def test_refuses_what_does_not_agree(port: dict[str, Any], field: str, words: str) -> None:
    found = rule_errors(servingPort={"container": 80, **port})
    assert list(found) == [f"servingPort.{field}"]
    assert words in found[f"servingPort.{field}"]


def test_requires_a_serving_port() -> None:
    assert rule_errors(servingPort=None) == {"servingPort.container": "is required"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("servingPort.container", 0),
        ("servingPort.container", 65536),
        ("servingPort.container", "8000"),
        ("servingPort.protocol", "tcp"),
        ("servingPort.authorizationType", "Public"),
        ("servingPort.authorizedUsers", "a"),
        ("servingPort.clusterLocalAccessOnly", "no"),
        ("servingConfiguration.initializationTimeoutSeconds", 0),
        ("servingConfiguration.requestTimeoutSeconds", 0),
        ("servingConfiguration.requestTimeoutSeconds", 1.5),
    ],
)
def test_refuses_wrong_values(field: str, value: object) -> None:
    group, name = field.split(".")
    assert f"spec.{field}" in problems(body(**{group: {name: value}}))
