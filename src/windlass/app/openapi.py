"""The OpenAPI document that the platform serves."""

from typing import Any

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
    for methods in made["paths"].values():
        for operation in methods.values():
            # Every parameter is checked by us, and answered in the one shape of errors.
            operation["responses"].pop("422", None)
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    return made
