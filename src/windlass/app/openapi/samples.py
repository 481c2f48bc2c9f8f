"""Examples of answers that nobody wrote one for, made of their schemas."""

from collections.abc import Mapping
from typing import Any

_OF_FORMAT = {
    "uuid": "583f7d06-0b60-4cfa-9f49-ba36e3448bb0",
    "date-time": "2026-01-31T12:00:00.000Z",
}
_OF_TYPE: Mapping[str, Any] = {"string": "…", "integer": 1, "number": 1.0, "boolean": False}
_OF_NAME: Mapping[str, Any] = {
    "code": 202,
    "createdBy": "ada@example.org",
    "message": "It is being removed.",
    "tenantId": 1001,
    "updatedBy": "ada@example.org",
}


def sample_of(schema: Mapping[str, Any], given: Any = None) -> Any:
    """Something of that schema: what is `given`, with what else must be there."""
    if given is not None and "anyOf" in schema:
        return sample_of(schema["anyOf"][0], given)
    types = schema.get("type")
    if isinstance(types, list):
        types = types[0]
    if types == "array":
        return [sample_of(schema.get("items", {}), each) for each in given or ()]
    if types != "object" or "properties" not in schema:
        return _value(schema, types) if given is None else given
    if "entries" in schema["properties"]:
        return {"entries": [sample_of(schema["properties"]["entries"]["items"], given)]}
    # Where an asset was named by its id, the answer has more of it.
    known = {"id": given} if isinstance(given, str) else given or {}
    return {
        name: _OF_NAME.get(name) if name in _OF_NAME else sample_of(member, known.get(name))
        for name, member in schema["properties"].items()
        if name in schema.get("required", ()) or name in known
    }


def _value(schema: Mapping[str, Any], kind: Any) -> Any:
    for key in ("const", "default"):
        if key in schema:
            return schema[key]
    if schema.get("enum"):
        return schema["enum"][0]
    if schema.get("format") in _OF_FORMAT:
        return _OF_FORMAT[schema["format"]]
    return _OF_TYPE.get(str(kind), {} if kind == "object" else None)
