"""Launches from templates that are refused, and those that are not for all that looks like it."""

from typing import Any

import pytest

from tests.api.answers import refusal
from tests.api.assets import (
    COMPUTE,
    DATA_SOURCES,
    ENVIRONMENT,
    TEMPLATE,
    make,
    place_of,
    some_name,
    unit,
)
from tests.api.launching import RUNS, body, launch, template
from tests.api.serving import INFERENCES, NOBODY, SPEC, Api
from tests.api.test_templates import of
from windlass.assets.kinds import KINDS


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
