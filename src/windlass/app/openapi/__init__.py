"""The OpenAPI document that the platform serves.

FastAPI knows the operations and their parameters; what else is said of them stands in the data
files beside this one.
"""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from windlass import __version__
from windlass.app.openapi.descriptions import Descriptions
from windlass.identity.operations import Operation, Where, operations
from windlass.kit.bodies import with_schemas

_DESCRIPTION = """\
Runs GPU workloads: model endpoints on GPUs that a team shares.

Whoever asks signs in first: `POST /api/v1/token` exchanges credentials for a bearer token, which
every operation takes that does not say otherwise. Answers carry an `X-Request-Id`, by which the log
and the audit log know the request. Fields that are not described are ignored."""
_PLACES = {
    Where.OPEN: "Takes no token.",
    Where.SELF: "Takes a token, and no permission.",
    Where.TENANT: "Takes the permission `{}` at the tenant.",
    Where.LIST: "Takes the permission `{}`, and is about what is in the scopes where the caller "
    "has it; the rest is left out in silence.",
    Where.UNIT: "Takes the permission `{}` in the scope that it is about.",
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
        title="Windlass", version=__version__, description=_DESCRIPTION, routes=api.routes
    )
    made["paths"] = with_schemas(made["paths"])
    known = Descriptions()
    made["components"] = {
        "schemas": known.schemas(),
        "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        "headers": {"X-Request-Id": _REQUEST_ID},
    }
    made["security"] = [{"bearer": []}]
    for name, operation in _operations(made):
        # Every parameter is checked by us, and answered in the one shape of errors.
        operation["responses"].pop("422", None)
        row = operations().get(name)
        if row is not None:
            operation["description"] = _taken(row)
        known.describe_parameters(operation)
        known.describe_body(name, operation)
        known.describe_answers(name, operation)
        for answer in operation["responses"].values():
            answer["headers"] = {"X-Request-Id": {"$ref": "#/components/headers/X-Request-Id"}}
    return made


_REQUEST_ID = {
    "description": "What the log and the audit log call this request.",
    "schema": {"type": "string", "format": "uuid"},
}


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def _taken(row: Operation) -> str:
    permission = "" if row.permission is None else ":".join(row.permission)
    return _PLACES[row.where].format(permission)
