"""What callers are told about bodies that do not fit a model."""

import json
from typing import Annotated, Any, Literal

import pytest
from jsonschema import Draft202012Validator
from pydantic import BaseModel, ConfigDict, Field

from windlass.kit.bodies import body_schema, parse_body, validate_soundest
from windlass.kit.errors import BadRequest


class Part(BaseModel):
    model_config = ConfigDict(strict=True)

    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    kind: Literal["small", "large"] | None = None


class Whole(BaseModel):
    model_config = ConfigDict(strict=True)

    name: Annotated[str, Field(min_length=1, max_length=5)]
    share: float | None = None
    wanted: bool | None = None
    parts: list[Part] | None = None


def problems(body: dict[str, Any]) -> list[str]:
    with pytest.raises(BadRequest) as refused:
        parse_body(Whole, json.dumps(body).encode())
    details = refused.value.details
    return [refused.value.message, *(details.split("\n") if details else ())]


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({}, "name: is required"),
        ({"name": None}, "name: must be a string, not null"),
        ({"name": 7}, "name: must be a string, not a number"),
        ({"name": ""}, "name: must not be empty"),
        ({"name": "longer"}, "name: must be at most 5 characters long"),
        ({"name": "a", "share": "1"}, "share: must be a number, not a string"),
        ({"name": "a", "share": True}, "share: must be a number, not a boolean"),
        ({"name": "a", "wanted": 1}, "wanted: must be true or false, not a number"),
        ({"name": "a", "wanted": "yes"}, "wanted: must be true or false, not a string"),
        ({"name": "a", "parts": {}}, "parts: must be a list, not an object"),
        ({"name": "a", "parts": [[]]}, "parts[0]: must be an object, not a list"),
        ({"name": "a", "parts": [{"port": 1.5}]}, "parts[0].port: must be a whole number, not 1.5"),
        ({"name": "a", "parts": [{"port": 1.0}]}, "parts[0].port: must be a whole number, not 1.0"),
        (
            {"name": "a", "parts": [{"port": True}]},
            "parts[0].port: must be a whole number, not a boolean",
        ),
        ({"name": "a", "parts": [{"port": 0}]}, "parts[0].port: must be at least 1, not 0"),
        (
            {"name": "a", "parts": [{}, {"port": 70000}]},
            "parts[1].port: must be at most 65535, not 70000",
        ),
        (
            {"name": "a", "parts": [{"kind": "Small"}]},
            'parts[0].kind: must be one of small or large, not "Small"',
        ),
    ],
)
def test_says_where_what_is_wrong_and_what_would_be_right(
    body: dict[str, Any], problem: str
) -> None:
    assert problems(body) == [problem]


def test_names_everything_that_is_wrong() -> None:
    assert len(problems({"share": "x", "parts": [{"port": 0}, {"kind": 3}]})) == 4


def test_keeps_what_is_sound_beside_what_is_wrong() -> None:
    sound, errors = validate_soundest(
        Whole, {"name": "a", "share": "x", "parts": [{"port": 0, "kind": "small"}]}
    )
    assert sound == Whole(name="a", parts=[Part(kind="small")])
    assert [error.path for error in errors] == ["share", "parts[0].port"]


def test_leaves_the_given_body_alone() -> None:
    body = {"name": "a", "parts": [{"port": 0}]}
    validate_soundest(Whole, body)
    assert body == {"name": "a", "parts": [{"port": 0}]}


def test_the_schema_of_a_body_is_complete_in_itself() -> None:
    schema = body_schema(Whole)
    assert "$ref" not in json.dumps(schema)
    validator = Draft202012Validator(schema)
    assert validator.is_valid({"name": "a", "parts": [{"port": 1, "kind": "small"}]})
    assert not validator.is_valid({"name": "a", "parts": [{"port": 0}]})


def test_nothing_sound_remains_without_what_is_required() -> None:
    assert validate_soundest(Whole, {"name": 3})[0] is None
