"""Data volumes over HTTP: made from volume claims, listed, and what becomes of both."""

import random
from functools import partial
from typing import Any

import pytest

from tests.api.assets import (
    make,
    place_of,
    some_name,
    unit,
)
from tests.api.data_volumes import (
    CLAIM,
    PVC,
    VIEWER,
    VOLUMES,
    ask_for_template,
    ask_for_volume,
    one,
    originated,
    scope,
    share,
    volume,
)
from tests.api.serving import NOBODY, Api
from tests.api.test_assets_raced import ROUNDS, at_once, check


def test_one_has_every_published_field(api: Api) -> None:
    claim = make(api, PVC, CLAIM)["meta"]["name"]
    made = volume(api, description="all weights", originPvcName=claim, useOriginalVolume=False)
    tree = api.context.tree
    assert made["originPvcName"] == claim
    assert (made["projectId"], made["departmentId"]) == (tree.project_id, tree.department_id)
    assert (made["clusterId"], made["projectName"]) == (tree.cluster_id, "default")
    assert (made["useOriginalVolume"], made["shouldDeleteOriginalVolume"]) == (False, False)
    assert made["description"] == "all weights"
    assert made["status"]["phase"] == "NotReady"
    assert made["createdAt"] == made["updatedAt"]
    assert made["sharedScopes"] == []
    assert api.get(one(made)) == made
    answer = api.ask("DELETE", one(made))
    assert (answer.status_code, answer.content) == (204, b"")
    assert api.ask("GET", one(made)).status_code == 404
    assert api.ask("DELETE", one(made)).status_code == 404


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"name": "Upper"}, "name: must be a lower-case letter"),
        ({"name": "a" * 64}, "name: must be a lower-case letter"),
        ({"description": "x" * 128}, "description: "),
        ({"projectId": "4599999"}, "projectId: there is no project with the id '4599999'"),
        ({"projectId": "x"}, "projectId: there is no project with the id 'x'"),
        ({"projectId": 1}, "projectId: must be a string"),
        ({"shouldDeleteOriginalVolume": True}, "shouldDeleteOriginalVolume: must be false"),
        ({"originPvcName": "no-such"}, "originPvcName: there is no volume claim 'no-such'"),
    ],
)
def test_what_is_wrong_is_told_and_nothing_is_made(
    api: Api, fields: dict[str, Any], problem: str
) -> None:
    body = {"originPvcName": "any", **fields}
    refused = ask_for_volume(api, **body)
    assert refused.status_code == 400, refused.text
    assert refused.json()["message"].startswith(problem)


def test_the_claim_is_found_by_both_of_its_names_and_followed(api: Api) -> None:
    called = some_name("claim")
    by_claim_name = make(api, PVC, {"path": "/d", "existingPvc": True, "claimName": called})
    assert volume(api, originPvcName=called)["originPvcName"] == called
    made = volume(api, originPvcName=by_claim_name["meta"]["name"])
    new_name = some_name()
    renamed = {"meta": {"name": new_name}, "spec": {"path": "/d"}}
    place = place_of(by_claim_name, PVC)
    assert api.ask("PUT", place, json=renamed).status_code == 202
    assert api.get(one(made))["originPvcName"] == new_name


def test_the_claim_stays_while_a_data_volume_is_made_from_it(api: Api) -> None:
    claim = make(api, PVC, CLAIM)
    made = volume(api, originPvcName=claim["meta"]["name"])
    refused = api.ask("DELETE", place_of(claim, PVC))
    assert refused.status_code == 409
    assert f"data-volume {made['name']}" in refused.json()["message"]
    used_by = api.get(place_of(claim, PVC), usageInfo="true")["usedBy"]
    reference = {"id": made["id"], "name": made["name"], "kind": "data-volume"}
    assert used_by["assets"]["datasources"] == [reference]
    assert api.ask("DELETE", one(made)).status_code == 204
    assert api.ask("DELETE", place_of(claim, PVC)).status_code == 202


def test_a_name_is_unique_in_the_cluster(api: Api) -> None:
    made = volume(api)
    other = unit(api, "projects")
    claim = make(api, PVC, CLAIM, projectId=int(other))["meta"]["name"]
    fields = {"name": made["name"], "projectId": other, "originPvcName": claim}
    taken = ask_for_volume(api, **fields)
    assert taken.status_code == 409
    assert taken.json()["message"].startswith(f"name: '{made['name']}' is taken")
    place = f"{VOLUMES}/name-availability"
    cluster_id = api.context.tree.cluster_id
    asked = {"dataName": made["name"], "clusterId": cluster_id}
    assert api.ask("GET", place, params=asked).status_code == 409
    assert api.ask("GET", place, params={**asked, "dataName": "free"}).status_code == 204
    assert api.ask("DELETE", one(made)).status_code == 204
    assert api.ask("GET", place, params=asked).status_code == 204
    assert volume(api, **fields)["projectId"] == other
    assert "dataName: is required" in api.refused(place, clusterId=cluster_id)
    assert "clusterId: is required" in api.refused(place, dataName="a")
    assert "there is no cluster" in api.refused(place, dataName="a", clusterId=NOBODY)


def test_only_the_description_can_be_changed(api: Api) -> None:
    made = volume(api, description="old")
    same = {key: made[key] for key in ("name", "projectId", "originPvcName")}
    changed = api.ask("PATCH", one(made), json={**same, "description": "new"})
    assert (changed.status_code, changed.json()["description"]) == (200, "new")
    assert "sharedScopes" not in changed.json()
    assert api.ask("PATCH", one(made), json={}).json()["description"] == "new"
    assert "description" not in api.ask("PATCH", one(made), json={"description": None}).json()
    refused = api.ask("PATCH", one(made), json={"name": "other", "description": "x"})
    assert refused.status_code == 400
    assert refused.json()["message"] == f"name: cannot be changed; it is '{made['name']}'"
    assert "description" not in api.get(one(made))


def test_lists_are_filtered_searched_sorted_paged_and_counted(api: Api) -> None:
    project = unit(api, "projects")
    claim = make(api, PVC, CLAIM, projectId=int(project))["meta"]["name"]
    mark = some_name("m")
    volumes = [
        volume(api, name=f"{mark}-{end}", projectId=project, originPvcName=claim) for end in "abc"
    ]
    known, unknown = volumes[0], volume(api)
    values = {
        "name": (known["name"], unknown["name"]),
        "projectId": (project, unknown["projectId"]),
        "clusterId": (known["clusterId"], NOBODY),
        "departmentId": (known["departmentId"], "4599999"),
        "projectName": (known["projectName"], unknown["projectName"]),
        "createdAt": (known["createdAt"], "2001-01-01T00:00:00Z"),
        "createdBy": (known["createdBy"], "nobody"),
        "phase": ("NotReady", "Ready"),
    }
    for field, (is_so, is_not) in values.items():
        assert known["name"] in originated(api, filterBy=f"{field}=={is_so}"), field
        assert known["name"] not in originated(api, filterBy=f"{field}=={is_not}"), field
        assert known["name"] in originated(api, search=mark, sortBy=field), field
    names = [f"{mark}-{end}" for end in "abc"]
    assert originated(api, search=mark, sortBy="name", sortOrder="desc") == names[::-1]
    page = {"requestType": "Originated", "filterBy": f"projectId=={project}", "limit": "2"}
    first = api.get(VOLUMES, **page)
    assert [entry["name"] for entry in first["datavolumes"]] == names[:2]
    rest = api.get(VOLUMES, **page, offset=str(first["next"]))
    assert [entry["name"] for entry in rest["datavolumes"]] == names[2:]
    assert "next" not in rest
    assert api.get(f"{VOLUMES}/count", **page) == {"count": 3}
    in_project = {"requestType": "UsableInProject", "usableInProjectId": project}
    assert api.get(f"{VOLUMES}/count", **in_project, search=mark) == {"count": 3}


@pytest.mark.parametrize(
    ("params", "problem"),
    [
        ({}, "requestType: is None; it must be one of Originated, UsableInProject"),
        ({"requestType": "Mine"}, "requestType: is 'Mine'"),
        ({"requestType": "UsableInProject"}, "usableInProjectId: is required"),
        (
            {"requestType": "Originated", "usableInProjectId": "1"},
            "usableInProjectId: must be left",
        ),
        ({"requestType": "Originated", "filterBy": "size==1"}, "filterBy: there is no field"),
        ({"requestType": "Originated", "sortBy": "size"}, "sortBy: is 'size'"),
        ({"requestType": "Originated", "limit": "501"}, "limit: is '501'"),
    ],
)
def test_what_is_wrong_with_a_list_is_told(api: Api, params: dict[str, str], problem: str) -> None:
    assert api.refused(VOLUMES, **params).startswith(problem)
    if "sortBy" not in params:
        assert api.refused(f"{VOLUMES}/count", **params).startswith(problem)


def test_what_becomes_of_a_claim_is_kept(api: Api) -> None:
    claim = make(api, PVC, CLAIM)
    history = f"{place_of(claim, PVC)}/history"
    change = {"meta": {"name": claim["meta"]["name"]}, "spec": {"path": "/other"}}
    assert api.ask("PUT", place_of(claim, PVC), json=change).status_code == 202
    made = volume(api, originPvcName=claim["meta"]["name"])
    records = api.get(history)["records"]
    events = [record["spec"]["event"] for record in records]
    assert [event["reason"] for event in events] == ["DataVolumeCreated", "Updated", "Created"]
    assert made["name"] in events[0]["message"]
    assert events[0]["clusterId"] == api.context.tree.cluster_id
    assert {record["meta"]["type"] for record in records} == {"Event"}
    first = api.get(history, limit="2")
    assert first["records"] == records[:2]
    assert api.get(history, offset=str(first["next"]), limit="2") == {"records": records[2:]}
    assert api.ask("GET", f"{PVC}/{NOBODY}/history").status_code == 404
    of_all = make(api, PVC, CLAIM, "tenant")
    assert len(api.get(f"{place_of(of_all, PVC)}/history")["records"]) == 1
    reader = f"{some_name()}@example.org"
    api.give(reader, VIEWER, "project", unit(api, "projects"))
    refused = api.ask("GET", history, headers=api.headers_of(reader))
    assert refused.status_code == 404


def test_a_template_never_names_one_that_is_gone_or_not_shared(api: Api) -> None:
    other = unit(api, "projects")
    for _ in range(ROUNDS):
        made = volume(api)
        there = scope("project", other)
        share(api, made, add=[there])
        ends = random.choice(
            [partial(api.ask, "DELETE", one(made)), partial(share, api, made, remove=[there])]
        )
        named, ended = at_once(partial(ask_for_template, api, made["id"], other), ends)
        statuses = [named.status_code, ended.status_code]
        assert statuses in ([202, 409], [400, 200], [400, 204]), statuses
    check(api)


def test_a_claim_never_goes_from_under_a_data_volume(api: Api) -> None:
    for _ in range(ROUNDS):
        claim = make(api, PVC, CLAIM)
        made, deleted = at_once(
            partial(ask_for_volume, api, originPvcName=claim["meta"]["name"]),
            partial(api.ask, "DELETE", place_of(claim, PVC)),
        )
        statuses = [made.status_code, deleted.status_code]
        assert statuses in ([201, 409], [400, 202]), statuses
    check(api)
