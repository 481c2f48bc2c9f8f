"""Workloads made from templates, over HTTP."""

from typing import Any

from tests.api.answers import refusal
from tests.api.assets import (
    COMPUTE,
    CREDENTIALS,
    ENVIRONMENT,
    TEMPLATE,
    make,
    place_of,
    some_name,
)
from tests.api.launching import SAID, SIZE, body, launch, template
from tests.api.serving import INFERENCES, Api
from tests.api.test_templates import of
from windlass.workloads.inferences.desired import desired_of_stored


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


def test_a_pull_secret_of_a_template_is_taken_out(api: Api) -> None:
    made = template(api, {"imagePullSecrets": [{"name": "registry"}]})
    assert "spec.imagePullSecrets[0].name: needs a container" in refusal(launch(api, made))
    without = {"imagePullSecrets": [{"name": "registry", "exclude": True}]}
    created = launch(api, made, spec=without)
    assert (created.status_code, created.json()["spec"]["imagePullSecrets"]) == (202, [])
