"""Workloads made from assets, as their replicas have it."""

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.end_to_end.platforms import Platform, run_windlass
from tests.end_to_end.replicas import Deploy, bytes_allowed, cores_allowed

Make = Callable[..., dict[str, Any]]


@pytest.fixture
def make(platform: Platform) -> Iterator[Make]:
    """Makes an asset of the project's, until the test ends."""
    made: list[str] = []

    def create(path: str, spec: object, **meta: Any) -> dict[str, Any]:
        place = {"scope": "project", "projectId": int(platform.administrator["project_id"])}
        body = {"meta": {"name": f"a-{uuid.uuid4().hex[:8]}", **place, **meta}, "spec": spec}
        answer = platform.call("POST", path, body)
        assert answer.status == 202, answer.body
        asset: dict[str, Any] = answer.json()
        made.append(f"{path}/{asset['meta']['id']}")
        return asset

    yield create
    for place in reversed(made):
        platform.call("DELETE", place)


def test_compute_asset(platform: Platform, deploy: Deploy, make: Make) -> None:
    spec = {
        "gpuDevicesRequest": 1,
        "gpuRequestType": "portion",
        "gpuPortionRequest": 0.5,
        "cpuCoreRequest": 0.1,
        "cpuCoreLimit": 0.5,
        "cpuMemoryRequest": "48Mi",
        "cpuMemoryLimit": "96Mi",
    }
    asset = make("/api/v1/asset/compute", spec)
    replica = deploy(fields={"assets": {"compute": asset["meta"]["id"]}})
    shown = replica.workload["podsRequestedResources"]
    assert shown["cpu"] == {"request": 0.1, "limit": 0.5}
    assert shown["cpuMemory"] == {"request": "48Mi", "limit": "96Mi"}
    assert replica.pod["allocatedResources"]["gpu"] == 0.5
    assert replica.environment()["RUNAI_NUM_OF_GPUS"] == "0.5"
    assert cores_allowed(replica) in (0.5, None)
    assert bytes_allowed(replica) in (96 * 2**20, None)
    place = f"/api/v1/asset/compute/{asset['meta']['id']}?usageInfo=true"
    (use,) = platform.get(place)["usedBy"]["inferences"]
    assert use == {"id": replica.id, "name": replica.name, "status": "Running"}


def test_environment_asset(deploy: Deploy, make: Make) -> None:
    port = {"toolType": "custom", "connectionType": "ServingPort", "containerPort": 8000}
    spec = {
        "image": "host/canary",
        "args": "from its environment",
        "environmentVariables": [{"name": "MADE_OF", "value": "an asset"}],
        "connections": [{"name": "api", "internalToolInfo": port}],
    }
    asset = make("/api/v1/asset/environment", spec)
    taken = {"image": None, "servingPort": None}
    replica = deploy(fields={"assets": {"environment": asset["meta"]["id"]}}, **taken)
    assert replica.environment()["MADE_OF"] == "an asset"
    assert replica.words()[-3:] == ["from", "its", "environment"]


def test_environment_of_secrets(platform: Platform, deploy: Deploy, make: Make) -> None:
    pairs = [{"key": "token", "value": "s3cr3t$$ $(PORT)"}]
    made = make("/api/v1/asset/credentials/generic-secret", {"keyValuePairs": pairs})
    name = made["meta"]["name"]
    variables = [
        {"name": "TOKEN", "secret": {"name": name, "key": "token"}},
        {"name": "TOLD", "value": "it is $(TOKEN)"},
    ]
    replica = deploy(environmentVariables=variables)
    assert replica.environment()["TOKEN"] == "s3cr3t$$ $(PORT)"
    assert replica.environment()["TOLD"] == "it is s3cr3t$$ $(PORT)"
    shown = platform.get(f"/api/v1/workloads/inferences/{replica.id}")
    assert "s3cr3t" not in str(shown)
    assert "s3cr3t" not in str(platform.events(replica.id))
    assert not [
        file
        for file in platform.data_dir.rglob("*")
        if file.is_file() and b"s3cr3t" in file.read_bytes()
    ], "no file has it"
    place = f"/api/v1/asset/credentials/generic-secret/{made['meta']['id']}"
    assert platform.call("DELETE", place).status == 412, "it is read at every start"


def test_environment_of_config_maps(deploy: Deploy, make: Make) -> None:
    spec = {"configMap": f"settings-{uuid.uuid4().hex[:8]}", "data": {"pool": "small"}}
    make("/api/v1/asset/datasource/config-map", spec)
    source = {"name": spec["configMap"], "key": "pool"}
    replica = deploy(environmentVariables=[{"name": "POOL", "configMap": source}])
    assert replica.environment()["POOL"] == "small"


def test_environment_of_user_credentials(deploy: Deploy, make: Make) -> None:
    made = make("/api/v1/asset/credentials/password", {"user": "u", "password": "p"}, private=True)
    source = {"name": made["meta"]["name"], "key": "password"}
    replica = deploy(environmentVariables=[{"name": "SECRET", "userCredential": source}])
    assert replica.environment()["SECRET"] == "p"


def test_keys_rotate_while_replicas_read_secrets(
    platform: Platform, deploy: Deploy, make: Make
) -> None:
    pairs = [{"key": "token", "value": "kept"}]
    made = make("/api/v1/asset/credentials/generic-secret", {"keyValuePairs": pairs})
    key_file = platform.data_dir / "keys" / "sealing.key"
    before = key_file.read_bytes()
    told = run_windlass("keys", "rotate", "--data-dir", str(platform.data_dir))
    assert "sealed anew" in told.stdout
    assert key_file.read_bytes() != before
    assert key_file.stat().st_mode & 0o077 == 0
    source = {"name": made["meta"]["name"], "key": "token"}
    replica = deploy(environmentVariables=[{"name": "TOKEN", "secret": source}])
    assert replica.environment()["TOKEN"] == "kept"


def test_template(deploy: Deploy, make: Make) -> None:
    port = {"toolType": "custom", "connectionType": "ServingPort", "containerPort": 8000}
    runs = {
        "image": "host/canary",
        "environmentVariables": [
            {"name": "KEPT", "value": "environment"},
            {"name": "TAKEN_OUT", "value": "environment"},
        ],
        "connections": [{"name": "api", "internalToolInfo": port}],
    }
    size = {"gpuDevicesRequest": 1, "gpuRequestType": "portion", "gpuPortionRequest": 0.5}
    assets = {
        "environment": make("/api/v1/asset/environment", runs)["meta"]["id"],
        "compute": make("/api/v1/asset/compute", size)["meta"]["id"],
    }
    said = {
        "args": "from its template",
        "environmentVariables": [{"name": "TAKEN_OUT", "exclude": True}],
        "labels": [{"name": "team", "value": "vision"}],
    }
    template = make("/api/v1/asset/workload-template", {"assets": assets, "specificEnv": said})
    taken = {"image": None, "servingPort": None}
    own = [{"name": "OWN", "value": "request"}]
    replica = deploy(
        fields={"templateId": template["meta"]["id"]}, environmentVariables=own, **taken
    )
    environment = replica.environment()
    assert (environment["KEPT"], environment["OWN"]) == ("environment", "request")
    assert "TAKEN_OUT" not in environment
    assert replica.words()[-3:] == ["from", "its", "template"]
    assert replica.pod["allocatedResources"]["gpu"] == 0.5


def test_an_asset_goes_with_its_last_workload(
    platform: Platform, deploy: Deploy, make: Make
) -> None:
    asset = make("/api/v1/asset/compute", {"cpuCoreRequest": 0.1}, autoDelete=True)
    taken = {"assets": {"compute": asset["meta"]["id"]}}
    first, second = deploy(fields=taken), deploy(fields=taken)
    place = f"/api/v1/asset/compute/{asset['meta']['id']}"
    for replica, status in ((first, 200), (second, 404)):
        platform.delete(replica.id)
        platform.wait_until_gone(replica.id)
        assert platform.call("GET", place).status == status
