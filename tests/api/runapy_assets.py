"""Every operation on compute assets, environments, credentials and data sources, by the vendor's
client.

`runapy_assets.py URL CLIENT_ID CLIENT_SECRET PROJECT_ID NAME` is run where `import runai` gives one
version of it, and prints what it saw as JSON: of each kind what its operations answered.
"""

import json
import sys
from collections.abc import Iterator
from typing import Any

from runai.api_client import ApiClient
from runai.configuration import Configuration
from runai.exceptions import ApiException
from runai.runai_client import RunaiClient

CLAIM = {"path": "/scratch", "claimInfo": {"size": "1Gi"}}
KINDS: dict[str, tuple[str, tuple[str, str, str, str, str], dict[str, Any]]] = {
    "compute": (
        "compute",
        (
            "create_compute_asset",
            "get_compute_asset_by_id",
            "list_compute_assets",
            "update_compute_asset_by_id",
            "delete_compute_asset_by_id",
        ),
        {"gpuDevicesRequest": 1, "gpuRequestType": "portion", "gpuPortionRequest": 0.5},
    ),
    "environment": (
        "environment",
        (
            "create_environment_asset",
            "get_environment_asset_by_id",
            "list_environment_assets",
            "update_environment_asset_by_id",
            "delete_environment_asset_by_id",
        ),
        {"image": "host/canary"},
    ),
    "pvc": (
        "pvc",
        (
            "create_pvc_asset",
            "get_pvc_asset_by_id",
            "list_pvc_assets",
            "update_pvc_asset_by_id",
            "delete_pvc_asset_by_id",
        ),
        CLAIM,
    ),
    "nfs": (
        "nfs",
        (
            "create_nfs_asset",
            "get_nfs_asset_by_id",
            "list_nfs_assets",
            "update_nfs_asset_by_id",
            "delete_nfs_asset_by_id",
        ),
        {"server": "nfs", "path": "/exports", "mountPath": "/models"},
    ),
    "git": (
        "git",
        (
            "create_git_asset",
            "get_git_asset_by_id",
            "list_git_assets",
            "update_git_asset_by_id",
            "delete_git_asset_by_id",
        ),
        {"repository": "https://git.example.org/code", "path": "/code"},
    ),
    "hostPath": (
        "host_path",
        (
            "create_host_path",
            "get_host_path_by_id",
            "list_host_path_assets",
            "update_host_path_by_id",
            "delete_host_path_by_id",
        ),
        {"path": "/srv", "mountPath": "/srv"},
    ),
    "s3": (
        "s3",
        (
            "create_s3_asset",
            "get_s3_asset_by_id",
            "list_s3_assets",
            "update_s3_asset_by_id",
            "delete_s3_asset_by_id",
        ),
        {"bucket": "b", "path": "/b", "url": "https://s3.example.org"},
    ),
    "config-map": (
        "config_map",
        (
            "create_config_map_asset",
            "get_config_map_asset_by_id",
            "list_config_map_assets",
            "update_config_map_asset_by_id",
            "delete_config_map_asset_by_id",
        ),
        {"configMap": "settings", "mountPath": "/etc/settings"},
    ),
    "accessKey": (
        "credentials",
        (
            "create_access_key",
            "get_access_key_by_id",
            "list_access_keys",
            "update_access_key",
            "delete_access_key",
        ),
        {"accessKeyId": "a", "secretAccessKey": "b"},
    ),
    "password": (
        "credentials",
        (
            "create_password",
            "get_password_by_id",
            "list_passwords",
            "update_password",
            "delete_password",
        ),
        {"user": "a", "password": "b"},
    ),
    "dockerRegistry": (
        "credentials",
        (
            "create_docker_registry",
            "get_docker_registry_by_id",
            "list_docker_registries",
            "update_docker_registry",
            "delete_docker_registry",
        ),
        {"url": "https://r.example.org", "user": "a", "password": "b"},
    ),
    "genericSecret": (
        "credentials",
        (
            "create_generic_secret",
            "get_generic_secret_by_id",
            "list_generic_secret",
            "update_generic_secret",
            "delete_generic_secret",
        ),
        {"keyValuePairs": [{"key": "a", "value": "b"}]},
    ),
    "ngcApiKey": (
        "credentials",
        (
            "create_ngc_api_key",
            "get_ngc_api_key_by_id",
            "list_ngc_api_key",
            "update_ngc_api_key",
            "delete_ngc_api_key",
        ),
        {"ngc_api_key": "nvapi-1"},
    ),
    "secret-volume": (
        "secret",
        (
            "create_secret_asset",
            "get_secret_asset_by_id",
            "list_secret_assets",
            "update_secret_asset_by_id",
            "delete_secret_asset_by_id",
        ),
        {"mountPath": "/secrets"},
    ),
}


def main(url: str, client_id: str, secret: str, project: str, name: str) -> dict[str, Any]:
    """What was seen of each kind."""
    configuration = Configuration(client_id=client_id, client_secret=secret, runai_base_url=url)
    client = RunaiClient(ApiClient(configuration))
    groups = [client, *(getattr(client, group) for group in dir(client) if group[0] != "_")]

    def api(wanted: str) -> Any:
        return next((getattr(group, wanted) for group in groups if hasattr(group, wanted)), None)

    seen = {
        kind: dict(flow(api(group), kind, operations, spec, (project, name, api("credentials"))))
        for kind, (group, operations, spec) in KINDS.items()
        if hasattr(api(group), operations[0])
    }
    seen["together"] = {
        "credentials": api("credentials").list_credentials_assets().status_code,
        "datasources": api("datasources").list_datasource_assets().status_code,
    }
    seen["data-volume"] = dict(
        volume_flow(client.datavolumes.datavolumes, api("pvc"), project, name)
    )
    return seen


def volume_flow(api: Any, claims: Any, project: str, name: str) -> Iterator[tuple[str, Any]]:
    """Create, create again, show, list, count, share, change, delete, show."""
    meta = {"name": f"{name}-claim", "scope": "project", "projectId": int(project)}
    claim = claims.create_pvc_asset({"meta": meta, "spec": CLAIM}).data["meta"]
    body = {"name": f"{name}-volume", "projectId": project, "originPvcName": claim["name"]}
    created = api.create_datavolume(body)
    volume_id, cluster_id = created.data["id"], created.data["clusterId"]
    yield "created", [created.status_code, created.data]
    yield "taken", status(lambda: api.create_datavolume(body))
    yield "unavailable", status(lambda: api.datavolume_name_availability(body["name"], cluster_id))
    yield "available", api.datavolume_name_availability(f"{name}-free", cluster_id).status_code
    scope = {"scopeType": "cluster", "scopeId": cluster_id}
    shared = api.patch_datavolume_shared_scopes(volume_id, {"add": [scope]})
    yield "shared", [shared.status_code, [each["scopeId"] == cluster_id for each in shared.data]]
    yield "scopes", api.get_datavolume_shared_scopes(volume_id).data == shared.data
    yield "shown", api.get_datavolume(volume_id).data["sharedScopes"] == shared.data
    asked = {"usable_in_project_id": project, "filter_by": [f"name=={body['name']}"]}
    listed = api.get_datavolumes("UsableInProject", **asked, sort_by="name", limit=5).data
    yield "listed", [entry["id"] for entry in listed["datavolumes"]] == [volume_id]
    yield "counted", api.count_datavolumes("UsableInProject", **asked).data["count"]
    changed = api.patch_datavolume(volume_id, {"description": "changed"})
    yield "changed", [changed.status_code, changed.data["description"]]
    if hasattr(claims, "get_pvc_history"):
        history = claims.get_pvc_history(claim["id"], limit=1).data
        yield "history", history["records"][0]["spec"]["event"]["reason"]
    yield "deleted", api.delete_datavolume(volume_id).status_code
    yield "gone", status(lambda: api.get_datavolume(volume_id))
    yield "freed", claims.delete_pvc_asset_by_id(claim["id"]).status_code


def flow(
    api: Any,
    kind: str,
    operations: tuple[str, str, str, str, str],
    spec: dict[str, Any],
    about: tuple[str, str, Any],
) -> Iterator[tuple[str, Any]]:
    """Create, create again, show, list, change, delete, show."""
    project, name, credentials = about
    create, get, list_, update, delete = (getattr(api, operation) for operation in operations)
    meta = {"name": f"{name}-{kind.lower()}", "scope": "project", "projectId": int(project)}
    secret = None
    if kind == "secret-volume":
        pairs = {"keyValuePairs": [{"key": "a", "value": "b"}]}
        made = credentials.create_generic_secret(
            {"meta": {**meta, "name": f"{name}-of"}, "spec": pairs}
        )
        secret = made.data["meta"]["id"]
        spec = {**spec, "credentialAssetId": secret}
    body = {"meta": meta, "spec": spec}
    created = create(body)
    asset_id = created.data["meta"]["id"]
    yield "created", [created.status_code, created.data]
    yield "taken", status(lambda: create(body))
    yield "shown", get(asset_id, usage_info=True).data["meta"]["id"] == asset_id
    listed = list_(project_id=int(project), name=meta["name"], usage_info=True).data["entries"]
    yield "listed", [entry["meta"]["id"] for entry in listed] == [asset_id]
    changed = {"meta": {"name": meta["name"], "description": "changed"}, "spec": spec}
    if kind == "pvc":
        changed["spec"] = {"path": "/data"}
    if operations[0] in ("create_ngc_api_key",) or "credentials" in str(type(api)).lower():
        changed = {"meta": {"description": "changed"}}
    answer = update(asset_id, changed)
    yield "changed", [answer.status_code, answer.data["meta"]["description"]]
    yield "deleted", delete(asset_id).status_code
    yield "gone", status(lambda: get(asset_id))
    if secret is not None:
        yield "freed", credentials.delete_generic_secret(secret).status_code


def status(call: Any) -> int:
    """The status with which a call is refused; 0 if it is not."""
    try:
        call()
    except ApiException as error:
        return int(error.status)
    return 0


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
