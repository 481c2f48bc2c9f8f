"""Bodies made from the published schemas: examples of single values, and random whole bodies."""

import re
from typing import Any

from hypothesis import strategies as st

from tests.contract.published_api import Schema

UUID = "123e4567-e89b-12d3-a456-426614174000"


def example(schema: Schema, neutral: object = None) -> object:
    """A value that the schema of a single field allows, other than `neutral`."""
    return next(value for value in _examples(schema) if value != neutral)


def with_value(body: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    """A copy of `body` in which `value` stands at a leaf path such as `spec.ports[].name`."""
    head, _, rest = path.partition(".")
    name, is_list = head.removesuffix("[]"), head.endswith("[]")
    inner: Any = body.get(name)
    if is_list:
        first = (inner or [None])[0]
        inner = [with_value(first or {}, rest, value) if rest else value]
    else:
        inner = with_value(inner or {}, rest, value) if rest else value
    return {**body, name: inner}


def instances(schema: Schema, noise: float = 0.0) -> st.SearchStrategy[Any]:
    """Random instances of a schema made by `published_api.json_schema`.

    With `noise` above 0, about that share of the values is something else altogether.
    """
    return _instances(schema, schema["$defs"], noise)


def _examples(schema: Schema) -> list[object]:
    if "enum" in schema:
        return list(schema["enum"])
    kind = schema.get("type")
    if kind == "boolean":
        return [True, False]
    if kind in ("integer", "number"):
        least = schema.get("minimum", 0)
        return [least + 2, least + 3]
    if schema.get("format") == "uuid":
        return [UUID]
    if schema.get("format") == "hostname":
        return ["example.org"]
    return [text for text in _TEXTS if _fits(text, schema)]


_TEXTS = ("text", "/text", "1Gi", "0644")


def _fits(text: str, schema: Schema) -> bool:

    return (
        len(text) <= schema.get("maxLength", 99)
        and re.search(schema.get("pattern", ""), text) is not None
    )


_NOISE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from(["-1Gi", "1e400", "\x00", "\ud800", "a 'b", "$(PORT)", "0", "true"]),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2)
    ),
    max_leaves=3,
)


def _instances(schema: Schema, definitions: Schema, noise: float) -> st.SearchStrategy[Any]:
    sound = st.deferred(lambda: _sound(schema, definitions, noise))
    if noise == 0:
        return sound
    one_in = round(1 / noise)
    return st.integers(1, one_in).flatmap(lambda drawn: _NOISE if drawn == one_in else sound)


def _sound(schema: Schema, definitions: Schema, noise: float) -> st.SearchStrategy[Any]:
    schema = _merged(schema, definitions)
    strategy = _typed(schema, definitions, noise)
    return st.none() | strategy if schema.get("nullable") else strategy


def _typed(schema: Schema, definitions: Schema, noise: float) -> st.SearchStrategy[Any]:
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    kind = schema.get("type", "object")
    if kind == "array":
        return st.lists(_instances(schema["items"], definitions, noise), max_size=2)
    if kind == "boolean":
        return st.booleans()
    if kind == "integer":
        bits = 63 if schema.get("format") == "int64" else 31
        return st.integers(
            schema.get("minimum", -(2**bits)), schema.get("maximum", 2**bits - 1)
        ) | st.integers(schema.get("minimum", 0), schema.get("minimum", 0) + 3)
    if kind == "number":
        return st.floats(
            schema.get("minimum"), schema.get("maximum"), allow_nan=False, allow_infinity=False
        )
    if kind == "string":
        return _texts(schema)
    members = {
        name: _instances(member, definitions, noise)
        for name, member in schema.get("properties", {}).items()
    }
    required = set(schema.get("required", ())) | (set(members) & _USUALLY_THERE)
    return st.fixed_dictionaries(
        {name: member for name, member in members.items() if name in required},
        optional={name: member for name, member in members.items() if name not in required},
    )


_USUALLY_THERE = {"spec", "image", "servingPort", "container"}


def _texts(schema: Schema) -> st.SearchStrategy[str]:
    if schema.get("format") == "uuid":
        return st.uuids().map(str)
    if schema.get("format") == "hostname":
        return st.from_regex(r"[a-z][a-z0-9]{0,5}(\.[a-z]{2,3})?", fullmatch=True)
    if schema.get("pattern", ".*") != ".*":
        pattern: str = schema["pattern"]
        longest = schema.get("maxLength", 40)
        return st.from_regex(pattern, fullmatch=True).filter(lambda text: len(text) <= longest)
    text = st.text(min_size=schema.get("minLength", 0), max_size=schema.get("maxLength", 12))
    return text | st.from_regex(r"[a-z]{1,8}", fullmatch=True)


def _merged(schema: Schema, definitions: Schema) -> Schema:
    """The schema with its references followed and its parts put together."""
    if "anyOf" in schema:
        return {**_merged(schema["anyOf"][1], definitions), "nullable": True}
    if "$ref" in schema:
        return _merged(definitions[schema["$ref"].removeprefix("#/$defs/")], definitions)
    merged = {key: member for key, member in schema.items() if key not in ("allOf", "$defs")}
    for part in schema.get("allOf", ()):
        part = _merged(part, definitions)
        merged["properties"] = {**merged.get("properties", {}), **part.get("properties", {})}
        merged["required"] = [*merged.get("required", ()), *part.get("required", ())]
    return merged
