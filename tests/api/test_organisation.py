"""The tree that workloads belong to: one cluster, department and project at first."""

from typing import Any

import pytest

from tests.api.serving import NOBODY, Api

CLUSTERS = "/api/v1/clusters"
DEPARTMENTS = "/api/v1/org-unit/departments"
PROJECTS = "/api/v1/org-unit/projects"
LISTS = {DEPARTMENTS: "departments", PROJECTS: "projects"}


def test_there_is_one_of_each_named_default(api: Api) -> None:
    (cluster,) = api.get(CLUSTERS)
    (department,) = api.get(DEPARTMENTS, filterBy="name==default")["departments"]
    (project,) = api.get(PROJECTS, filterBy="name==default")["projects"]
    tree = api.context.tree
    assert cluster["uuid"] == tree.cluster_id
    assert department["id"] == tree.department_id
    assert project["id"] == tree.project_id
    assert {cluster["name"], department["name"], project["name"]} == {"default"}
    assert project["departmentId"] == project["parentId"] == department["id"]
    assert project["clusterId"] == department["clusterId"] == cluster["uuid"]
    assert project["resources"][0]["nodePool"]["name"] == "default"


def test_ids_are_what_the_vendors_examples_make_of_them(api: Api) -> None:
    for path, name in LISTS.items():
        identity = api.get(path)[name][0]["id"]
        assert str(int(identity)) == identity
        assert int(identity) < 2**31
    assert isinstance(api.get(CLUSTERS)[0]["tenantId"], int)


def test_single_ones_are_shown_like_their_list_entries(api: Api) -> None:
    tree = api.context.tree
    project = api.get(PROJECTS)["projects"][0]
    assert api.get(f"{PROJECTS}/{tree.project_id}") == project
    department = api.get(DEPARTMENTS)["departments"][0]
    shown = api.get(f"{DEPARTMENTS}/{tree.department_id}")
    assert {**shown, "status": department["status"]}.items() >= department.items()
    assert shown["status"]["quotaStatus"] == department["status"]["quotaStatus"]
    shown = api.get(f"{CLUSTERS}/{tree.cluster_id.upper()}")
    assert shown["uuid"] == tree.cluster_id


@pytest.mark.parametrize(
    ("path", "stranger"),
    [
        (CLUSTERS, NOBODY),
        (CLUSTERS, "default"),
        (DEPARTMENTS, "1"),
        (DEPARTMENTS, "x"),
        (DEPARTMENTS, "04500001"),
        (PROJECTS, "1"),
        (PROJECTS, "default"),
        (PROJECTS, "%D9%A4"),
        (PROJECTS, "%00"),
        (PROJECTS, "9" * 30),
    ],
)
def test_what_does_not_exist_is_404(api: Api, path: str, stranger: str) -> None:
    assert api.ask("GET", f"{path}/{stranger}").status_code == 404


def test_a_cluster_without_status_is_enough_for_some(api: Api) -> None:
    (cluster,) = api.get(CLUSTERS, verbosity="metadata")
    assert "status" not in cluster
    (cluster,) = api.get(CLUSTERS, verbosity="full", includeRequestedForDelete="true")
    assert cluster["status"]["state"] == "Connected"


@pytest.mark.parametrize(
    ("parameter", "value"), [("verbosity", "all"), ("includeRequestedForDelete", "x")]
)
def test_a_wrong_parameter_is_refused(api: Api, parameter: str, value: str) -> None:
    assert parameter in api.refused(CLUSTERS, **{parameter: value})


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize(
    ("params", "count"),
    [
        ({"filterBy": "name==default"}, 1),
        ({"filterBy": "name!=default"}, 0),
        ({"filterBy": "name=^def,name=$ault,name=@FAU"}, 1),
        ({"filterBy": "createdAt>=2020-01-01T00:00:00Z"}, 1),
        ({"filterBy": f"clusterId=={NOBODY}"}, 0),
        ({"sortBy": "name", "sortOrder": "desc"}, 1),
        ({"sortBy": "createdAt"}, 1),
        ({"search": "FAU"}, 1),
        ({"search": "%"}, 0),
        ({"offset": "1"}, 0),
        ({"limit": "1"}, 1),
    ],
)
def test_lists_take_what_lists_take(
    api: Api, path: str, params: dict[str, Any], count: int
) -> None:
    only = ["name==default", *filter(None, [params.get("filterBy")])]
    found = api.get(path, **{**params, "filterBy": ",".join(only)})
    assert len(found[LISTS[path]]) == count
    assert "next" not in found


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("filterBy", "x==y"),
        ("filterBy", "createdAt==x"),
        ("filterBy", "name==\x00"),
        ("sortBy", "x"),
        ("sortOrder", "x"),
        ("limit", "0"),
        ("offset", "-1"),
        ("search", "\x00"),
    ],
)
def test_lists_refuse_what_is_wrong(api: Api, path: str, parameter: str, value: str) -> None:
    assert parameter in api.refused(path, **{parameter: value})


def test_projects_are_found_by_their_department(api: Api) -> None:
    tree = api.context.tree
    for filter_by in (f"departmentId=={tree.department_id}", "parentName==default"):
        found = api.get(PROJECTS, filterBy=f"{filter_by},name==default")["projects"]
        assert len(found) == 1
    assert api.get(PROJECTS, filterBy="parentId==1")["projects"] == []
    assert api.get(PROJECTS, filterBy=f"parentId=={2**40}")["projects"] == []
