"""What is said of bodies, parameters and answers, read from the data files of this folder."""

import importlib.resources
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

import yaml

from windlass.app.openapi.samples import sample_of

_JSON = "application/json"
_SCHEMAS = "#/components/schemas/"
_NOTHING = "nothing"
_MEMBERS = ("items", "additionalProperties")
_ALTERNATIVES = ("anyOf", "allOf", "oneOf")
_DONE = {
    HTTPStatus.OK: "It is done; there is nothing to tell.",
    HTTPStatus.ACCEPTED: "It has begun; there is nothing to tell.",
    HTTPStatus.NO_CONTENT: "It is done; there is nothing to tell.",
    HTTPStatus.FOUND: "Go on there.",
}


class Descriptions:
    """All of them."""

    def __init__(self) -> None:
        self._words: Mapping[str, str] = _read("words.yaml")
        self._bodies: Mapping[str, Any] = _read("bodies.yaml")
        self._answers: Mapping[str, Mapping[int, str]] = _read("answers.yaml")
        self._examples: Mapping[str, Any] = _read("examples.yaml")
        self._schemas = dict(self._named_schemas())

    def schemas(self) -> dict[str, Any]:
        """The schemas of answers, by name."""
        return self._schemas

    def describe_parameters(self, operation: dict[str, Any]) -> None:
        """Say what each parameter means."""
        for parameter in operation.get("parameters", ()):
            place, name = parameter["in"], parameter["name"]
            words = self._words.get(f"{place}.{name}")
            if words is None and place == "path" and name.endswith("_id"):
                words = f"The {name.removesuffix('_id').replace('_', ' ')}."
            if words is not None:
                parameter.setdefault("description", words)

    def describe_body(self, name: str, operation: dict[str, Any]) -> None:
        """Say what each field of the body means, and show one."""
        for content in operation.get("requestBody", {}).get("content", {}).values():
            self._explain(content["schema"], "")
            if name in self._bodies:
                content["example"] = self._bodies[name]

    def describe_answers(self, name: str, operation: dict[str, Any]) -> None:
        """Say what comes back, and show one of each."""
        responses = operation["responses"]
        for status, schema in self._answers.get(name, {}).items():
            responses[str(status)] = self._answer(status, schema)
        for status, answer in responses.items():
            content = answer.get("content", {}).get(_JSON)
            if "content" not in answer and HTTPStatus(int(status)) in _DONE:
                answer["description"] = _DONE[HTTPStatus(int(status))]
            if content is None or "example" in content:
                continue
            if int(status) >= HTTPStatus.BAD_REQUEST:
                content["example"] = self._examples[_name(content["schema"])][int(status)]
            else:
                self._explain(content["schema"], "")
                content["example"] = sample_of(content["schema"], self._body_of(name))

    def _body_of(self, name: str) -> Any:
        """What was sent to create what an operation is about, as far as it is known."""
        path = name.partition(" ")[2]
        return self._bodies.get(f"POST {path.partition('/{')[0]}")

    def _answer(self, status: int, schema: str) -> dict[str, Any]:
        if schema == _NOTHING:
            return {"description": _DONE[HTTPStatus(status)]}
        content = {"schema": {"$ref": _SCHEMAS + schema}, "example": self._example(schema)}
        return {
            "description": self._schemas[schema]["description"],
            "content": {_JSON: content},
        }

    def _example(self, schema: str) -> Any:
        """The one that is given; of what is a list, a list of one."""
        if schema in self._examples:
            return self._filled(self._examples[schema])
        described = self._schemas[schema]
        if described["type"] == "array":
            return [self._example(_name(described["items"]))]
        return {
            name: [self._example(_name(member["items"]))]
            for name, member in described["properties"].items()
            if name in described["required"]
        }

    def _filled(self, example: Any) -> Any:
        """The example with those of other schemas in it where it names them."""
        if isinstance(example, list):
            return [self._filled(entry) for entry in example]
        if not isinstance(example, dict):
            return example
        if set(example) == {"$ref"}:
            return self._example(example["$ref"])
        filled = {key: self._filled(member) for key, member in example.items() if key != "$ref"}
        return {**self._example(example["$ref"]), **filled} if "$ref" in example else filled

    def _named_schemas(self) -> Iterator[tuple[str, Any]]:
        for found in importlib.resources.files(__package__).joinpath("schemas").iterdir():
            for name, short in _read(f"schemas/{found.name}").items():
                schema = _complete(short)
                self._explain(schema, name)
                yield name, schema

    def _explain(self, schema: dict[str, Any], parent: str) -> None:
        """Say of each property what it means, unless it says so itself."""
        for name, member in schema.get("properties", {}).items():
            words = self._words.get(f"{parent}.{name}") or self._words.get(name)
            if words is not None:
                member.setdefault("description", words)
            self._explain(member, name)
        for key in _MEMBERS:
            if isinstance(schema.get(key), dict):
                self._explain(schema[key], parent)
        for key in _ALTERNATIVES:
            for alternative in schema.get(key, ()):
                self._explain(alternative, parent)


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Reads dates as the texts they are in JSON."""

    yaml_implicit_resolvers = {  # noqa: RUF012
        first: [(tag, pattern) for tag, pattern in known if not tag.endswith(":timestamp")]
        for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def _read(name: str) -> Any:
    source = importlib.resources.files(__package__).joinpath(name)
    return yaml.load(source.read_text("utf-8"), Loader=_Loader)


def _complete(short: Mapping[str, Any]) -> dict[str, Any]:
    """A schema without the shorthands of the data files."""
    whole = {key: member for key, member in short.items() if key != "optional"}
    if "$ref" in short:
        whole["$ref"] = _SCHEMAS + short["$ref"]
    for key in _MEMBERS:
        if isinstance(short.get(key), dict):
            whole[key] = _complete(short[key])
    if "properties" in short:
        optional = short.get("optional", ())
        whole["required"] = [name for name in short["properties"] if name not in optional]
        whole["properties"] = {
            name: _complete(member) for name, member in short["properties"].items()
        }
    return whole


def _name(schema: Mapping[str, Any]) -> str:
    """The name of the schema that is referred to."""
    return str(schema["$ref"]).removeprefix(_SCHEMAS)
