"""Data volumes over HTTP: shared with scopes, used where they are, and read there."""

from collections.abc import Iterator

import pytest

from tests.api.assets import (
    TEMPLATE,
    make,
    place_of,
    some_name,
    unit,
)
from tests.api.data_volumes import (
    CLAIM,
    PVC,
    VIEWER,
    VOLUME_ADMINISTRATOR,
    VOLUMES,
    ask_for_template,
    one,
    scope,
    share,
    usable,
    volume,
)
from tests.api.serving import Api


def test_it_can_be_used_where_it_is_shared_and_below(api: Api) -> None:
    department = unit(api, "departments")
    inside, beside = (
        unit(api, "projects", parentId=department),
        unit(api, "projects"),
    )
    made = volume(api)
    assert made["id"] in usable(api, api.context.tree.project_id)
    assert made["id"] not in usable(api, inside)
    shared = share(api, made, add=[scope("department", department)])
    assert shared.status_code == 200
    (told,) = shared.json()
    assert (told["scopeType"], told["scopeId"]) == ("department", department)
    assert told["scopeName"].startswith("u-")
    assert api.get(f"{one(made)}/sharedScopes") == [told]
    assert api.get(one(made))["sharedScopes"] == [told]
    assert made["id"] in usable(api, inside)
    assert made["id"] not in usable(api, beside)
    both = [scope("project", beside), scope("cluster", api.context.tree.cluster_id)]
    assert len(share(api, made, add=[*both, scope("project", beside)]).json()) == 3
    assert len(share(api, made, add=both).json()) == 3
    gone = share(api, made, remove=[*both, scope("project", inside)])
    assert gone.json() == [told]
    assert made["id"] not in usable(api, beside)


@pytest.fixture
def other_cluster(api: Api) -> Iterator[str]:
    """The id of a cluster beside the platform's own."""
    made = api.ask("POST", "/api/v1/clusters", json={"name": some_name("c"), "domain": "d.org"})
    assert made.status_code == 201, made.text
    cluster_id = made.json()["uuid"]
    yield cluster_id
    removed = api.ask("DELETE", f"/api/v1/clusters/{cluster_id}", params={"force": "true"})
    assert removed.status_code == 204, removed.text


def test_what_cannot_be_shared_is_refused_whole(api: Api, other_cluster: str) -> None:
    made = volume(api)
    good = scope("department", api.context.tree.department_id)
    elsewhere = scope("cluster", other_cluster)
    for change, problem in (
        ({"add": [good, elsewhere]}, "add[1].scopeId: is in another cluster"),
        ({"add": [good, scope("project", "4599999")]}, "add[1].scopeId: there is no project"),
        ({"add": [good], "remove": [good]}, "remove[0]: is added and removed at once"),
        ({"add": [good, scope("tenant", "1")]}, "add[1].scopeType: must be one of"),
        ({"remove": [scope("project", "4599999")]}, "remove[0].scopeId: there is no project"),
        ({"add": [good] * 51}, "add: "),
    ):
        refused = share(api, made, **change)
        assert refused.status_code == 400, (change, refused.text)
        assert refused.json()["message"].startswith(problem), refused.text
    assert api.get(f"{one(made)}/sharedScopes") == []


def test_templates_name_one_where_it_can_be_used_and_keep_it_there(api: Api) -> None:
    other = unit(api, "projects")
    made = volume(api)
    refused = ask_for_template(api, made["id"], other)
    assert refused.status_code == 400
    assert "no asset of kind data-volume" in refused.json()["message"]
    share(api, made, add=[scope("project", other)])
    named = ask_for_template(api, made["id"], other)
    assert named.status_code == 202, named.text
    (source,) = named.json()["spec"]["assets"]["datasources"]
    assert (source["id"], source["name"]) == (made["id"], made["name"])
    kept = [share(api, made, remove=[scope("project", other)]), api.ask("DELETE", one(made))]
    for answer in kept:
        assert answer.status_code == 409
        assert f"workload-template {named.json()['meta']['name']}" in answer.json()["message"]
    assert made["id"] in usable(api, other)
    assert api.ask("DELETE", place_of(named.json(), TEMPLATE)).status_code == 202
    assert share(api, made, remove=[scope("project", other)]).json() == []


def test_a_workload_cannot_mount_one_yet_and_says_so(api: Api) -> None:
    made = volume(api)
    template = ask_for_template(api, made["id"], api.context.tree.project_id).json()
    launch = f"{place_of(template, TEMPLATE)}/launch"
    answers = {
        "storage": api.post(
            api.creation(
                some_name(),
                {
                    "image": "host/canary",
                    "servingPort": {"container": 8000},
                    "storage": {"dataVolume": [{"id": made["id"], "mountPath": "/m"}]},
                },
            )
        ),
        f"the data volume '{made['name']}'": api.ask(
            "POST", launch, json=api.creation(some_name(), {"servingPort": {"container": 8000}})
        ),
    }
    for told, answer in answers.items():
        assert answer.status_code == 400, answer.text
        assert told in answer.json()["message"]


def test_whoever_may_read_where_it_is_shared_reads_it_and_no_more(api: Api) -> None:
    there, hidden = unit(api, "projects"), unit(api, "projects")
    made, other = volume(api), volume(api)
    share(api, made, add=[scope("project", there), scope("project", hidden)])
    reader = f"{some_name()}@example.org"
    api.give(reader, VIEWER, "project", there)
    headers = api.headers_of(reader)
    shown = api.ask("GET", one(made), headers=headers)
    assert shown.status_code == 200
    assert [each["scopeId"] for each in shown.json()["sharedScopes"]] == [there]
    assert api.ask("GET", one(other), headers=headers).status_code == 404
    asked = {"requestType": "UsableInProject", "usableInProjectId": there}
    listed = api.ask("GET", VOLUMES, headers=headers, params=asked).json()["datavolumes"]
    # Others may share theirs with all of the department.
    ids = {entry["id"] for entry in listed}
    assert made["id"] in ids
    assert other["id"] not in ids
    own = api.ask("GET", VOLUMES, headers=headers, params={"requestType": "Originated"})
    assert own.json()["datavolumes"] == []
    change = api.ask("PATCH", one(made), headers=headers, json={"description": "x"})
    assert change.status_code == 404
    asked["usableInProjectId"] = hidden
    listed = api.ask("GET", VOLUMES, headers=headers, params=asked).json()["datavolumes"]
    assert listed == []


def test_to_share_takes_the_permission_at_both_ends(api: Api) -> None:
    mine, theirs = unit(api, "projects"), unit(api, "projects")
    claim = make(api, PVC, CLAIM, projectId=int(mine))["meta"]["name"]
    made = volume(api, projectId=mine, originPvcName=claim)
    manager = f"{some_name()}@example.org"
    api.give(manager, VOLUME_ADMINISTRATOR, "project", mine)
    headers, path = api.headers_of(manager), f"{one(made)}/sharedScopes"
    add = {"add": [scope("project", theirs)]}
    refused = api.ask("PATCH", path, headers=headers, json=add)
    assert (refused.status_code, "no project" in refused.text) == (400, True)
    upwards = {"add": [scope("department", api.context.tree.department_id)]}
    assert api.ask("PATCH", path, headers=headers, json=upwards).status_code == 403
    api.give(manager, VOLUME_ADMINISTRATOR, "project", theirs)
    assert api.ask("PATCH", path, headers=headers, json=add).status_code == 200
    # What others shared, its manager may see and end, wherever it is.
    far = unit(api, "projects")
    share(api, made, add=[scope("project", far)])
    shown = api.ask("GET", path, headers=headers).json()
    assert {each["scopeId"] for each in shown} == {theirs, far}
    ended = api.ask("PATCH", path, headers=headers, json={"remove": [scope("project", far)]})
    assert [each["scopeId"] for each in ended.json()] == [theirs]


def test_it_goes_with_its_project_and_a_share_with_the_other(api: Api) -> None:
    mine, theirs = unit(api, "projects"), unit(api, "projects")
    claim = make(api, PVC, CLAIM, projectId=int(mine))["meta"]["name"]
    made = volume(api, projectId=mine, originPvcName=claim)
    share(api, made, add=[scope("project", theirs)])
    assert api.ask("DELETE", f"/api/v1/org-unit/projects/{theirs}").status_code == 204
    assert api.get(one(made))["sharedScopes"] == []
    assert api.ask("DELETE", f"/api/v1/org-unit/projects/{mine}").status_code == 204
    assert api.ask("GET", one(made)).status_code == 404
