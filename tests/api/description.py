"""The served description, as what every answer is held against."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from jsonschema_rs import Draft202012Validator

_JSON = "application/json"
# What the frame answers before there is an operation.
_WITHOUT_OPERATION = (400, 404, 405, 413)
_ERROR = {"$ref": "#/components/schemas/Error"}


class Description:
    """What `/openapi.json` says, closed: an answer with a field that it does not name is wrong."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.document = document
        self._schemas = {
            name: _closed(schema) for name, schema in document["components"]["schemas"].items()
        }
        # As routes are found: those without parameters first.
        self._paths = [
            (re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path))), path)
            for path in sorted(document["paths"], key=lambda path: path.count("{"))
        ]
        self._validators: dict[str, Draft202012Validator] = {}
        self._found: dict[tuple[str, bytes], list[str]] = {}
        self._texts: dict[int, tuple[Mapping[str, Any], str]] = {}

    def operation_of(self, method: str, path: str) -> str | None:
        """The operation that a request is for, as method and path; None where there is none."""
        place = unquote(path.partition("?")[0])
        for pattern, template in self._paths:
            if pattern.fullmatch(place) and method.lower() in self.document["paths"][template]:
                return f"{method} {template}"
        return None

    def problems(
        self, method: str, path: str, status: int, content_type: str | None, body: bytes
    ) -> Iterator[str]:
        """What keeps an answer from being one that is described."""
        operation = self.operation_of(method, path)
        if operation is None:
            if path.startswith("/openapi.json"):
                return
            if status not in _WITHOUT_OPERATION:
                yield f"there is no such operation, and it answers {status}"
            else:
                yield from self._schema_problems(_ERROR, body)
            return
        method, _, template = operation.partition(" ")
        responses = self.document["paths"][template][method.lower()]["responses"]
        if str(status) not in responses:
            yield f"{operation} is not described to answer {status}"
            return
        content = responses[str(status)].get("content")
        if content is None:
            if body:
                yield f"{operation} is described to answer {status} with nothing: {body[:100]!r}"
            return
        media_type = (content_type or "").partition(";")[0]
        if media_type not in content:
            yield f"{operation} is described to answer {status} as {list(content)}: {media_type}"
        elif media_type == _JSON:
            yield from self._schema_problems(content[_JSON]["schema"], body)

    def example_problems(self, schema: Mapping[str, Any], example: Any) -> Iterator[str]:
        """What keeps an example from being of the schema beside it."""
        yield from self._schema_problems(schema, json.dumps(example).encode())

    def _schema_problems(self, schema: Mapping[str, Any], body: bytes) -> list[str]:
        # Thousands of requests have the same few answers.
        key = (self._text(schema), body)
        if key not in self._found:
            self._found[key] = list(self._new_problems(schema, body))
        return self._found[key]

    def _new_problems(self, schema: Mapping[str, Any], body: bytes) -> Iterator[str]:
        try:
            value = json.loads(body)
        except ValueError:
            yield f"is no JSON: {body[:100]!r}"
            return
        for error in self._validator(schema).iter_errors(value):
            place = "".join(f"[{step!r}]" for step in error.instance_path)
            yield f"{place or 'body'}: {error.message[:300]}"

    def _text(self, schema: Mapping[str, Any]) -> str:
        """The schema as JSON, which takes longer to make than to look up in what was found."""
        if id(schema) not in self._texts:
            # The schema is kept, too, so that no other gets its id.
            self._texts[id(schema)] = (schema, json.dumps(schema))
        return self._texts[id(schema)][1]

    def _validator(self, schema: Mapping[str, Any]) -> Draft202012Validator:
        key = self._text(schema)
        if key not in self._validators:
            components = {"schemas": self._schemas}
            complete = {**_closed(schema), "components": components}
            self._validators[key] = Draft202012Validator(complete, validate_formats=True)
        return self._validators[key]


def _closed(schema: Any) -> Any:
    """The schema in which nothing is allowed that it does not name."""
    if isinstance(schema, list):
        return [_closed(entry) for entry in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: _closed(member) for key, member in schema.items() if key != "properties"}
    if "properties" in schema:
        closed["properties"] = {name: _closed(each) for name, each in schema["properties"].items()}
        closed.setdefault("additionalProperties", False)
    return closed
