"""Compute resources over HTTP: the rules that all kinds of assets share, shown by this one."""

from typing import Any

import pytest

from tests.api.answers import refusal
from tests.api.assets import COMPUTE, ask_for, make, names, place, place_of, some_name, unit
from tests.api.serving import NOBODY, Api

EVERYTHING: dict[str, Any] = {
    "gpuDevicesRequest": 1,
    "gpuRequestType": "portion",
    "gpuPortionRequest": 0.25,
    "gpuPortionLimit": 0.5,
    "cpuCoreRequest": 0.1,
    "cpuCoreLimit": 1.5,
    "cpuMemoryRequest": "1.5Gi",
    "cpuMemoryLimit": "2Gi",
    "largeShmRequest": True,
    "extendedResources": [{"resource": "example.com/fpga", "quantity": "2"}],
}


def test_an_asset_lives_from_its_creation_to_its_end(api: Api) -> None:
    made = make(api, COMPUTE, EVERYTHING, description="first", private=False, autoDelete=False)
    meta = made["meta"]
    assert made["spec"] == EVERYTHING
    assert meta["kind"] == "compute"
    assert meta["tenantId"] == api.context.tree.tenant_id
    assert meta["projectId"] == int(api.context.tree.project_id)
    assert meta["projectName"] == api.context.tree.project_name
    assert (meta["createdAt"], meta["createdBy"]) == (meta["updatedAt"], meta["updatedBy"])
    assert api.get(place_of(made, COMPUTE)) == made
    name = some_name()
    body = {"meta": {"name": name}, "spec": {"gpuDevicesRequest": 2}}
    changed = api.ask("PUT", place_of(made, COMPUTE), json=body)
    assert changed.status_code == 202, changed.text
    after = changed.json()
    assert after["spec"] == {"gpuDevicesRequest": 2}
    assert after["meta"]["name"] == name
    assert after["meta"]["description"] is None
    assert after["meta"]["scope"] == "project"
    assert after["meta"]["updateCount"] > meta["updateCount"]
    assert after["meta"]["updatedAt"] >= meta["updatedAt"]
    assert after["meta"]["createdAt"] == meta["createdAt"]
    gone = api.ask("DELETE", place_of(made, COMPUTE))
    assert (gone.status_code, gone.json()["code"]) == (202, 202)
    for method in ("GET", "DELETE"):
        assert api.ask(method, place_of(made, COMPUTE)).status_code == 404
    assert api.ask("PUT", place_of(made, COMPUTE), json=body).status_code == 404


def test_what_is_shown_can_be_sent_back(api: Api) -> None:
    made = make(api, COMPUTE, EVERYTHING, workloadSupportedTypes={})
    answer = api.ask("PUT", place_of(made, COMPUTE), json=made)
    assert answer.status_code == 202, answer.text
    again = answer.json()
    assert again["spec"] == made["spec"]
    assert again["meta"]["name"] == made["meta"]["name"]


def test_a_spec_that_is_null_asks_for_nothing(api: Api) -> None:
    assert make(api, COMPUTE, None)["spec"] == {}
    assert make(api, COMPUTE, {"gpuDevicesRequest": None, "unknown": 1})["spec"] == {}


def test_every_change_has_a_higher_count_than_all_before(api: Api) -> None:
    first, second = make(api, COMPUTE, {}), make(api, COMPUTE, {})
    body = {"meta": {"name": first["meta"]["name"]}, "spec": {}}
    changed = api.ask("PUT", place_of(first, COMPUTE), json=body).json()
    counts = [made["meta"]["updateCount"] for made in (first, second, changed)]
    assert counts == sorted(set(counts))


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"gpuRequestType": "portion"}, "spec.gpuPortionRequest: is required"),
        ({"gpuRequestType": "memory"}, "spec.gpuMemoryRequest: is required"),
        ({"gpuRequestType": "migProfile"}, "spec.migProfile: is required"),
        ({"gpuRequestType": "half"}, "spec.gpuRequestType: must be one of"),
        ({"gpuPortionRequest": 0.5}, "spec.gpuPortionRequest: belongs to gpuRequestType portion"),
        ({"gpuMemoryRequest": "1Gi"}, "spec.gpuMemoryRequest: belongs to gpuRequestType memory"),
        (
            {"gpuRequestType": "portion", "gpuPortionRequest": 4},
            "spec.gpuPortionRequest: must be above 0 and at most 1",
        ),
        (
            {"gpuRequestType": "portion", "gpuPortionRequest": 0.5, "gpuPortionLimit": 0.4},
            "spec.gpuPortionLimit: must be at least gpuPortionRequest",
        ),
        (
            {"gpuRequestType": "memory", "gpuMemoryRequest": "2Gi", "gpuMemoryLimit": "2147483647"},
            "spec.gpuMemoryLimit: must be at least gpuMemoryRequest",
        ),
        (
            {"gpuDevicesRequest": 2, "gpuRequestType": "memory", "gpuMemoryRequest": "1Gi"},
            "spec.gpuRequestType: must be portion",
        ),
        (
            {"gpuDevicesRequest": 2, "gpuRequestType": "migProfile", "migProfile": "1g.5gb"},
            "spec.gpuDevicesRequest: must be 1",
        ),
        ({"gpuDevicesRequest": -1}, "spec.gpuDevicesRequest: must be at least 0"),
        ({"gpuDevicesRequest": 1.5}, "spec.gpuDevicesRequest: must be a whole number"),
        ({"cpuCoreRequest": 2, "cpuCoreLimit": 1}, "spec.cpuCoreLimit: must be at least"),
        (
            {"cpuMemoryRequest": "0.1Gi", "cpuMemoryLimit": "107374182"},
            "spec.cpuMemoryLimit: must be at least cpuMemoryRequest",
        ),
        ({"cpuMemoryRequest": "-1Gi"}, "spec.cpuMemoryRequest: must be above zero"),
        ({"cpuMemoryRequest": "1GB"}, "spec.cpuMemoryRequest: is not a quantity (leave out the B)"),
        ({"cpuMemoryRequest": "1m"}, "spec.cpuMemoryRequest: is less than one byte"),
        ({"cpuMemoryRequest": 1024}, "spec.cpuMemoryRequest: must be a string"),
        ({"extendedResources": [{"quantity": "1"}]}, "spec.extendedResources[0].resource: is"),
        (
            {"extendedResources": [{"resource": "a", "quantity": "0.5"}]},
            "spec.extendedResources[0].quantity: must be a whole number",
        ),
    ],
)
def test_a_spec_that_makes_no_sense_is_refused(api: Api, spec: Any, message: str) -> None:
    assert refusal(ask_for(api, COMPUTE, spec)).startswith(message)


def test_several_devices_take_a_portion_of_each(api: Api) -> None:
    spec = {"gpuDevicesRequest": 3, "gpuRequestType": "portion", "gpuPortionRequest": 1}
    assert make(api, COMPUTE, spec)["spec"] == spec


def test_all_that_is_wrong_is_said_at_once(api: Api) -> None:
    body = {"meta": {"name": " x", "scope": "planet"}, "spec": {"cpuCoreRequest": "1"}}
    error = api.ask("POST", COMPUTE, json=body).json()
    told = f"{error['message']}\n{error['details']}"
    assert {line.partition(":")[0] for line in told.splitlines()} == {
        "meta.scope",
        "spec.cpuCoreRequest",
    }
    assert refusal(api.ask("POST", COMPUTE, json={})) == "meta: is required"


@pytest.mark.parametrize(
    ("meta", "message"),
    [
        ({"scope": "system"}, "meta.scope: must not be system"),
        ({"scope": "cluster"}, "meta.clusterId: is required where scope is cluster"),
        ({"scope": "department"}, "meta.departmentId: is required where scope is department"),
        ({"scope": "project"}, "meta.projectId: is required where scope is project"),
        ({"scope": "tenant", "projectId": 1}, "meta.projectId: must be left out"),
        ({"scope": "cluster", "clusterId": NOBODY}, "meta.clusterId: there is no cluster"),
        ({"scope": "project", "projectId": 17}, "meta.projectId: there is no project"),
        ({"scope": "project", "projectId": -(2**31)}, "meta.projectId: there is no project"),
        ({"scope": "department", "departmentId": "x"}, "meta.departmentId: there is no dep"),
    ],
)
def test_the_unit_must_be_one_that_there_is(api: Api, meta: Any, message: str) -> None:
    body = {"meta": {"name": some_name(), **meta}, "spec": {}}
    assert refusal(api.ask("POST", COMPUTE, json=body)).startswith(message)


def test_ids_of_units_above_must_be_right(api: Api) -> None:
    tree = api.context.tree
    right = {"clusterId": tree.cluster_id.upper(), "departmentId": tree.department_id}
    make(api, COMPUTE, {}, **right)
    wrong = ask_for(api, COMPUTE, {}, departmentId="17")
    assert refusal(wrong).startswith("meta.departmentId: is '17'; the project")


def test_a_name_is_free_unless_it_is_taken_above_or_below(api: Api) -> None:
    other = int(unit(api, "projects"))
    for scope in ("tenant", "cluster", "department", "project"):
        name = make(api, COMPUTE, {}, scope)["meta"]["name"]
        for elsewhere in ("tenant", "cluster", "department", "project"):
            answer = ask_for(api, COMPUTE, {}, elsewhere, name=name)
            assert "is taken by the compute resource" in refusal(answer, 409)
        beside = ask_for(api, COMPUTE, {}, name=name, projectId=other)
        assert beside.status_code == (202 if scope == "project" else 409)


def test_a_name_is_free_again_once_its_asset_is_gone(api: Api) -> None:
    made, other = make(api, COMPUTE, {}), make(api, COMPUTE, {})
    body = {"meta": {"name": made["meta"]["name"]}, "spec": {}}
    assert "is taken" in refusal(api.ask("PUT", place_of(other, COMPUTE), json=body), 409)
    api.ask("DELETE", place_of(made, COMPUTE))
    assert api.ask("PUT", place_of(other, COMPUTE), json=body).status_code == 202


def test_what_cannot_be_changed_is_refused(api: Api) -> None:
    made = make(api, COMPUTE, {})
    for change in (place(api, "tenant"), {"autoDelete": True}, {"private": True}):
        body = {"meta": {"name": made["meta"]["name"], **change}, "spec": {}}
        assert "cannot be changed" in refusal(api.ask("PUT", place_of(made, COMPUTE), json=body))


def test_assets_are_seen_below_their_unit_and_not_beside(api: Api) -> None:
    tree = api.context.tree
    department = unit(api, "departments")
    inner = int(unit(api, "projects", parentId=department))
    own = {scope: make(api, COMPUTE, {}, scope)["meta"]["name"] for scope in ("tenant", "cluster")}
    own["department"] = make(api, COMPUTE, {}, "department", departmentId=department)["meta"][
        "name"
    ]
    own["project"] = make(api, COMPUTE, {}, projectId=inner)["meta"]["name"]
    everything = set(own.values())

    def seen(**params: Any) -> set[str]:
        found = names(api, COMPUTE, **params) & everything
        return {scope for scope, name in own.items() if name in found}

    above = {"tenant", "cluster"}
    assert seen() == set(own)
    assert seen(projectId=inner) == set(own)
    assert seen(projectId=inner, scope="project") == {"project"}
    assert seen(projectId=inner, scope="tenant") == {"tenant"}
    assert seen(projectId=tree.project_id) == above
    assert seen(departmentId=department) == {*above, "department"}
    assert seen(departmentId=department, scope="department") == {"department"}
    assert seen(departmentId=department, includeDescendants="true") == set(own)
    assert seen(clusterId=tree.cluster_id) == above
    assert seen(clusterId=tree.cluster_id, departmentId=department) == {*above, "department"}
    assert seen(scope="cluster") == {"cluster"}
    assert seen(projectId=17) == set()
    assert seen(clusterId=NOBODY) == set()


def test_lists_are_filtered_sorted_and_cut_into_pages(api: Api) -> None:
    prefix = some_name("list")
    made = [make(api, COMPUTE, {}, name=f"{prefix}-{letter}") for letter in "cab"]
    listed = api.get(COMPUTE, search=prefix.upper())["entries"]
    assert [entry["meta"]["name"][-1] for entry in listed] == ["a", "b", "c"]
    assert names(api, COMPUTE, name=f"{prefix}-a") == {f"{prefix}-a"}
    assert names(api, COMPUTE, name=prefix) == set()
    ids = ",".join(entry["meta"]["id"] for entry in made[:2])
    assert names(api, COMPUTE, assetIds=ids) == {f"{prefix}-c", f"{prefix}-a"}
    newest = api.get(COMPUTE, search=prefix, sortBy="updateCount", sortOrder="desc", limit=2)
    assert [entry["meta"]["name"][-1] for entry in newest["entries"]] == ["b", "a"]
    rest = api.get(COMPUTE, search=prefix, sortBy="updateCount", sortOrder="desc", offset=2)
    assert [entry["meta"]["name"][-1] for entry in rest["entries"]] == ["c"]
    assert newest["next"] == 2
    assert "next" not in rest


def test_assets_are_listed_by_the_types_of_workloads_they_are_for(api: Api) -> None:
    kept = {
        some_name("types"): types
        for types in (None, {"inference": True}, {"inference": False, "training": True})
    }
    for name, types in kept.items():
        make(api, COMPUTE, {}, name=name, workloadSupportedTypes=types)
    every, only, never = kept

    def seen(**params: str) -> set[str]:
        return names(api, COMPUTE, **params) & set(kept)

    assert seen(isInference="true") == {every, only}
    assert seen(isInference="false") == {never}
    assert seen(isTraining="true") == {every, only, never}


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"scope": "planet"}, "scope: is 'planet'"),
        ({"projectId": "x"}, "projectId: is 'x'"),
        ({"clusterId": "x"}, "clusterId: is 'x'"),
        ({"assetIds": "x"}, "assetIds: 'x' is not"),
        ({"usageInfo": "yes"}, "usageInfo: is 'yes'"),
        ({"includeDescendants": "true", "scope": "project"}, "includeDescendants: must not"),
        ({"complyToWorkloadType": "Job"}, "complyToWorkloadType: is 'Job'"),
        ({"complyToWorkloadType": "Distributed"}, "complyToReplicaType: is required"),
        ({"sortBy": "size"}, "sortBy: is 'size'"),
        ({"limit": "0"}, "limit: is '0'"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(api: Api, params: Any, message: str) -> None:
    assert api.refused(COMPUTE, **params).startswith(message)


def test_an_asset_of_one_project_is_not_seen_from_another(api: Api) -> None:
    mine, other = int(unit(api, "projects")), int(unit(api, "projects"))
    api.give(f"{mine}@example.org", 7, "project", str(mine))
    headers = api.headers_of(f"{mine}@example.org")
    own, foreign = (make(api, COMPUTE, {}, projectId=number) for number in (mine, other))
    above = make(api, COMPUTE, {}, "cluster")

    def status(method: str, asset: dict[str, Any], **options: Any) -> int:
        return api.ask(method, place_of(asset, COMPUTE), headers=headers, **options).status_code

    listed = api.ask("GET", COMPUTE, headers=headers).json()["entries"]
    seen = {entry["meta"]["id"] for entry in listed}
    assert {own["meta"]["id"], above["meta"]["id"]} <= seen
    assert foreign["meta"]["id"] not in seen
    assert (status("GET", own), status("GET", above), status("GET", foreign)) == (200, 200, 404)
    body = {"meta": {"name": above["meta"]["name"]}, "spec": {}}
    assert status("PUT", above, json=body) == 403
    assert status("DELETE", above) == 403
    assert status("DELETE", foreign) == 404
    assert status("DELETE", own) == 202
    hidden = ask_body(api, headers, other)
    assert hidden.status_code == 400
    assert hidden.json()["message"] == f"meta.projectId: there is no project with the id '{other}'."


def ask_body(api: Api, headers: dict[str, str], project: int) -> Any:
    meta = {"name": some_name(), "scope": "project", "projectId": project}
    return api.ask("POST", COMPUTE, headers=headers, json={"meta": meta, "spec": {}})


def test_a_private_asset_is_its_creators_alone(api: Api) -> None:
    made = make(api, COMPUTE, {}, private=True)
    assert api.get(place_of(made, COMPUTE))["meta"]["private"] is True
    api.give("somebody-else@example.org", 1, "tenant", str(api.context.tree.tenant_id))
    headers = api.headers_of("somebody-else@example.org")
    assert api.ask("GET", place_of(made, COMPUTE), headers=headers).status_code == 404
    listed = api.ask("GET", COMPUTE, headers=headers).json()["entries"]
    assert made["meta"]["id"] not in {entry["meta"]["id"] for entry in listed}


def test_assets_go_with_their_unit(api: Api) -> None:
    department = unit(api, "departments")
    project = int(unit(api, "projects", parentId=department))
    inside = make(api, COMPUTE, {}, projectId=project)
    outside = make(api, COMPUTE, {}, "department", departmentId=department)
    api.ask("DELETE", f"/api/v1/org-unit/projects/{project}")
    assert api.ask("GET", place_of(inside, COMPUTE)).status_code == 404
    assert api.get(place_of(outside, COMPUTE)) == outside
    api.ask("DELETE", f"/api/v1/org-unit/departments/{department}")
    assert api.ask("GET", place_of(outside, COMPUTE)).status_code == 404
