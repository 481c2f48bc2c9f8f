"""What the published APIs allow, as facts to hold answers and bodies against.

`published/inferences.json` is the inference API of version 2.22; `published/neighbours.json` what
Windlass implements of its neighbours in version 2.24, and that version's body of an inference's
creation; `published/identity.json` the same of users, applications, keys and tokens;
`published/compute.json` the API of compute assets of version 2.22, `published/templates.json` that
of templates;
`published/assets.json` those of the other assets in version 2.24. All are
OpenAPI 3.0 documents reduced to names, types, limits and codes.
"""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

import jsonschema_rs
from jsonschema import Draft202012Validator, FormatChecker, ValidationError

INFERENCES = "inferences.json"
NEIGHBOURS = "neighbours.json"
IDENTITY = "identity.json"
COMPUTE = "compute.json"
TEMPLATES = "templates.json"
ASSETS = "assets.json"
DOCUMENTS = (INFERENCES, NEIGHBOURS, IDENTITY, COMPUTE, TEMPLATES, ASSETS)

Schema = dict[str, Any]


def assert_matches(document: str, operation: str, status: int, body: object) -> None:
    """Fail unless `body` is one that the operation may answer with this status.

    `operation` is an operation id or a method and path, such as `GET /api/v1/workloads`. A status
    that the document does not list has the error shape.
    """
    problems = list(answer_problems(document, operation, status, body))
    assert not problems, f"{operation} answered {status}:\n" + "\n".join(problems)


def assert_matches_schema(document: str, schema: str, body: object) -> None:
    """Fail unless `body` is an instance of a named schema."""
    problems = list(schema_problems(document, schema, body))
    assert not problems, f"not a {schema}:\n" + "\n".join(problems)


def answer_problems(document: str, operation: str, status: int, body: object) -> Iterator[str]:
    """What keeps `body` from being an answer of the operation with this status."""
    facts = _load(document)
    responses = _operation(facts, operation)["responses"]
    response = _resolve(facts, responses.get(str(status), {"$ref": _ERROR_RESPONSE}))
    schema = response.get("content", {}).get("application/json", {}).get("schema", {})
    yield from _problems(document, schema, body)
    has_code = not schema.get("$ref", "").endswith("/OAuth2Error")
    if status >= 400 and has_code and isinstance(body, Mapping) and body.get("code") != status:
        yield f"code: is {body.get('code')!r}, not the status {status}"


def schema_problems(document: str, schema: str, body: object) -> Iterator[str]:
    """What keeps `body` from being an instance of a named schema."""
    yield from _problems(document, {"$ref": f"#/components/schemas/{schema}"}, body)


def value_problems(document: str, schema: Schema, value: object) -> Iterator[str]:
    """What keeps `value` from being an instance of a schema such as `leaf_schemas` gives."""
    yield from _problems(document, schema, value)


def json_schema(document: str, schema: str) -> Schema:
    """A named schema as JSON Schema, complete in itself."""
    return _complete(document, {"$ref": f"#/components/schemas/{schema}"})


def leaf_schemas(document: str, schema: str) -> dict[str, Schema]:
    """The single values within a named schema, by path: `spec.ports[].container`."""
    facts = _load(document)
    return dict(_leaves(facts, {"$ref": f"#/components/schemas/{schema}"}, ""))


def body_fields(document: str, operation: str) -> list[str]:
    """The single values within the body of an operation, by path."""
    schema = operation_body(document, operation) or {}
    return [path for path, _ in _leaves(_load(document), schema, "")]


def query_parameters(document: str, operation: str) -> dict[str, Schema]:
    """The parameters of an operation's query, by name."""
    facts = _load(document)
    given = _operation(facts, operation).get("parameters", ())
    resolved = [_resolve(facts, parameter) for parameter in given]
    return {
        parameter["name"]: parameter["schema"]
        for parameter in resolved
        if parameter["in"] == "query"
    }


@cache
def published_operations(document: str) -> tuple[str, ...]:
    """Every operation whose answers the document tells, as method and path."""
    return tuple(
        f"{method.upper()} {path}"
        for path, methods in _load(document)["paths"].items()
        for method, operation in methods.items()
        if method != "parameters" and operation["responses"]
    )


# Of the two schemas that `_converted` makes of one that is nullable.
_NOT_NULL = 1
_ERROR_RESPONSE = "#/components/responses/400BadRequest"


def operation_body(document: str, operation: str) -> Schema | None:
    """The schema of the body that an operation takes; None where the document has no such one."""
    try:
        found = _operation(_load(document), operation)
    except LookupError:
        return None
    schema: Schema = found["requestBody"]["content"]["application/json"]["schema"]
    return schema


def resolved(document: str, schema: Mapping[str, Any]) -> Schema:
    """The same schema, or the one that it refers to."""
    return _resolve(_load(document), dict(schema))


@cache
def _load(document: str) -> Schema:
    text = (Path(__file__).parent / "published" / document).read_text("utf-8")
    facts: Schema = json.loads(text)
    return facts


def _operation(facts: Schema, name: str) -> Schema:
    for path, methods in facts["paths"].items():
        for method, operation in methods.items():
            if method == "parameters":
                continue
            if name in (operation["operationId"], f"{method.upper()} {path}"):
                found: Schema = operation
                return found
    raise LookupError(f"the document has no operation {name}")


def _resolve(facts: Schema, schema: Schema) -> Schema:
    while "$ref" in schema:
        found: Any = facts
        for key in schema["$ref"].removeprefix("#/").split("/"):
            found = found[key]
        schema = found
    return schema


def _problems(document: str, schema: Schema, body: object) -> Iterator[str]:
    text = json.dumps(schema)
    # Nearly all that is asked about is sound, which is told hundreds of times as quickly as what
    # is wrong.
    if _is_sound(document, text, body):
        return
    found = _validator(document, text).iter_errors(body)
    for error in chain.from_iterable(_precise(error) for error in found):
        place = error.json_path.removeprefix("$").removeprefix(".") or "body"
        yield f"{place}: {error.message[:300]}"


def _precise(error: ValidationError) -> Iterator[ValidationError]:
    """Of something that may be null and is not, what is wrong with it rather than that it is."""
    if error.validator != "anyOf" or error.instance is None:
        yield error
        return
    for inner in error.context:
        if inner.schema_path[0] == _NOT_NULL:
            yield from _precise(inner)


@cache
def _validator(document: str, schema: str) -> Draft202012Validator:
    complete = _complete(document, json.loads(schema))
    return Draft202012Validator(complete, format_checker=_FORMATS)


def _is_sound(document: str, schema: str, body: object) -> bool:
    try:
        return _quick_validator(document, schema).is_valid(body)
    except ValueError:  # Half of a surrogate pair, for one, is nothing that it can read.
        return False


@cache
def _quick_validator(document: str, schema: str) -> jsonschema_rs.Draft202012Validator:
    complete = _bounded(_complete(document, json.loads(schema)))
    formats = {name: check for name, (check, _) in _FORMATS.checkers.items()}
    return jsonschema_rs.Draft202012Validator(complete, validate_formats=True, formats=formats)


def _bounded(schema: Any) -> Any:
    """The schema with formats of numbers as limits: formats are of strings alone there."""
    if isinstance(schema, list):
        return [_bounded(entry) for entry in schema]
    if not isinstance(schema, dict):
        return schema
    bounded = {key: _bounded(member) for key, member in schema.items()}
    if (named := schema.get("format")) in ("int32", "int64"):
        most = 2 ** (int(named[3:]) - 1)
        limits = {"minimum": -most, "maximum": most - 1}
        bounded["allOf"] = [*bounded.get("allOf", ()), limits]
    return bounded


def _complete(document: str, schema: Schema) -> Schema:
    definitions = _load(document)["components"]["schemas"]
    return {
        **_converted(schema),
        "$defs": {name: _converted(found) for name, found in definitions.items()},
    }


def _converted(schema: Any) -> Any:
    """OpenAPI 3.0 as JSON Schema: `nullable` becomes a type, and properties make an object."""
    if isinstance(schema, list):
        return [_converted(entry) for entry in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return {"$ref": schema["$ref"].replace("#/components/schemas/", "#/$defs/")}
    converted = {key: _converted_member(key, member) for key, member in schema.items()}
    if "properties" in converted:
        converted.setdefault("type", "object")
    if converted.pop("nullable", False):
        return {"anyOf": [{"type": "null"}, converted]}
    return converted


def _converted_member(key: str, member: Any) -> Any:
    if key == "properties":
        return {name: _converted(schema) for name, schema in member.items()}
    if key in ("enum", "required", "default", "pattern"):
        return member
    return _converted(member)


def _leaves(facts: Schema, schema: Schema, path: str) -> Iterator[tuple[str, Schema]]:
    schema = _resolve(facts, schema)
    properties = dict(_properties(facts, schema))
    for name, member in properties.items():
        yield from _leaves(facts, member, f"{path}.{name}" if path else name)
    if schema.get("type") == "array":
        yield from _leaves(facts, schema["items"], f"{path}[]")
    elif not properties:
        yield path, schema


def _properties(facts: Schema, schema: Schema) -> Iterator[tuple[str, Schema]]:
    for part in schema.get("allOf", ()):
        yield from _properties(facts, _resolve(facts, part))
    yield from schema.get("properties", {}).items()


_FORMATS = FormatChecker(formats=())


@_FORMATS.checks("date-time")
def _is_date_time(value: object) -> bool:
    if not isinstance(value, str):
        return True
    try:
        return bool(_RFC_3339.fullmatch(value)) and datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


@_FORMATS.checks("uuid")
def _is_uuid(value: object) -> bool:
    return not isinstance(value, str) or bool(_UUID.fullmatch(value))


@_FORMATS.checks("hostname")
def _is_host_name(value: object) -> bool:
    return not isinstance(value, str) or (
        len(value) <= 253 and all(_HOST_LABEL.fullmatch(label) for label in value.split("."))
    )


@_FORMATS.checks("int32")
def _is_int32(value: object) -> bool:
    return not isinstance(value, int) or -(2**31) <= value < 2**31


@_FORMATS.checks("int64")
def _is_int64(value: object) -> bool:
    return not isinstance(value, int) or -(2**63) <= value < 2**63


_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII)
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_HOST_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
