"""Templates over HTTP."""

import copy
from typing import Any

import pytest

from tests.api.answers import refusal
from tests.api.assets import (
    COMPUTE,
    ENVIRONMENT,
    TEMPLATE,
    ask_for,
    make,
    names,
    place_of,
    some_name,
    unit,
)
from tests.api.serving import NOBODY, Api
from tests.api.test_environments import EVERYTHING as WHOLE_ENVIRONMENT

EVERY_PARAMETER: dict[str, Any] = {
    "connections": [
        {"name": "notebook", "nodePort": 30010},
        {"name": "board", "externalUrl": "https://board.example.org", "authorizedUsers": ["a"]},
    ],
    "annotations": [{"name": "note", "value": "n"}, {"name": "old", "exclude": True}],
    "args": "--verbose",
    "autoDeletionTimeAfterCompletionSeconds": 3600,
    "backoffLimit": 3,
    "category": "Train",
    "command": "serve",
    "completions": 4,
    "environmentVariables": [
        {"name": "LEVEL", "value": "info", "description": "how much is told"},
        {"name": "POOL", "configMap": {"name": "settings", "key": "pool"}},
        {"name": "NODE", "podFieldRef": {"path": "spec.nodeName"}},
        {"name": "OLD", "exclude": True},
    ],
    "imagePullSecrets": [{"name": "registry", "userCredential": False}],
    "labels": [{"name": "team", "value": "vision"}],
    "nodeAffinityRequired": {
        "nodeSelectorTerms": [
            {"matchExpressions": [{"key": "zone", "operator": "In", "values": ["near"]}]}
        ]
    },
    "nodePools": ["default"],
    "nodeType": "large",
    "parallelism": 2,
    "podAffinity": {"type": "Preferred", "key": "rack"},
    "preemptibility": "preemptible",
    "priorityClass": "low",
    "restartPolicy": "OnFailure",
    "runAsGid": 1000,
    "runAsUid": 1000,
    "supplementalGroups": "1001,1002",
    "terminateAfterPreemption": True,
    "terminationGracePeriodSeconds": 20,
    "tolerations": [{"name": "gpu", "operator": "Exists", "key": "gpu", "effect": "NoSchedule"}],
    "allowOverQuota": True,
    "autoScaling": {
        "minReplicas": 0,
        "maxReplicas": 4,
        "initialReplicas": 1,
        "activationReplicas": 2,
        "concurrencyHardLimit": 8,
        "scaleToZeroRetentionSeconds": 60,
        "scaleDownDelaySeconds": 30,
        "initializationTimeoutSeconds": 100,
        "thresholdMetric": "concurrency",
        "thresholdValue": 4,
        "metricThresholdPercentage": 50,
    },
    "servingPortAccess": {
        "authorizationType": "authorizedUsers",
        "authorizedUsers": ["ada@example.org"],
        "clusterLocalAccessOnly": True,
    },
}


def environment(api: Api, spec: object = None, scope: str = "project", **meta: Any) -> str:
    """The id of a new one."""
    made = make(api, ENVIRONMENT, {"image": "host/canary"} if spec is None else spec, scope, **meta)
    return str(made["meta"]["id"])


def of(environment_id: object, **assets: Any) -> dict[str, Any]:
    return {"assets": {"environment": environment_id, **assets}}


def test_a_template_keeps_every_field_and_names_its_assets(api: Api) -> None:
    runs = make(api, ENVIRONMENT, WHOLE_ENVIRONMENT)["meta"]
    size = make(api, COMPUTE, {"gpuDevicesRequest": 1})["meta"]
    master = {
        "assets": of(runs["id"], compute=size["id"])["assets"],
        "specificEnv": {"args": "--master"},
    }
    spec = {
        "assets": {
            "environment": runs["id"].upper(),
            "compute": size["id"],
            "datasources": [],
            "workloadVolumes": ["scratch"],
        },
        "specificEnv": EVERY_PARAMETER,
        "distributed": {
            "numWorkers": 4,
            "noMaster": False,
            "distFramework": "JAX",
            "master": master,
        },
    }
    types = {"inference": False, "distributed": True, "distFramework": "PyTorch"}
    made = make(api, TEMPLATE, spec, workloadSupportedTypes=types, description="all of it")
    named = {"id": size["id"], "name": size["name"]}
    tools = ["custom", "jupyter-notebook", "wandb"]
    shown_environment = {"id": runs["id"], "name": runs["name"], "toolTypes": tools}
    assert made["spec"]["assets"] == {
        "environment": shown_environment,
        "compute": named,
        "datasources": [],
        "workloadVolumes": ["scratch"],
    }
    assert made["spec"]["distributed"]["master"] == {
        "assets": {"environment": shown_environment, "compute": named},
        "specificEnv": {"args": "--master"},
    }
    shown = copy.deepcopy(made["spec"]["specificEnv"])
    assert [choice.pop("connectionName") for choice in shown["connections"]] == [
        "notebook",
        "board",
    ]
    assert shown == EVERY_PARAMETER
    meta = made["meta"]
    assert (meta["kind"], meta["workloadSupportedTypes"]) == ("workload-template", types)
    assert api.get(place_of(made, TEMPLATE)) == made


def test_a_template_is_changed_and_removed(api: Api) -> None:
    first, second = environment(api), environment(api)
    size = make(api, COMPUTE, {})["meta"]["id"]
    made = make(api, TEMPLATE, {**of(first, compute=size), "specificEnv": {"args": "x"}})
    name = some_name()
    body = {"meta": {"name": name}, "spec": of(second)}
    changed = api.ask("PUT", place_of(made, TEMPLATE), json=body).json()
    assert changed["meta"]["name"] == name
    assert changed["meta"]["updateCount"] > made["meta"]["updateCount"]
    (named,) = changed["spec"].pop("assets").values()
    assert named["id"] == second
    assert changed["spec"] == {}
    assert users(api, first, ENVIRONMENT) == users(api, size, COMPUTE) == []
    assert users(api, second, ENVIRONMENT) == [name]
    assert api.ask("DELETE", place_of(made, TEMPLATE)).status_code == 202
    assert api.ask("GET", place_of(made, TEMPLATE)).status_code == 404
    assert users(api, second, ENVIRONMENT) == []


def users(api: Api, asset_id: str, path: str) -> list[str]:
    shown = api.get(f"{path}/{asset_id}", usageInfo="true")["usedBy"]["templates"]
    return [entry["name"] for entry in shown]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({}, "spec.assets: is required"),
        ({"assets": {}}, "spec.assets.environment: is required"),
        ({"assets": {"environment": None}}, "spec.assets.environment: must be a string"),
        (of("x"), "spec.assets.environment: is not a UUID"),
        (of(NOBODY), "spec.assets.environment: there is no asset of kind environment with"),
        (of("SIZE"), "spec.assets.environment: there is no asset of kind environment with"),
        (of("RUNS", compute="RUNS"), "spec.assets.compute: there is no asset of kind compute with"),
        (
            of("RUNS", datasources=[{"id": NOBODY, "kind": "pvc"}]),
            "spec.assets.datasources[0].id: there is no asset of kind pvc with",
        ),
        (
            of("RUNS", datasources=[{"id": NOBODY, "kind": "compute"}]),
            "spec.assets.datasources[0].kind: must be one of",
        ),
        (
            of("RUNS", datasources=[{"id": NOBODY, "kind": "git"}] * 2),
            "spec.assets.datasources[1].id: is given twice",
        ),
    ],
)
def test_what_a_template_is_made_of_must_be_there(api: Api, spec: Any, message: str) -> None:
    known = {"RUNS": environment(api), "SIZE": make(api, COMPUTE, {})["meta"]["id"]}
    assets = {
        name: known.get(value, value) if isinstance(value, str) else value
        for name, value in spec.get("assets", {}).items()
    }
    given = {**spec, "assets": assets} if "assets" in spec else spec
    assert refusal(ask_for(api, TEMPLATE, given)).startswith(message)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"command": "'open"}, "command: cannot be split"),
        ({"environmentVariables": [{"name": "A"}]}, "environmentVariables[0].value: is required"),
        (
            {"environmentVariables": [{"name": "PORT", "value": "1"}]},
            "environmentVariables[0].name: must not be PORT",
        ),
        (
            {
                "environmentVariables": [
                    {"name": "A", "credential": {"assetId": NOBODY, "key": "k"}}
                ]
            },
            "environmentVariables[0].credential.assetId: there is no asset of kind genericSecret",
        ),
        ({"labels": [{"name": "a b", "value": "x"}]}, "labels[0].name: must be"),
        ({"labels": [{"name": "a", "value": "x"}] * 2}, "labels[1].name: is given twice"),
        ({"annotations": [{"value": "x"}]}, "annotations[0].name: is required"),
        ({"category": "Play"}, "category: must be one of Build"),
        ({"priorityClass": "urgent"}, "priorityClass: must be one of very-low"),
        ({"preemptibility": "perhaps"}, "preemptibility: must be one of"),
        ({"restartPolicy": "Sometimes"}, "restartPolicy: must be one of"),
        ({"backoffLimit": -1}, "backoffLimit: must be at least 0"),
        ({"completions": 0}, "completions: must be at least 1"),
        (
            {"terminationGracePeriodSeconds": -1},
            "terminationGracePeriodSeconds: must be at least 0",
        ),
        ({"runAsUid": -1}, "runAsUid: must be from 0"),
        ({"connections": [{}]}, "connections[0].name: is required"),
        (
            {"connections": [{"name": "a"}, {"connectionName": "a"}]},
            "connections[1].name: is given",
        ),
        (
            {"connections": [{"name": "a", "authorizedUsers": ["u"], "authorizedGroups": ["g"]}]},
            "connections[0].authorizedGroups: must not be given together",
        ),
        ({"autoScaling": {"minReplicas": 3, "maxReplicas": 2}}, "autoScaling.maxReplicas: must be"),
        (
            {"autoScaling": {"thresholdMetric": "latency", "minReplicas": 0}},
            "autoScaling.thresholdMetric: must be throughput or concurrency",
        ),
        (
            {"autoScaling": {"thresholdMetric": "latency", "thresholdValue": 0}},
            "autoScaling.thresholdValue: must be at least 1",
        ),
        (
            {"servingPortAccess": {"authorizedUsers": ["u"]}},
            "servingPortAccess.authorizedUsers: must be left out",
        ),
        (
            {"allowOverQuota": True, "preemptibility": "non-preemptible"},
            "allowOverQuota: is true, which is preemptibility preemptible",
        ),
        (
            {"tolerations": [{"operator": "Equal", "key": "a", "effect": "NoSchedule"}]},
            "tolerations[0].value: is required where operator is Equal",
        ),
        ({"nodePools": ["p"] * 1001}, "nodePools: must have at most 1000 entries"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(api: Api, said: Any, message: str) -> None:
    spec = {**of(environment(api)), "specificEnv": said}
    assert refusal(ask_for(api, TEMPLATE, spec)).startswith(f"spec.specificEnv.{message}")


def test_what_is_missing_is_left_to_those_who_launch(api: Api) -> None:
    said = {"autoScaling": {"minReplicas": 0, "maxReplicas": 3}}
    made = make(api, TEMPLATE, {**of(environment(api)), "specificEnv": said})
    assert made["spec"]["specificEnv"] == said


def test_assets_must_be_there_for_all_who_see_the_template(api: Api) -> None:
    """What is in a project cannot be referred to above it, nor beside it."""
    inside = environment(api)
    everywhere = environment(api, scope="tenant")
    other = int(unit(api, "projects"))
    beside: dict[str, Any] = {"projectId": other}
    for scope, place in (("cluster", {}), ("project", beside)):
        answer = ask_for(api, TEMPLATE, of(inside), scope, **place)
        assert "spec.assets.environment: there is no asset" in refusal(answer)
        assert make(api, TEMPLATE, of(everywhere), scope, **place)


def test_an_environment_stays_while_templates_use_it(api: Api) -> None:
    runs = environment(api)
    made = make(api, TEMPLATE, of(runs))
    told = refusal(api.ask("DELETE", f"{ENVIRONMENT}/{runs}"), 409)
    assert f"workload-template {made['meta']['name']}" in told
    assert api.ask("DELETE", place_of(made, TEMPLATE)).status_code == 202
    assert api.ask("DELETE", f"{ENVIRONMENT}/{runs}").status_code == 202


def test_a_template_keeps_the_name_of_a_compute_resource_that_is_gone(api: Api) -> None:
    runs, size = environment(api), make(api, COMPUTE, {})
    made = make(api, TEMPLATE, of(runs, compute=size["meta"]["id"]))
    assert api.ask("DELETE", place_of(size, COMPUTE)).status_code == 202
    assert api.get(place_of(made, TEMPLATE)) == made
    body = {"meta": {"name": made["meta"]["name"]}, "spec": of(runs, compute=size["meta"]["id"])}
    told = refusal(api.ask("PUT", place_of(made, TEMPLATE), json=body))
    assert told.startswith("spec.assets.compute: there is no asset of kind compute")
    del body["spec"]["assets"]["compute"]
    assert api.ask("PUT", place_of(made, TEMPLATE), json=body).status_code == 202


def test_renamed_assets_are_shown_under_their_new_names(api: Api) -> None:
    runs = environment(api)
    made = make(api, TEMPLATE, of(runs))
    name = some_name()
    api.ask("PUT", f"{ENVIRONMENT}/{runs}", json={"meta": {"name": name}, "spec": {}})
    assert api.get(place_of(made, TEMPLATE))["spec"]["assets"]["environment"]["name"] == name


def test_templates_are_listed_by_the_types_of_workloads_they_are_for(api: Api) -> None:
    runs = environment(api)
    types = {
        "any": None,
        "workspace": {"workspace": True, "training": False, "inference": False},
        "torch": {"distributed": True, "distFramework": "PyTorch", "workspace": False},
        "mpi": {"distributed": True, "distFramework": "MPI", "workspace": False},
    }
    mark = some_name()
    for name, supported in types.items():
        make(api, TEMPLATE, of(runs), name=f"{mark}-{name}", workloadSupportedTypes=supported)

    def seen(**params: str) -> set[str]:
        found = names(api, TEMPLATE, search=mark, **params)
        return {name.removeprefix(f"{mark}-") for name in found}

    assert seen() == set(types)
    assert seen(isWorkspace="true") == {"any", "workspace"}
    assert seen(isTraining="false") == {"workspace"}
    assert seen(isDistributed="true") == set(types)
    assert seen(isDistributed="true", distributedFramework="MPI") == {"any", "workspace", "mpi"}
    assert seen(name=f"{mark}-mpi") == {"mpi"}
    assert seen(projectId=api.context.tree.project_id, scope="project") == set(types)
    assert seen(scope="tenant") == set()
    first = api.get(TEMPLATE, search=mark, limit=3, sortBy="name", sortOrder="desc")
    assert [entry["meta"]["name"].rpartition("-")[2] for entry in first["entries"]] == [
        "workspace",
        "torch",
        "mpi",
    ]
    assert first["next"] == 3
