"""A template with what it is made from, and launches of it."""

from typing import Any

import httpx

from tests.api.assets import (
    COMPUTE,
    ENVIRONMENT,
    TEMPLATE,
    make,
    place_of,
    some_name,
)
from tests.api.serving import Api
from tests.api.test_environments import SERVED
from tests.api.test_templates import of

RUNS: dict[str, Any] = {
    "image": "host/canary",
    "args": "from its environment",
    "environmentVariables": [
        {"name": "LEVEL", "value": "info"},
        {"name": "MODE", "value": "slow"},
        {"name": "WHO", "value": "environment"},
    ],
    "connections": [
        SERVED,
        {
            "name": "board",
            "internalToolInfo": {
                "toolType": "tensorboard",
                "connectionType": "ExternalUrl",
                "containerPort": 6006,
                "externalUrlInfo": {"isCustomUrl": True},
            },
        },
        {
            "name": "debug",
            "internalToolInfo": {
                "toolType": "custom",
                "connectionType": "NodePort",
                "containerPort": 7000,
                "nodePortInfo": {"isCustomPort": True},
            },
        },
    ],
}
SIZE: dict[str, Any] = {
    "gpuRequestType": "portion",
    "gpuPortionRequest": 0.5,
    "cpuCoreRequest": 0.1,
}
SAID: dict[str, Any] = {
    "args": "from its template",
    "environmentVariables": [
        {"name": "MODE", "exclude": True},
        {"name": "WHO", "value": "template"},
    ],
    "labels": [{"name": "team", "value": "vision"}, {"name": "stage", "value": "test"}],
    "autoScaling": {
        "minReplicas": 0,
        "maxReplicas": 3,
        "thresholdMetric": "concurrency",
        "thresholdValue": 4,
    },
    "servingPortAccess": {"authorizationType": "authenticatedUsers"},
    "priorityClass": "high",
}


def template(api: Api, said: Any = None, runs: Any = None, **meta: Any) -> dict[str, Any]:
    """One with an environment and a compute resource."""
    environment = make(api, ENVIRONMENT, RUNS if runs is None else runs)["meta"]["id"]
    compute = make(api, COMPUTE, SIZE)["meta"]["id"]
    spec = {**of(environment, compute=compute), "specificEnv": SAID if said is None else said}
    return make(api, TEMPLATE, spec, **meta)


def body(api: Api, **fields: Any) -> dict[str, Any]:
    tree = api.context.tree
    ids = {"projectId": tree.project_id, "clusterId": tree.cluster_id}
    return {"name": some_name("w"), **ids, **fields}


def launch(api: Api, made: dict[str, Any], **fields: Any) -> httpx.Response:
    return api.ask("POST", f"{place_of(made, TEMPLATE)}/launch", json=body(api, **fields))
