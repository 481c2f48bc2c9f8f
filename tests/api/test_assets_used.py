"""What is made from assets, and what assets then tell of it; shown by compute resources."""

from typing import Any

from tests.api.answers import refusal
from tests.api.assets import COMPUTE, ask_for, make, place_of, some_name, unit
from tests.api.serving import NOBODY, SPEC, Api
from tests.api.test_compute_assets import EVERYTHING


def test_a_workload_gets_exactly_what_its_compute_resource_says(api: Api) -> None:
    spec = {"cpuCoreRequest": 0.3, "cpuMemoryRequest": "0.3Gi", "cpuMemoryLimit": "1Gi"}
    made = make(api, COMPUTE, spec, "cluster")
    created = api.create(some_name("w"), assets={"compute": made["meta"]["id"]})
    assert created["spec"]["compute"] == spec
    used = api.get(place_of(made, COMPUTE), usageInfo="true")["usedBy"]
    own = {"id": created["workloadId"], "name": created["name"], "status": "Creating"}
    assert used["inferences"] == [own]
    assert used["workspaces"] == used["templates"] == []
    api.finish_deletion(created["workloadId"])
    assert api.get(place_of(made, COMPUTE), usageInfo="true")["usedBy"]["inferences"] == []


def test_what_the_request_says_itself_weighs_more(api: Api) -> None:
    asset = {"gpuRequestType": "portion", "gpuPortionRequest": 0.5, "cpuCoreRequest": 1}
    made = make(api, COMPUTE, asset)
    own = {"gpuRequestType": "memory", "gpuMemoryRequest": "1Gi"}
    spec = {**SPEC, "compute": own}
    created = api.create(some_name("w"), spec, assets={"compute": made["meta"]["id"]})
    assert created["spec"]["compute"] == {**own, "cpuCoreRequest": 1}


def test_a_compute_resource_may_go_while_it_is_used(api: Api) -> None:
    made = make(api, COMPUTE, {"cpuCoreRequest": 0.3})
    created = api.create(some_name("w"), assets={"compute": made["meta"]["id"]})
    body = {"meta": {"name": made["meta"]["name"]}, "spec": {"cpuCoreRequest": 4}}
    assert api.ask("PUT", place_of(made, COMPUTE), json=body).status_code == 202
    assert api.ask("DELETE", place_of(made, COMPUTE)).status_code == 202
    path = f"/api/v1/workloads/inferences/{created['workloadId']}"
    assert api.get(path)["spec"]["compute"] == {"cpuCoreRequest": 0.3}


def test_what_cannot_be_used_there_is_refused(api: Api) -> None:
    elsewhere = make(api, COMPUTE, {}, projectId=int(unit(api, "projects")))["meta"]["id"]
    training = make(api, COMPUTE, {}, workloadSupportedTypes={"inference": False})["meta"]
    devices = make(api, COMPUTE, {"extendedResources": EVERYTHING["extendedResources"]})["meta"]

    def told(asset_id: object) -> str:
        return refusal(api.post(api.creation(some_name("w"), assets={"compute": asset_id})))

    for unusable in (NOBODY, elsewhere):
        assert told(unusable) == (
            f"assets.compute: there is no compute resource with the id {unusable!r} that can be"
            " used in this project"
        )
    assert "is not meant for workloads of type Inference" in told(training["id"])
    assert told("x").startswith("assets.compute: is not a UUID")
    assert told(devices["id"]).startswith("spec.compute.extendedResources[0].resource: needs")
    assert told(devices["id"]).endswith("(it comes from an asset)")


def test_compliance_is_told_for_a_project_and_a_type_of_workload(api: Api) -> None:
    tree = api.context.tree
    plain = make(api, COMPUTE, {"gpuDevicesRequest": 1})
    special = make(api, COMPUTE, {"extendedResources": EVERYTHING["extendedResources"]})
    elsewhere = make(api, COMPUTE, {}, projectId=int(unit(api, "projects")))

    def told(asset: dict[str, Any], **params: str) -> Any:
        asked = {"complyToProject": tree.project_id, "complyToWorkloadType": "Inference"}
        return api.get(place_of(asset, COMPUTE), **{**asked, **params})["compliance"]

    assert told(plain) == {"imposed": False, "compliance": True, "reason": []}
    reasons = told(special)["reason"]
    assert reasons[0]["field"] == "compute.extendedResources[0].resource"
    assert "needs Kubernetes" in reasons[0]["details"]
    assert told(elsewhere)["reason"][0]["details"].startswith("it cannot be used in project")
    assert "Training" in told(plain, complyToWorkloadType="Training")["reason"][0]["details"]
    assert "compliance" not in api.get(place_of(plain, COMPUTE), complyToProject=tree.project_id)


def test_the_last_use_is_told_for_a_project_and_a_type_of_workload(api: Api) -> None:
    made = make(api, COMPUTE, {"cpuCoreRequest": 0.1})
    asked = {
        "usageInfo": "true",
        "complyToProject": api.context.tree.project_id,
        "complyToWorkloadType": "Inference",
    }
    assert api.get(place_of(made, COMPUTE), **asked)["usageTimes"] == {"lastUsedByWorkload": None}
    created = api.create(some_name("w"), assets={"compute": made["meta"]["id"]})
    told = api.get(place_of(made, COMPUTE), **asked)["usageTimes"]["lastUsedByWorkload"]
    assert told == created["createdAt"]
    assert "usageTimes" not in api.get(place_of(made, COMPUTE), usageInfo="true")


def test_what_ships_is_everybodys_and_nobody_changes_it(api: Api) -> None:
    project = int(unit(api, "projects"))
    api.give("plain@example.org", 7, "project", str(project))
    headers = api.headers_of("plain@example.org")
    listed = api.ask("GET", COMPUTE, headers=headers, params={"scope": "system"}).json()["entries"]
    shipped = {entry["meta"]["name"]: entry for entry in listed}
    assert {"cpu-only", "half-gpu", "one-gpu"} <= set(shipped)
    half = shipped["half-gpu"]
    for sent in (headers, None):
        body = {"meta": {"name": "half-gpu"}, "spec": {}}
        for method, options in (("PUT", {"json": body}), ("DELETE", {})):
            answer = api.ask(method, place_of(half, COMPUTE), headers=sent, **options)
            assert answer.status_code == 403, answer.text
    created = api.create(some_name("w"), assets={"compute": half["meta"]["id"]})
    assert created["spec"]["compute"] == half["spec"]
    assert "is taken" in refusal(ask_for(api, COMPUTE, {}, name="half-gpu"), 409)
