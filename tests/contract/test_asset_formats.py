"""Every limit that is published of a single value in the body of a new asset is held to."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.contract.published_api import ASSETS, COMPUTE, TEMPLATES, operation_body, resolved
from windlass.assets.kind import Kind
from windlass.assets.kinds import SERVED_ALIKE
from windlass.assets.reading import read_asset
from windlass.assets.schemas import creation_model
from windlass.kit.errors import BadRequest

Steps = tuple[str | int, ...]
SOUND = {
    "meta": {"name": "a", "scope": "tenant"},
    "spec": {"assets": {"environment": "123e4567-e89b-12d3-a456-426614174000"}},
}
"""Of a template; to other kinds its spec says nothing."""
DEEPEST = 9
"""No published body is deeper, but one that refers to itself."""


def wrong_values(limits: Mapping[str, Any]) -> Iterator[Any]:
    """A value beyond each of the limits of one schema."""
    if limits.get("minLength") == 1:
        yield ""
    if "maxLength" in limits:
        yield "a" * (limits["maxLength"] + 1)
    if limits.get("pattern", ".*") != ".*":
        yield "\n!"
    if "enum" in limits:
        yield "nonsense"
    if "minimum" in limits:
        yield limits["minimum"] - 1
    if "maximum" in limits:
        yield limits["maximum"] + 1
    if "maxItems" in limits:
        yield [None] * (limits["maxItems"] + 1)
    if limits.get("format") == "uuid":
        yield "x"
    if limits.get("format") in ("int32", "int64"):
        yield 2 ** (int(limits["format"][3:]) - 1)


def beyond(document: str, schema: Mapping[str, Any], steps: Steps) -> Iterator[tuple[Steps, Any]]:
    """Every place of a body with a value that is not allowed there."""
    schema = resolved(document, schema)
    for part in schema.get("allOf", ()):
        yield from beyond(document, part, steps)
    for name, inner in schema.get("properties", {}).items():
        if len(steps) < DEEPEST:
            yield from beyond(document, inner, (*steps, name))
    if schema.get("type") == "array":
        yield from beyond(document, schema["items"], (*steps, 0))
    yield from ((steps, value) for value in wrong_values(schema))


def cases() -> Iterator[tuple[Kind, Steps, Any]]:
    for document in (COMPUTE, TEMPLATES, ASSETS):
        for kind in SERVED_ALIKE:
            schema = operation_body(document, f"POST {kind.path}")
            if schema is not None:
                yield from ((kind, *case) for case in beyond(document, schema, ()))


def within(steps: Steps, value: Any) -> Any:
    for step in reversed(steps):
        value = [value] if step == 0 else {step: value}
    return value


def laid_over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Rules between fields are only looked at where the rest of the body has the right form."""
    both = {**below, **above}
    for name in below.keys() & above.keys():
        if isinstance(below[name], dict) and isinstance(above[name], dict):
            both[name] = laid_over(below[name], above[name])
    return both


def path_of(steps: Steps) -> str:
    return "".join("[0]" if step == 0 else f".{step}" for step in steps).removeprefix(".")


def test_a_value_beyond_what_is_published_is_refused_where_it_stands() -> None:
    tried = 0
    for kind, steps, value in cases():
        raw = json.dumps(laid_over(SOUND, within(steps, value))).encode()
        with pytest.raises(BadRequest) as refused:
            read_asset(kind, creation_model(kind), raw, "application/json")
        told = [refused.value.message, *(refused.value.details or "").splitlines()]
        path = path_of(steps)
        assert [line for line in told if line.startswith(path)], (kind.name, path, value, told)
        tried += 1
    assert tried > 300
