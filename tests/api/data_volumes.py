"""Data volumes of tests: made, shared, and asked for."""

from typing import Any

import httpx

from tests.api.assets import (
    DATA_SOURCES,
    ENVIRONMENT,
    TEMPLATE,
    ask_for,
    make,
    some_name,
)
from tests.api.serving import Api

VOLUMES = "/api/v1/datavolumes"
PVC = f"{DATA_SOURCES}/pvc"
CLAIM = {"path": "/data", "claimInfo": {"size": "1Gi"}}
VIEWER, VOLUME_ADMINISTRATOR, DEPARTMENT_ADMINISTRATOR = 4, 15, 2


def body_of(api: Api, **fields: Any) -> dict[str, Any]:
    """The body of a creation; from a claim of its own unless one is given."""
    if "originPvcName" not in fields:
        fields["originPvcName"] = make(api, PVC, CLAIM)["meta"]["name"]
    return {"name": some_name("v"), "projectId": api.context.tree.project_id, **fields}


def ask_for_volume(api: Api, **fields: Any) -> httpx.Response:
    return api.ask("POST", VOLUMES, json=body_of(api, **fields))


def volume(api: Api, **fields: Any) -> dict[str, Any]:
    """A new data volume."""
    answer = ask_for_volume(api, **fields)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def one(made: dict[str, Any]) -> str:
    return f"{VOLUMES}/{made['id']}"


def scope(scope_type: str, scope_id: str) -> dict[str, str]:
    return {"scopeType": scope_type, "scopeId": scope_id}


def share(api: Api, made: dict[str, Any], **change: Any) -> httpx.Response:
    return api.ask("PATCH", f"{one(made)}/sharedScopes", json=change)


def usable(api: Api, project_id: str, **params: Any) -> set[str]:
    """The data volumes that the project can use, by their ids."""
    asked = {"requestType": "UsableInProject", "usableInProjectId": project_id, "limit": "500"}
    return {entry["id"] for entry in api.get(VOLUMES, **asked, **params)["datavolumes"]}


def originated(api: Api, **params: Any) -> list[str]:
    """The names of those that the caller may read where they were made."""
    found = api.get(VOLUMES, requestType="Originated", limit="500", **params)["datavolumes"]
    return [entry["name"] for entry in found]


def ask_for_template(api: Api, volume_id: str, project_id: str) -> httpx.Response:
    """Ask for a template that names the data volume."""
    runs = make(api, ENVIRONMENT, {"image": "host/canary"}, "tenant")["meta"]["id"]
    source = {"id": volume_id, "kind": "data-volume", "overrides": {"containerPath": "/models"}}
    spec = {"assets": {"environment": runs, "datasources": [source]}}
    return ask_for(api, TEMPLATE, spec, projectId=int(project_id))
