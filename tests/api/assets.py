"""Assets for tests: made, used, and named so that no two tests meet."""

import uuid
from typing import Any

import httpx

from tests.api.serving import Api

COMPUTE = "/api/v1/asset/compute"
ENVIRONMENT = "/api/v1/asset/environment"
CREDENTIALS = "/api/v1/asset/credentials"
DATA_SOURCES = "/api/v1/asset/datasource"
TEMPLATE = "/api/v1/asset/workload-template"


def some_name(prefix: str = "a") -> str:
    return f"{prefix}-{uuid.uuid4().hex[:10]}"


def place(api: Api, scope: str) -> dict[str, Any]:
    """What `meta` says of a place in the first tree."""
    tree = api.context.tree
    ids: dict[str, dict[str, Any]] = {
        "tenant": {},
        "cluster": {"clusterId": tree.cluster_id},
        "department": {"departmentId": tree.department_id},
        "project": {"projectId": int(tree.project_id)},
    }
    return {"scope": scope, **ids[scope]}


def ask_for(
    api: Api, path: str, spec: object, scope: str = "project", **meta: Any
) -> httpx.Response:
    """Ask for a new asset."""
    given = {"name": some_name(), **place(api, scope), **meta}
    return api.ask("POST", path, json={"meta": given, "spec": spec})


def make(api: Api, path: str, spec: object, scope: str = "project", **meta: Any) -> dict[str, Any]:
    """A new asset."""
    answer = ask_for(api, path, spec, scope, **meta)
    assert answer.status_code == 202, answer.text
    made: dict[str, Any] = answer.json()
    return made


def place_of(asset: dict[str, Any], path: str) -> str:
    """Where an asset is reached."""
    return f"{path}/{asset['meta']['id']}"


def names(api: Api, path: str, **params: Any) -> set[str]:
    """What a list shows."""
    return {entry["meta"]["name"] for entry in api.get(path, **params)["entries"]}


def unit(api: Api, kind: str, **fields: Any) -> str:
    """The id of a new department or project."""
    body = {
        "name": some_name("u"),
        "clusterId": api.context.tree.cluster_id,
        "resources": [],
        **fields,
    }
    answer = api.ask("POST", f"/api/v1/org-unit/{kind}", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])
