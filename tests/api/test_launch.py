"""Workloads made from templates, over HTTP."""

from typing import Any

import httpx
import pytest

from tests.api.assets import (
    COMPUTE,
    CREDENTIALS,
    DATA_SOURCES,
    ENVIRONMENT,
    TEMPLATE,
    make,
    place_of,
    some_name,
    unit,
)
from tests.api.serving import INFERENCES, NOBODY, SPEC, Api
from tests.api.test_environments import SERVED
from tests.api.test_templates import of, refusal
from windlass.assets.kinds import KINDS
from windlass.workloads.inferences.desired import desired_of_stored

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


def test_a_launch_makes_what_template_and_assets_say(api: Api) -> None:
    answer = launch(api, template(api))
    assert answer.status_code == 202, answer.text
    created = answer.json()
    assert created["spec"] == {
        "image": "host/canary",
        "args": "from its template",
        "environmentVariables": [
            {"name": "LEVEL", "value": "info"},
            {"name": "WHO", "value": "template"},
        ],
        "labels": SAID["labels"],
        "autoscaling": {
            "minReplicas": 0,
            "maxReplicas": 3,
            "metric": "concurrency",
            "metricThreshold": 4,
        },
        "servingPort": {
            "container": 8000,
            "protocol": "http",
            "authorizationType": "authenticatedUsers",
        },
        "exposedUrls": [{"container": 6006, "toolType": "tensorboard", "toolName": "board"}],
        "ports": [
            {
                "container": 7000,
                "serviceType": "NodePort",
                "toolType": "custom",
                "toolName": "debug",
                "external": created["spec"]["ports"][0]["external"],
            }
        ],
        "priorityClass": "high",
        "compute": SIZE,
    }
    assert api.get(f"{INFERENCES}/{created['workloadId']}") == created


def test_the_request_weighs_more_than_the_template_and_that_more_than_its_assets(api: Api) -> None:
    own = {
        "args": "mine",
        "environmentVariables": [{"name": "WHO", "exclude": True}, {"name": "NEW", "value": "1"}],
        "labels": [{"name": "stage", "exclude": True}],
        "compute": {"cpuCoreRequest": 0.2},
        "autoscaling": {"maxReplicas": 1},
        "priorityClass": None,
    }
    created = launch(api, template(api), spec=own).json()["spec"]
    assert created["args"] == "mine"
    assert created["environmentVariables"] == [
        {"name": "LEVEL", "value": "info"},
        {"name": "NEW", "value": "1"},
    ]
    assert created["labels"] == [{"name": "team", "value": "vision"}]
    assert created["compute"] == {**SIZE, "cpuCoreRequest": 0.2}
    assert created["autoscaling"]["maxReplicas"] == 1
    assert created["autoscaling"]["metric"] == "concurrency"
    assert created["priorityClass"] == "high"


def test_an_inference_that_names_a_template_is_made_from_it(api: Api) -> None:
    made = template(api)
    size = make(api, COMPUTE, {"cpuCoreRequest": 0.3})["meta"]["id"]
    created = api.create(
        some_name("w"), {}, templateId=made["meta"]["id"], assets={"compute": size}
    )
    assert created["spec"]["compute"] == {"cpuCoreRequest": 0.3}
    assert created["spec"]["args"] == "from its template"
    used = [made["spec"]["assets"]["compute"]["id"], size]
    assert [users(api, f"{COMPUTE}/{asset_id}") for asset_id in used] == [
        [],
        [created["workloadId"]],
    ]


def test_a_launch_is_a_use_of_the_template_and_of_its_assets(api: Api) -> None:
    made = template(api)
    created = launch(api, made).json()
    assets = made["spec"]["assets"]
    places = (
        place_of(made, TEMPLATE),
        f"{COMPUTE}/{assets['compute']['id']}",
        f"{ENVIRONMENT}/{assets['environment']['id']}",
    )
    for place in places:
        assert users(api, place) == [created["workloadId"]]
    api.finish_deletion(created["workloadId"])
    for place in places:
        assert users(api, place) == []


def users(api: Api, place: str) -> list[str]:
    return [use["id"] for use in api.get(place, usageInfo="true")["usedBy"]["inferences"]]


def test_what_is_launched_stays_as_it_is(api: Api) -> None:
    made = template(api)
    created = launch(api, made).json()
    runs = made["spec"]["assets"]["environment"]["id"]
    changed = {"meta": {"name": made["meta"]["name"]}, "spec": of(runs)}
    assert api.ask("PUT", place_of(made, TEMPLATE), json=changed).status_code == 202
    assert api.ask("DELETE", place_of(made, TEMPLATE)).status_code == 202
    shown = api.get(f"{INFERENCES}/{created['workloadId']}")
    assert shown["spec"] == created["spec"]
    assert launch(api, made).status_code == 404


def test_what_is_chosen_of_connections_is_what_the_workload_has(api: Api) -> None:
    chosen = [
        {
            "name": "board",
            "externalUrl": "https://board.example.org",
            "authorizedUsers": ["ada@example.org"],
        },
        {"connectionName": "debug", "nodePort": 30123},
        {"name": "api"},
    ]
    created = launch(api, template(api, {"connections": chosen})).json()["spec"]
    (url,), (port,) = created["exposedUrls"], created["ports"]
    assert url == {
        "container": 6006,
        "toolType": "tensorboard",
        "toolName": "board",
        "url": "https://board.example.org",
        "authorizationType": "authorizedUsers",
        "authorizedUsers": ["ada@example.org"],
    }
    assert (port["container"], port["external"]) == (7000, 30123)
    assert created["servingPort"] == {"container": 8000, "protocol": "http"}


@pytest.mark.parametrize(
    ("choice", "problem"),
    [
        ({"name": "other", "nodePort": 30000}, "'other', which its environment does not have"),
        ({"name": "board", "nodePort": 30000}, "'board', which is of type ExternalUrl, a nodePort"),
        ({"name": "api", "authorizedUsers": ["a"]}, "'api', which is of type ServingPort"),
    ],
)
def test_choices_that_the_environment_does_not_leave_are_refused(
    api: Api, choice: Any, problem: str
) -> None:
    told = refusal(launch(api, template(api, {"connections": [choice]})))
    assert told.startswith("templateId: the template")
    assert problem in told


def test_a_dry_run_tells_where_each_value_comes_from_and_makes_nothing(api: Api) -> None:
    made = template(
        api, {"args": "its", "environmentVariables": [{"name": "MODE", "exclude": True}]}
    )
    own = {"labels": [{"name": "team", "value": "mine"}], "fieldOfNoVersion": 1}
    name = some_name("w")
    place = f"{place_of(made, TEMPLATE)}/launch"
    before = api.get("/api/v1/workloads/count")
    asked = body(api, name=name, spec=own)
    answer = api.ask("POST", place, json=asked, params={"dryRun": "true"})
    assert answer.status_code == 200, answer.text
    seen = answer.json()
    assert api.get("/api/v1/workloads/count") == before
    assert users(api, place_of(made, TEMPLATE)) == []
    expected = {
        "spec.labels[0].value": "request",
        "spec.args": "template",
        "spec.image": "asset",
        "spec.environmentVariables[0].value": "asset",
        "spec.compute.cpuCoreRequest": "asset",
        "spec.servingPort.container": "asset",
        "spec.servingPort.authorizationType": "default",
        "spec.category": "default",
        "spec.autoscaling.minReplicas": "default",
        "spec.servingConfiguration.requestTimeoutSeconds": "default",
    }
    assert expected.items() <= seen["origins"].items()
    assert set(seen["origins"]) == {f"spec{path}" for path in leaves(seen["spec"])}
    named = {**asked, "templateId": made["meta"]["id"]}
    twin = api.ask("POST", INFERENCES, json=named, params={"dryRun": "true"})
    assert twin.json() == seen
    # What it says is what is made, and can be sent instead.
    created = api.ask("POST", place, json=asked, params={"dryRun": "false"}).json()
    for port in created["spec"]["ports"]:
        del port["external"]
    assert desired_of_stored(seen["spec"]) == desired_of_stored(created["spec"])
    for path, value in leaves(created["spec"]).items():
        assert leaves(seen["spec"])[path] == value
    again = api.create(some_name("w"), seen["spec"])["spec"]
    for port in again["ports"]:
        del port["external"]
    assert again == seen["spec"]


def leaves(value: Any, path: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    if isinstance(value, dict):
        for key, member in value.items():
            found |= leaves(member, f"{path}.{key}")
    elif isinstance(value, list):
        for index, entry in enumerate(value):
            found |= leaves(entry, f"{path}[{index}]")
    else:
        found[path] = value
    return found


def test_a_dry_run_refuses_what_would_be_refused(api: Api) -> None:
    def told(given: dict[str, Any], status: int = 400) -> str:
        return refusal(api.ask("POST", INFERENCES, json=given, params={"dryRun": "true"}), status)

    taken = api.create(some_name("w"))["name"]
    assert "is taken" in told(api.creation(taken), 409)
    assert told(api.creation(some_name("w"), {**SPEC, "args": "'"})).startswith("spec.args: cannot")
    assert told(api.creation("Not A Name")).startswith("name: must be lower-case")
    assert "this machine has no host image" in told(
        api.creation(some_name("w"), {**SPEC, "image": "host/x"})
    )
    answer = api.ask("POST", INFERENCES, json=api.creation("a"), params={"dryRun": "yes"})
    assert refusal(answer) == "dryRun: is 'yes'; it must be true or false"


def test_what_no_engine_runs_yet_is_refused_and_says_so(api: Api) -> None:
    types = {"training": True, "inference": False}
    training = template(api, workloadSupportedTypes=types)
    told = refusal(launch(api, training))
    assert f"the template {training['meta']['name']!r} describes workloads of type training" in told
    assert "which cannot be run here yet" in told
    runs = make(api, ENVIRONMENT, RUNS)["meta"]["id"]
    distributed = make(api, TEMPLATE, {**of(runs), "distributed": {"numWorkers": 2}})
    assert "a distributed job, which cannot be run here yet" in refusal(launch(api, distributed))
    both = template(api, workloadSupportedTypes={"training": True, "inference": True})
    assert launch(api, both).status_code == 202


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"completions": 2}, "specificEnv.completions: belongs to trainings"),
        ({"backoffLimit": 2}, "specificEnv.backoffLimit: belongs to workloads that complete"),
        ({"restartPolicy": "Never"}, "specificEnv.restartPolicy: must be Always"),
        ({"terminateAfterPreemption": True}, "specificEnv.terminateAfterPreemption: belongs to"),
        ({"terminationGracePeriodSeconds": 60}, "specificEnv.terminationGracePeriodSeconds: needs"),
    ],
)
def test_what_no_inference_can_have_is_refused_when_it_is_launched(
    api: Api, said: Any, reason: str
) -> None:
    told = refusal(launch(api, template(api, said)))
    assert told.startswith("templateId: the template")
    assert reason in told


def test_what_asks_for_nothing_is_no_hindrance(api: Api) -> None:
    said = {
        "restartPolicy": "Always",
        "terminateAfterPreemption": False,
        "backoffLimit": None,
        "allowOverQuota": True,
    }
    assert launch(api, template(api, said)).json()["spec"]["preemptibility"] == "preemptible"


def test_what_is_wrong_says_where_it_comes_from(api: Api) -> None:
    runs = {**RUNS, "uidGidSource": "custom", "overrideUidGidInWorkspace": True}
    made = template(api, {"nodePools": ["nowhere"], "runAsUid": 1000}, runs)
    answer = launch(api, made)
    told = [refusal(answer), *answer.json()["details"].splitlines()]
    assert [line.partition(", so")[0] for line in told] == [
        "spec.security.uidGidSource: needs a container",
        "spec.security.runAsUid: needs a container",
    ]
    assert told[0].endswith("(it comes from an asset)")
    assert told[1].endswith("(it comes from the template)")


def test_a_template_that_lacks_an_asset_is_refused(api: Api) -> None:
    made = template(api)
    size = made["spec"]["assets"]["compute"]
    api.ask("DELETE", f"{COMPUTE}/{size['id']}")
    told = refusal(launch(api, made))
    assert told == (
        f"templateId: the template {made['meta']['name']!r} needs the compute resource"
        f" {size['name']!r} ({size['id']}), which is gone or cannot be used in this project"
    )
    other = make(api, COMPUTE, {})["meta"]["id"]
    assert launch(api, made, assets={"compute": other}).status_code == 202


def test_a_template_is_launched_where_it_can_be_seen(api: Api) -> None:
    made = template(api)
    other = unit(api, "projects")
    answer = launch(api, made, projectId=other)
    assert "that can be used in this project" in refusal(answer, 404)
    named = api.creation(some_name("w"), {}, projectId=other, templateId=made["meta"]["id"])
    assert refusal(api.post(named)).startswith("templateId: there is no template with the id")
    for unknown in (NOBODY, "x", made["spec"]["assets"]["compute"]["id"]):
        path = f"{TEMPLATE}/{unknown}/launch"
        assert api.ask("POST", path, json=body(api)).status_code == 404
    assert refusal(api.post(api.creation("a", {}, templateId="x"))).startswith("templateId: is not")


def test_whoever_may_submit_may_launch_from_above_without_seeing_templates(api: Api) -> None:
    runs = make(api, ENVIRONMENT, RUNS, "cluster")["meta"]["id"]
    made = make(api, TEMPLATE, of(runs), "cluster")
    who = f"{some_name()}@example.org"
    project = api.context.tree.project_id
    path = f"{place_of(made, TEMPLATE)}/launch"
    headers = api.headers_of(who)
    refused = api.ask("POST", path, headers=headers, json=body(api))
    assert refused.status_code == 404
    api.give(who, 9, "project", project)
    answer = api.ask("POST", path, headers=api.headers_of(who), json=body(api))
    assert (answer.status_code, answer.json()["createdBy"]) == (202, who)


def test_a_name_may_be_a_prefix(api: Api) -> None:
    name = some_name("w")
    made = launch(api, template(api), name=name, useGivenNameAsPrefix=True).json()
    assert made["requestedName"] == name
    assert made["name"].startswith(f"{name}-")


def test_a_template_takes_credentials_as_variables(api: Api) -> None:
    secret = make(
        api,
        f"{CREDENTIALS}/generic-secret",
        {"keyValuePairs": [{"key": "token", "value": "s3cr3t"}]},
    )["meta"]
    variable = {"name": "TOKEN", "credential": {"assetId": secret["id"], "key": "token"}}
    made = template(api, {"environmentVariables": [variable]})
    created = launch(api, made)
    assert created.status_code == 202, created.text
    assert "s3cr3t" not in created.text
    place = f"{CREDENTIALS}/generic-secret/{secret['id']}"
    assert users(api, place) == [created.json()["workloadId"]]
    assert api.ask("DELETE", place).status_code == 412


def test_what_is_not_mounted_yet_is_refused_when_it_is_launched(api: Api) -> None:
    claim = {"path": "/scratch", "claimInfo": {"size": "1Gi"}}
    source = make(api, f"{DATA_SOURCES}/pvc", claim)["meta"]
    runs = make(api, ENVIRONMENT, RUNS)["meta"]["id"]
    overrides = {"containerPath": "/data"}
    spec = of(runs, datasources=[{"id": source["id"], "kind": "pvc", "overrides": overrides}])
    made = make(api, TEMPLATE, spec)
    (shown,) = made["spec"]["assets"]["datasources"]
    assert shown == {
        "id": source["id"],
        "name": source["name"],
        "kind": "pvc",
        "overrides": overrides,
    }
    told = refusal(launch(api, made))
    assert f"needs the {words_of('pvc')} {source['name']!r}, which cannot be used in" in told
    volumes = make(api, TEMPLATE, of(runs, workloadVolumes=["scratch"]))
    assert "assets.workloadVolumes: is not supported yet" in refusal(launch(api, volumes))


def words_of(kind: str) -> str:
    return next(each.words for each in KINDS if each.name == kind)


def test_templates_are_made_from_what_ships(api: Api) -> None:
    def shipped(path: str, name: str) -> str:
        (found,) = api.get(path, scope="system", name=name)["entries"]
        return str(found["meta"]["id"])

    size = shipped(COMPUTE, "half-gpu")
    made = make(api, TEMPLATE, of(shipped(ENVIRONMENT, "files"), compute=size), "tenant")
    seen = api.ask(
        "POST",
        f"{place_of(made, TEMPLATE)}/launch",
        json=body(api, spec={"image": "host/canary"}),
        params={"dryRun": "true"},
    ).json()
    assert seen["spec"]["compute"]["gpuPortionRequest"] == 0.5
    assert seen["origins"]["spec.servingPort.container"] == "asset"


def test_a_template_tells_whether_it_can_be_launched(api: Api) -> None:
    def told(made: dict[str, Any], workload_type: str = "Inference") -> Any:
        tree = api.context.tree
        asked = {"complyToProject": tree.project_id, "complyToWorkloadType": workload_type}
        return api.get(place_of(made, TEMPLATE), **asked)["compliance"]

    good = template(api)
    assert told(good)["compliance"] is True
    assert told(good, "Training")["compliance"] is False
    (reason,) = told(template(api, {"completions": 2}))["reason"]
    assert reason["field"] == "workload-template.specificEnv.completions"


def test_what_a_template_takes_out_in_vain_is_no_hindrance(api: Api) -> None:
    said = {
        "imagePullSecrets": [{"name": "registry", "exclude": True}],
        "labels": [{"name": "team", "exclude": True}, {"name": "stage", "value": "test"}],
    }
    made = template(api, said)
    created = launch(api, made).json()["spec"]
    assert created["labels"] == [{"name": "stage", "value": "test"}]
    own = {"labels": [{"name": "stage", "exclude": True}]}
    assert launch(api, made, spec=own).json()["spec"]["labels"] == []
    own["labels"].append({"name": "color", "exclude": True})
    told = refusal(launch(api, made, spec=own))
    assert told.startswith("spec.labels[1].exclude: takes out nothing: neither a template")


def test_a_pull_secret_of_a_template_is_taken_out(api: Api) -> None:
    made = template(api, {"imagePullSecrets": [{"name": "registry"}]})
    assert "spec.imagePullSecrets[0].name: needs a container" in refusal(launch(api, made))
    without = {"imagePullSecrets": [{"name": "registry", "exclude": True}]}
    created = launch(api, made, spec=without)
    assert (created.status_code, created.json()["spec"]["imagePullSecrets"]) == (202, [])
