"""The OpenAPI document that the platform serves."""

import importlib.resources
import json
from collections.abc import Mapping
from typing import Any

import yaml
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from windlass import __version__

_ERROR = {
    "type": "object",
    "required": ["code", "message"],
    "properties": {
        "code": {"type": "integer", "minimum": 100, "maximum": 599},
        "message": {"type": "string", "description": "What is wrong, where, what would be right."},
        "details": {"type": "string", "description": "What else is wrong, one a line."},
    },
}


def serve_openapi(api: FastAPI) -> None:
    """Serve the document at `/openapi.json`."""

    def document() -> dict[str, Any]:
        if api.openapi_schema is None:
            api.openapi_schema = _document(api)
        return api.openapi_schema

    api.openapi = document  # type: ignore[method-assign]


def _examples() -> Mapping[str, Any]:
    """An example of each operation's body, by method and path."""
    source = importlib.resources.files("windlass.app").joinpath("openapi_examples.yaml")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    examples: Mapping[str, Any] = yaml.load(source.read_text("utf-8"), Loader=loader)
    return examples


def _answers() -> Mapping[str, Any]:
    """What operations answer: the name of a schema by operation and status, and the schemas."""
    source = importlib.resources.files("windlass.app").joinpath("openapi_answers.json")
    answers: Mapping[str, Any] = json.loads(source.read_text("utf-8"))
    return answers


def _document(api: FastAPI) -> dict[str, Any]:
    made = get_openapi(
        title="Windlass",
        version=__version__,
        description="Runs GPU workloads: model endpoints on GPUs that a team shares.",
        routes=api.routes,
    )
    components = made.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    schemas["Error"] = _ERROR
    components["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
    }
    made["security"] = [{"bearer": []}]
    described = _answers()
    schemas.update(described["schemas"])
    examples = _examples()
    for path, methods in made["paths"].items():
        for method, operation in methods.items():
            example = examples.get(f"{method.upper()} {path}")
            for status, name in described["answers"].get(f"{method.upper()} {path}", {}).items():
                answer = operation["responses"][status]
                schema = {"$ref": f"#/components/schemas/{name}"}
                answer["content"] = {"application/json": {"schema": schema}}
            for content in operation.get("requestBody", {}).get("content", {}).values():
                content["example"] = example
            # Every parameter is checked by us, and answered in the one shape of errors.
            operation["responses"].pop("422", None)
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    return made
