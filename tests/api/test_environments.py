"""Environments over HTTP."""

from typing import Any

import pytest

from tests.api.answers import refusal
from tests.api.assets import ENVIRONMENT, ask_for, make, place_of, some_name
from tests.api.serving import NOBODY, Api

SERVED = {
    "name": "api",
    "internalToolInfo": {
        "toolType": "custom",
        "connectionType": "ServingPort",
        "containerPort": 8000,
        "servingPortInfo": {"protocol": "http"},
    },
}
EVERYTHING: dict[str, Any] = {
    "image": "registry.example.org/digits:1",
    "imagePullPolicy": "IfNotPresent",
    "command": "serve 'all of it'",
    "args": "--port $(PORT)",
    "workingDir": "/srv",
    "createHomeDir": True,
    "probes": {"readiness": {"periodSeconds": 1, "handler": {"httpGet": {"path": "/ready"}}}},
    "environmentVariables": [
        {"name": "LEVEL", "value": "info", "description": "how much is told"},
        {"name": "POOL", "configMap": {"name": "settings", "key": "pool"}},
        {"name": "NODE", "podFieldRef": {"path": "spec.nodeName"}},
        {"name": "OLD", "exclude": True},
    ],
    "uidGidSource": "custom",
    "overrideUidGidInWorkspace": False,
    "runAsUid": 1000,
    "runAsGid": 1000,
    "supplementalGroups": "1001,1002",
    "runAsNonRoot": True,
    "readOnlyRootFilesystem": True,
    "capabilities": ["NET_ADMIN"],
    "seccompProfileType": "RuntimeDefault",
    "allowPrivilegeEscalation": False,
    "hostIpc": False,
    "hostNetwork": False,
    "stdin": False,
    "tty": False,
    "connections": [
        SERVED,
        {
            "name": "notebook",
            "internalToolInfo": {
                "toolType": "jupyter-notebook",
                "connectionType": "ExternalUrl",
                "containerPort": 8888,
                "externalUrlInfo": {"isCustomUrl": True},
            },
        },
        {
            "name": "runs",
            "isExternal": True,
            "externalToolInfo": {"toolType": "wandb", "externalUrl": "https://wandb.example.org"},
        },
    ],
}


def test_an_environment_keeps_every_field(api: Api) -> None:
    made = make(api, ENVIRONMENT, EVERYTHING)
    assert made["spec"] == EVERYTHING
    assert made["meta"]["kind"] == "environment"
    assert api.get(place_of(made, ENVIRONMENT)) == made
    assert api.get(place_of(made, ENVIRONMENT), statusInfo="true")["status"]["status"]
    assert api.ask("PUT", place_of(made, ENVIRONMENT), json=made).status_code == 202
    assert api.ask("DELETE", place_of(made, ENVIRONMENT)).status_code == 202
    assert api.ask("GET", place_of(made, ENVIRONMENT)).status_code == 404


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"image": "a b"}, "spec.image: must not contain spaces"),
        ({"command": "'open"}, "spec.command: cannot be split"),
        ({"environmentVariables": [{"name": "A"}]}, "spec.environmentVariables[0].value: is req"),
        (
            {"environmentVariables": [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]},
            "spec.environmentVariables[1].name: is given twice",
        ),
        (
            {"environmentVariables": [{"name": "PORT", "value": "1"}]},
            "spec.environmentVariables[0].name: must not be PORT",
        ),
        (
            {"environmentVariables": [{"name": "A", "credential": {"key": "k"}}]},
            "spec.environmentVariables[0].credential.assetId: is required",
        ),
        (
            {
                "environmentVariables": [
                    {"name": "A", "credential": {"assetId": NOBODY, "key": "k"}}
                ]
            },
            "spec.environmentVariables[0].credential.assetId: there is no asset of kind",
        ),
        ({"runAsUid": -1}, "spec.runAsUid: must be from 0"),
        ({"connections": [{"name": "a"}]}, "spec.connections[0].internalToolInfo: is required"),
        (
            {"connections": [{**SERVED, "isExternal": True}]},
            "spec.connections[0].externalToolInfo: is required",
        ),
        (
            {"connections": [SERVED, {**SERVED, "name": "second"}]},
            "spec.connections[1].internalToolInfo.connectionType: is ServingPort in entry 0",
        ),
        ({"connections": [SERVED, SERVED]}, "spec.connections[1].name: is given twice"),
        (
            {"connections": [{"name": "a", "internalToolInfo": {"toolType": "x"}}]},
            "spec.connections[0].internalToolInfo.toolType: must be one of",
        ),
    ],
)
def test_a_spec_that_makes_no_sense_is_refused(api: Api, spec: Any, message: str) -> None:
    assert refusal(ask_for(api, ENVIRONMENT, spec)).startswith(message)


def test_a_workload_is_made_from_its_environment(api: Api) -> None:
    spec = {
        "image": "host/canary",
        "args": "--verbose",
        "environmentVariables": [
            {"name": "LEVEL", "value": "info"},
            {"name": "MODE", "value": "slow"},
        ],
        "connections": [SERVED, EVERYTHING["connections"][1], EVERYTHING["connections"][2]],
    }
    made = make(api, ENVIRONMENT, spec, "cluster")
    own = {"environmentVariables": [{"name": "MODE", "value": "quick"}]}
    created = api.create(some_name("w"), own, assets={"environment": made["meta"]["id"]})
    assert created["spec"] == {
        "image": "host/canary",
        "args": "--verbose",
        "environmentVariables": [
            {"name": "LEVEL", "value": "info"},
            {"name": "MODE", "value": "quick"},
        ],
        "servingPort": {"container": 8000, "protocol": "http"},
        "exposedUrls": [
            {"container": 8888, "toolType": "jupyter-notebook", "toolName": "notebook"}
        ],
        "relatedUrls": [{"url": "https://wandb.example.org", "type": "wandb", "name": "runs"}],
    }
    used = api.get(place_of(made, ENVIRONMENT), usageInfo="true")["usedBy"]["inferences"]
    assert [use["id"] for use in used] == [created["workloadId"]]
    assert api.ask("DELETE", place_of(made, ENVIRONMENT)).status_code == 202


def test_a_workload_takes_variables_away_from_its_environment(api: Api) -> None:
    spec = {
        "image": "host/canary",
        "connections": [SERVED],
        "environmentVariables": [{"name": "MODE", "value": "slow"}],
    }
    made = make(api, ENVIRONMENT, spec)
    own = {"environmentVariables": [{"name": "MODE", "exclude": True}]}
    created = api.create(some_name("w"), own, assets={"environment": made["meta"]["id"]})
    assert created["spec"].get("environmentVariables", []) == []


@pytest.mark.parametrize("field", ["hostNetwork", "hostIpc", "stdin", "tty"])
def test_what_no_workload_can_have_is_refused_when_it_is_used(api: Api, field: str) -> None:
    made = make(api, ENVIRONMENT, {"image": "host/canary", "connections": [SERVED], field: True})
    answer = api.post(api.creation(some_name("w"), {}, assets={"environment": made["meta"]["id"]}))
    message = refusal(answer)
    assert message.startswith(f"assets.environment: the environment '{made['meta']['name']}'")
    assert f"{field}: " in message
    asked = {
        "complyToProject": api.context.tree.project_id,
        "complyToWorkloadType": "Inference",
    }
    told = api.get(place_of(made, ENVIRONMENT), **asked)["compliance"]
    assert [reason["field"] for reason in told["reason"]] == [f"environment.{field}"]
