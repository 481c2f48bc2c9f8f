"""Creating, showing and deleting inferences."""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.api.serving import INFERENCES, NOBODY, SPEC, WORKLOADS, Api
from windlass.workloads.phases import DesiredPhase, Phase
from windlass.workloads.store import save_decided

PROJECT = "default"
LONGEST = 63 - len(f"-runai-{PROJECT}")


def test_a_creation_answers_202_with_the_whole_body(api: Api) -> None:
    spec = {**SPEC, "args": "--flag 'two words'", "labels": [{"name": "team", "value": "a"}]}
    before = time.time()
    created = api.create("whole-body", spec)
    tree = api.context.tree
    assert created == {
        "name": "whole-body",
        "requestedName": "whole-body",
        "workloadId": created["workloadId"],
        "projectId": tree.project_id,
        "departmentId": tree.department_id,
        "clusterId": tree.cluster_id,
        "createdBy": "administrator",
        "createdAt": created["createdAt"],
        "desiredPhase": "Running",
        "actualPhase": "Creating",
        "spec": spec,
    }
    assert before - 1 < _epoch(created["createdAt"]) < time.time() + 1


def test_what_was_created_is_shown_everywhere_alike(api: Api) -> None:
    created = api.create("shown-alike")
    workload_id = created["workloadId"]
    assert api.get(f"{INFERENCES}/{workload_id}") == created
    shown = api.get(f"{WORKLOADS}/{workload_id}")
    listed = api.get(WORKLOADS, filterBy="name==shown-alike")["workloads"]
    assert [{**listed[0]}] == [{key: shown[key] for key in listed[0]}]
    assert (shown["id"], shown["name"]) == (workload_id, "shown-alike")
    assert shown["phase"] == created["actualPhase"]
    assert api.get(f"{WORKLOADS}/{workload_id}/pods") == {"pods": []}
    (event,) = api.get(f"{WORKLOADS}/{workload_id}/events")["events"]
    assert (event["reason"], event["type"]) == ("Created", "Normal")


def test_ids_are_found_in_either_case(api: Api) -> None:
    workload_id = api.create("either-case")["workloadId"]
    assert api.get(f"{INFERENCES}/{workload_id.upper()}")["workloadId"] == workload_id
    assert api.delete(workload_id.upper()).status_code == 202


def test_what_newer_versions_send_is_ignored(api: Api) -> None:
    spec = {**SPEC, "private": False, "compute": {"autoDelete": False}}
    created = api.create("newer-client", spec, useGivenNameAsPrefix=False, extra={"a": [1]})
    assert created["name"] == "newer-client"


def test_null_counts_as_absent(api: Api) -> None:
    spec = {**SPEC, "command": None, "autoscaling": None, "priorityClass": None, "nodePools": None}
    assert api.create("all-null", spec, useGivenNameAsPrefix=None, templateId=None)["spec"] == SPEC


@pytest.mark.parametrize("name", ["a", "a1", "a-b", "x" * LONGEST, "a--b"])
def test_names_that_fit_a_host_name_are_taken(api: Api, name: str) -> None:
    assert api.create(name)["name"] == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "A",
        "1a",
        "-a",
        "a-",
        "a_b",
        "a.b",
        "a b",
        "a\n",
        "é",
        "a/b",
        "x" * (LONGEST + 1),
        "x" * 10_000,
        None,
        7,
        ["a"],
    ],
)
def test_other_names_are_refused(api: Api, name: Any) -> None:
    refused = api.post({**api.creation("x"), "name": name})
    assert refused.status_code == 400
    assert refused.json()["message"].startswith("name: ")
    assert len(refused.content) < 1000


def test_a_name_may_be_a_prefix(api: Api) -> None:
    made = [api.create("prefix", useGivenNameAsPrefix=True) for _ in range(3)]
    assert len({created["name"] for created in made}) == 3
    for created in made:
        assert created["requestedName"] == "prefix"
        assert created["name"].startswith("prefix-")
        assert len(created["name"]) > len("prefix-")
    assert api.create("prefix")["name"] == "prefix"


def test_a_prefix_leaves_room_for_its_suffix(api: Api) -> None:
    created = api.create("y" * (LONGEST - 6), useGivenNameAsPrefix=True)
    assert len(created["name"]) <= LONGEST
    refused = api.post(api.creation("y" * LONGEST, useGivenNameAsPrefix=True))
    assert refused.status_code == 400


def test_a_taken_name_is_409_and_names_the_holder(api: Api) -> None:
    holder = api.create("taken")
    refused = api.post(api.creation("taken"))
    assert refused.status_code == 409
    assert holder["workloadId"] in refused.json()["message"]
    assert "'taken'" in refused.json()["message"]


def test_of_many_who_ask_for_one_name_at_once_one_gets_it(api: Api) -> None:
    for turn in range(3):
        with ThreadPoolExecutor(8) as clients:
            asked = [clients.submit(api.post, api.creation(f"race-{turn}")) for _ in range(8)]
        statuses = Counter(answer.result().status_code for answer in asked)
        assert statuses == {202: 1, 409: 7}
        found = api.get(WORKLOADS, filterBy=f"name==race-{turn}")["workloads"]
        assert len(found) == 1


@pytest.mark.parametrize(
    "project", ["1", "0", "-1", "4599999", "04500002", " 4500002", "4500002.0", "x", "9" * 40, "٤"]
)
def test_an_unknown_project_is_404(api: Api, project: str) -> None:
    refused = api.post({**api.creation("lost"), "projectId": project})
    assert refused.status_code == 404
    assert "projectId" in refused.json()["message"]


def test_another_cluster_than_the_projects_is_400(api: Api) -> None:
    refused = api.post({**api.creation("lost"), "clusterId": NOBODY})
    assert refused.status_code == 400
    assert api.context.tree.cluster_id in refused.json()["message"]


def test_the_cluster_is_known_in_either_case(api: Api) -> None:
    body = {**api.creation("upper-case"), "clusterId": api.context.tree.cluster_id.upper()}
    assert api.post(body).json()["clusterId"] == api.context.tree.cluster_id


@pytest.mark.parametrize("missing", ["name", "projectId", "clusterId", "spec"])
def test_what_is_mandatory_is_missed(api: Api, missing: str) -> None:
    body = api.creation("incomplete")
    del body[missing]
    refused = api.post(body)
    assert refused.status_code == 400
    assert missing in refused.text


@pytest.mark.parametrize("missing", ["image", "servingPort"])
def test_what_is_mandatory_in_the_spec_is_missed(api: Api, missing: str) -> None:
    spec = {key: value for key, value in SPEC.items() if key != missing}
    refused = api.post(api.creation("incomplete", spec))
    assert refused.status_code == 400
    assert f"spec.{missing}" in refused.text


def test_every_wrong_field_is_named(api: Api) -> None:
    spec = {
        **SPEC,
        "priorityClass": "urgent",
        "preemptibility": "maybe",
        "compute": {"gpuDevicesRequest": -1, "cpuMemoryLimit": "lots"},
        "autoscaling": {"minReplicas": 2, "maxReplicas": 1},
    }
    refused = api.post(api.creation("all-wrong", spec))
    assert refused.status_code == 400
    told = refused.json()["message"] + refused.json()["details"]
    for field in ("priorityClass", "preemptibility", "gpuDevicesRequest", "cpuMemoryLimit"):
        assert f"{field}:" in told
    assert "very-high" in told, "the list of what there is"


def test_a_deletion_answers_202_twice_and_404_once_gone(api: Api) -> None:
    workload_id = api.create("short-lived")["workloadId"]
    for _ in range(2):
        assert api.delete(workload_id).json()["code"] == 202
        shown = api.get(f"{INFERENCES}/{workload_id}")
        assert (shown["desiredPhase"], shown["actualPhase"]) == ("Deleted", "Deleting")
    assert api.post(api.creation("short-lived")).status_code == 409, "taken until it is gone"

    api.finish_deletion(workload_id)
    for path in (f"{INFERENCES}/{workload_id}", f"{WORKLOADS}/{workload_id}"):
        assert api.ask("GET", path).status_code == 404
    assert api.delete(workload_id).status_code == 404
    assert api.create("short-lived")["workloadId"] != workload_id


def test_a_decision_from_before_a_deletion_does_not_undo_its_phase(api: Api) -> None:
    workload_id = api.create("decided-too-late")["workloadId"]
    assert api.delete(workload_id).status_code == 202

    def save(desired: DesiredPhase) -> None:
        values = {"phase": Phase.RUNNING.value, "running_pods": 1}
        api.database.write(
            lambda connection: save_decided(connection, workload_id, values, 0.0, desired)
        )

    save(DesiredPhase.RUNNING)
    shown = api.get(f"{INFERENCES}/{workload_id}")
    assert (shown["desiredPhase"], shown["actualPhase"]) == ("Deleted", "Deleting")
    save(DesiredPhase.DELETED)
    assert api.get(f"{INFERENCES}/{workload_id}")["actualPhase"] == "Running"


def test_what_is_gone_is_listed_as_deleted(api: Api) -> None:
    workload_id = api.create("gone-by-now")["workloadId"]
    api.finish_deletion(workload_id)
    by_name = {"filterBy": "name==gone-by-now"}
    assert api.get(WORKLOADS, **by_name)["workloads"] == []
    (shown,) = api.get(WORKLOADS, deleted="true", **by_name)["workloads"]
    assert shown["id"] == workload_id
    assert shown["deletedAt"] is not None
    assert api.get(f"{WORKLOADS}/count", deleted="true", **by_name) == {"count": 1}


@pytest.mark.parametrize("path", [INFERENCES, WORKLOADS])
@pytest.mark.parametrize(
    "stranger", [NOBODY, "x", "1", "%00", "..%2F..", "%F0%9F%92%A5", "a" * 999]
)
def test_what_does_not_exist_is_404(api: Api, path: str, stranger: str) -> None:
    assert api.ask("GET", f"{path}/{stranger}").status_code == 404


@pytest.mark.parametrize("stranger", [NOBODY, "x", "%00"])
def test_what_does_not_exist_cannot_be_deleted(api: Api, stranger: str) -> None:
    assert api.ask("DELETE", f"{INFERENCES}/{stranger}").status_code == 404


@pytest.mark.parametrize("part", ["pods", "events", f"pods/{NOBODY}/logs"])
def test_what_does_not_exist_has_no_parts(api: Api, part: str) -> None:
    assert api.ask("GET", f"{WORKLOADS}/{NOBODY}/{part}").status_code == 404


def test_a_workload_has_no_log_of_a_pod_that_is_not_its_own(api: Api) -> None:
    workload_id = api.create("no-pods")["workloadId"]
    for pod in (NOBODY, "x", "%00"):
        assert api.ask("GET", f"{WORKLOADS}/{workload_id}/pods/{pod}/logs").status_code == 404


def _epoch(text: str) -> float:
    from datetime import datetime

    return datetime.fromisoformat(text).timestamp()
