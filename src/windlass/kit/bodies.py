"""Bodies as typed models, and what is wrong with them in the caller's own terms."""

import copy
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar, cast

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from windlass.kit.errors import FieldError, invalid_fields
from windlass.kit.strict_json import join_path, json_kind, read_json_list, read_json_object

Model = TypeVar("Model", bound=BaseModel)

_REFERENCE = "#/models/"
_referred: dict[str, type[BaseModel]] = {}


def parse_body(model: type[Model], raw: bytes, content_type: str | None = None) -> Model:
    """A request body as `model`.

    Raises BadRequest that names every field that is wrong.
    """
    body = read_json_object(raw, content_type)
    parsed, errors = validate(model, body)
    if parsed is None:
        raise invalid_fields(errors)
    return parsed


def parse_list_body(model: type[Model], raw: bytes, content_type: str | None = None) -> Model:
    """The same for a body that is a list; `model` is a root model.

    Raises BadRequest that names every field that is wrong.
    """
    parsed, errors = validate(model, read_json_list(raw, content_type))
    if parsed is None:
        raise invalid_fields(errors)
    return parsed


def validate(model: type[Model], body: object) -> tuple[Model | None, list[FieldError]]:
    """`body` as `model` and no errors, or None and all errors."""
    try:
        return model.model_validate(body), []
    except ValidationError as error:
        return None, field_errors(error)


def validate_soundest(
    model: type[Model], body: dict[str, Any]
) -> tuple[Model | None, list[FieldError]]:
    """Like `validate`, and beside the errors the model of what is left without the wrong values.

    It lets rules between fields be checked where some other field is wrong. None where what is left
    is no `model` either.
    """
    try:
        return model.model_validate(body), []
    except ValidationError as error:
        sound = copy.deepcopy(body)
        for detail in error.errors(include_url=False):
            _blank(sound, detail["loc"])
        return validate(model, sound)[0], field_errors(error)


def elsewhere(further: Iterable[FieldError], known: Iterable[FieldError]) -> list[FieldError]:
    """Those of `further` that are not at, within or around a field known to be wrong."""
    wrong = {error.path for error in known}
    around = {outer for path in wrong for outer in _outer_paths(path)}
    return [
        error
        for error in further
        if error.path not in around and wrong.isdisjoint(_outer_paths(error.path))
    ]


def body_schema(model: type[BaseModel]) -> dict[str, Any]:
    """The model as one JSON Schema without references, as OpenAPI 3.1 takes it.

    The model must not contain itself.
    """
    schema = model.model_json_schema(by_alias=True)
    return cast(dict[str, Any], _inlined(schema, schema.pop("$defs", {})))


def request_body(model: type[BaseModel]) -> dict[str, Any]:
    """What an operation's OpenAPI entry says of a body that `parse_body` reads.

    As with `schema_reference`, it is whole once `with_schemas` has gone over it.
    """
    content = {"application/json": {"schema": schema_reference(model)}}
    return {"requestBody": {"required": True, "content": content}}


def schema_reference(model: type[BaseModel]) -> dict[str, Any]:
    """What stands for `body_schema(model)` until somebody asks for the API's description.

    Making the schemas of all models takes as long as all else that an API does before it serves.
    """
    name = f"{model.__module__}.{model.__qualname__}-{id(model)}"
    _referred[name] = model
    return {"$ref": f"{_REFERENCE}{name}"}


def with_schemas(entry: Any) -> Any:
    """A part of an OpenAPI document with the schemas that `schema_reference` stands for."""
    if isinstance(entry, list):
        return [with_schemas(member) for member in entry]
    if not isinstance(entry, dict):
        return entry
    reference = entry.get("$ref")
    if isinstance(reference, str) and reference.startswith(_REFERENCE):
        return body_schema(_referred[reference.removeprefix(_REFERENCE)])
    return {key: with_schemas(member) for key, member in entry.items()}


def field_errors(error: ValidationError) -> list[FieldError]:
    """What pydantic found, as paths the caller wrote and in words the caller understands."""
    return [
        FieldError(_path(detail["loc"]), _problem(detail))
        for detail in error.errors(include_url=False)
    ]


def _outer_paths(path: str) -> list[str]:
    """The path itself and those it lies within: `a.b[0]` lies within `a.b`, which within `a`."""
    return [path, *(path[: match.start()] for match in re.finditer(r"[.\[]", path))]


def _inlined(schema: Any, definitions: Mapping[str, Any]) -> Any:
    if isinstance(schema, list):
        return [_inlined(entry, definitions) for entry in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _inlined(definitions[schema["$ref"].removeprefix("#/$defs/")], definitions)
    # A default of null says no more than that the field may be left out.
    return {
        key: _inlined(member, definitions) for key, member in schema.items() if member is not None
    }


def _path(location: Sequence[str | int]) -> str:
    path = ""
    for key in location:
        path = join_path(path, key)
    return path or "body"


def _blank(body: Any, location: Sequence[str | int]) -> None:
    """Set what stands at `location` to null, which counts as absent."""
    if not location:
        return
    *parents, last = location
    for key in parents:
        body = body[key]
    if isinstance(last, int) or last in body:
        body[last] = None


def _problem(detail: ErrorDetails) -> str:
    kind = detail["type"]
    if wanted := _WANTED_TYPES.get(kind):
        return f"must be {wanted}, not {_described(detail['input'])}"
    phrase = _PHRASES.get(kind, "has a value that is not allowed here")
    facts = dict(detail.get("ctx", {}))
    if "expected" in facts:
        facts["expected"] = facts["expected"].replace("'", "")
    return phrase.format_map({"given": _quoted(detail["input"]), **facts})


def _described(value: object) -> str:
    if isinstance(value, float):
        return f"{value!r}"
    return json_kind(value)


def _quoted(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST_QUOTE else f"{text[:_LONGEST_QUOTE]}…"


_LONGEST_QUOTE = 60
_WANTED_TYPES = {
    "string_type": "a string",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "an object",
    "model_type": "an object",
    "model_attributes_type": "an object",
}
_PHRASES = {
    "missing": "is required",
    "string_pattern_mismatch": "must match {pattern}, not {given}",
    "string_too_short": "must not be empty",
    "string_too_long": "must be at most {max_length} characters long",
    "greater_than_equal": "must be at least {ge}, not {given}",
    "greater_than": "must be above {gt}, not {given}",
    "less_than_equal": "must be at most {le}, not {given}",
    "literal_error": "must be one of {expected}, not {given}",
    "too_long": "must have at most {max_length} entries",
    "wrong_form": "{problem}",
}
"""By pydantic's error types; `wrong_form` is the one that our own validators raise."""
