"""What the API's description says of the answers of assets' operations."""

from collections.abc import Sequence
from typing import Any

from windlass.assets.kind import Kind
from windlass.assets.schemas import CreationMeta
from windlass.assets.usage import FIELD_OF_TYPE
from windlass.kit.bodies import body_schema, schema_reference
from windlass.org.scopes import ScopeType

Schema = dict[str, Any]


def answers(kind: Kind, status: int, schema: Schema) -> dict[int | str, dict[str, Any]]:
    """The `responses` of an operation that answers so where it succeeds."""
    content = {"application/json": {"schema": schema}}
    return {status: {"description": f"The {kind.words}.", "content": content}}


def asset_schema(kind: Kind) -> Schema:
    """One asset of that kind."""
    return _asset({"type": "string", "const": kind.name}, _spec(kind))


def list_schema(entry: Schema) -> Schema:
    """A list of assets."""
    return {
        "type": "object",
        "properties": {"entries": {"type": "array", "items": entry}, "next": {"type": "integer"}},
        "required": ["entries"],
    }


def family_answers(kinds: Sequence[Kind]) -> dict[int | str, dict[str, Any]]:
    """The `responses` of the list of several kinds together."""
    names: Schema = {"type": "string", "enum": [kind.name for kind in kinds]}
    specs = {kind.family_name or kind.name: _spec(kind) for kind in kinds}
    entry = _asset(names, _object(**specs))
    content = {"application/json": {"schema": list_schema(entry)}}
    return {200: {"description": f"{kinds[0].tag} of every kind.", "content": content}}


def _asset(kind: Schema, spec: Schema) -> Schema:
    properties: dict[str, Schema] = {
        "meta": {**_META, "properties": {**_META["properties"], "kind": kind}},
        "spec": spec,
        "usedBy": _USED_BY,
        "usageTimes": _object(lastUsedByWorkload=_nullable(_MOMENT)),
        "compliance": _COMPLIANCE,
        "status": _object(status=_TEXT),
    }
    return {"type": "object", "properties": properties, "required": ["meta", "spec"]}


def _spec(kind: Kind) -> Schema:
    return schema_reference(kind.answer or kind.spec)


def _object(**properties: Schema) -> Schema:
    return {"type": "object", "properties": properties}


def _nullable(schema: Schema) -> Schema:
    return {**schema, "type": [schema["type"], "null"]}


def _list(entry: Schema) -> Schema:
    return {"type": "array", "items": entry}


_TEXT: Schema = {"type": "string", "minLength": 1}
_UUID: Schema = {"type": "string", "format": "uuid"}
_MOMENT: Schema = {"type": "string", "format": "date-time"}
_REFERENCE: Schema = {**_object(id=_UUID, name=_TEXT), "required": ["id", "name"]}
_USE: Schema = {**_object(id=_UUID, name=_TEXT, status=_TEXT), "required": ["id", "name"]}
_DATA_SOURCE: Schema = {
    **_object(id=_UUID, name=_TEXT, kind=_TEXT),
    "required": ["id", "name", "kind"],
}
_META: Schema = {
    **_object(
        id=_UUID,
        kind=_TEXT,
        name=_TEXT,
        description=_nullable(_TEXT),
        tenantId={"type": "integer"},
        scope={"type": "string", "enum": [level.value for level in ScopeType]},
        clusterId=_nullable(_UUID),
        departmentId=_nullable(_TEXT),
        projectId={"type": ["integer", "null"]},
        projectName=_nullable(_TEXT),
        autoDelete={"type": "boolean"},
        private={"type": "boolean"},
        workloadSupportedTypes=body_schema(CreationMeta)["properties"]["workloadSupportedTypes"],
        createdAt=_MOMENT,
        createdBy=_TEXT,
        updatedAt=_MOMENT,
        updatedBy=_TEXT,
        updateCount={"type": "integer"},
    ),
    "required": [
        *("id", "kind", "name", "scope", "createdAt", "createdBy", "updatedAt", "updatedBy"),
        "updateCount",
    ],
}
_USED_BY: Schema = _object(
    **dict.fromkeys(FIELD_OF_TYPE.values(), _list(_USE)),
    templates=_list(_REFERENCE),
    assets=_object(
        environments=_list(_REFERENCE),
        computes=_list(_REFERENCE),
        datasources=_list(_DATA_SOURCE),
    ),
)
_COMPLIANCE: Schema = _object(
    imposed={"type": "boolean"},
    compliance={"type": "boolean"},
    reason=_list({**_object(field=_nullable(_TEXT), details=_TEXT), "required": ["details"]}),
)
ACCEPTED: Schema = {
    **_object(code={"type": "integer"}, message=_TEXT),
    "required": ["code", "message"],
}
"""What a deletion answers."""
