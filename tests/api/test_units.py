"""Departments and projects: made, shown, changed, removed; what they may have, and who may say."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.api.answers import refusal
from tests.api.serving import NOBODY, Api

DEPARTMENTS = "/api/v1/org-unit/departments"
PROJECTS = "/api/v1/org-unit/projects"
KINDS = {DEPARTMENTS: "departments", PROJECTS: "projects"}
BOTH = pytest.mark.parametrize("path", list(KINDS))


def some_name() -> str:
    return f"u-{uuid.uuid4().hex[:10]}"


def body_of(api: Api, **changes: Any) -> dict[str, Any]:
    tree = api.context.tree
    return {"name": some_name(), "clusterId": tree.cluster_id, "resources": [], **changes}


def make(api: Api, path: str, **changes: Any) -> dict[str, Any]:
    answer = api.ask("POST", path, json=body_of(api, **changes))
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def gpus(deserved: float | None = None, **changes: Any) -> list[dict[str, Any]]:
    given = {} if deserved is None else {"deserved": deserved}
    return [{"gpu": {**given, **changes}}]


@BOTH
def test_a_unit_lives_from_its_creation_to_its_end(api: Api, path: str) -> None:
    made = make(api, path, description="first", defaultNodePools=["default"])
    assert int(made["id"]) < 2**31
    assert "_" not in made["id"]
    place = f"{path}/{made['id']}"
    assert api.get(place) == made
    body = {"description": "second", "resources": gpus(0), "defaultNodePools": None}
    changed = api.ask("PUT", place, json=body)
    assert changed.status_code == 200, changed.text
    assert changed.json()["description"] == "second"
    assert changed.json()["defaultNodePools"] is None
    assert changed.json()["updatedAt"] >= made["updatedAt"]
    assert changed.json()["createdAt"] == made["createdAt"]
    assert api.ask("DELETE", place).status_code == 204
    for method in ("GET", "DELETE"):
        assert api.ask(method, place).status_code == 404
    assert api.ask("PUT", place, json=body).status_code == 404
    assert api.get(path, filterBy=f"name=={made['name']}")[KINDS[path]] == []
    again = make(api, path, name=made["name"])
    assert again["id"] != made["id"], "the name is free again, the id never"


@BOTH
def test_a_name_is_taken_once(api: Api, path: str) -> None:
    name = some_name()
    make(api, path, name=name)
    answer = api.ask("POST", path, json=body_of(api, name=name))
    assert answer.status_code == 409
    assert name in answer.json()["message"]


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 64}, "name"),
        ({"name": 1}, "name"),
        ({"clusterId": NOBODY}, "clusterId"),
        ({"clusterId": "x"}, "clusterId"),
        ({"resources": None}, "resources"),
        ({"resources": {}}, "resources"),
        ({"resources": [{"nodePool": {"id": "1"}}]}, "resources[0].nodePool.id"),
        (
            {"resources": [{"nodePool": {"id": "100001", "name": "x"}}]},
            "resources[0].nodePool.name",
        ),
        ({"resources": [{}, {}]}, "resources[1].nodePool"),
        ({"resources": gpus(-2)}, "resources[0].gpu.deserved"),
        ({"resources": gpus(-0.5)}, "resources[0].gpu.deserved"),
        ({"resources": gpus(1e7)}, "resources[0].gpu.deserved"),
        ({"resources": gpus(2, limit=1)}, "resources[0].gpu.limit"),
        ({"resources": gpus(1, overQuotaWeight=-1)}, "resources[0].gpu.overQuotaWeight"),
        ({"resources": [{"memory": {"deserved": 1}}]}, "resources[0].memory.units"),
        ({"resources": [{"memory": {"units": "GiB"}}]}, "resources[0].memory.units"),
        ({"resources": [{"priority": "highest"}]}, "resources[0].priority"),
        ({"defaultNodePools": ["default", "x"]}, "defaultNodePools[1]"),
        (
            {"schedulingRules": {"trainingJobTimeLimitSeconds": 5}},
            "schedulingRules.trainingJobTimeLimitSeconds",
        ),
        ({"nodeTypes": {"training": ["dgx"]}}, "nodeTypes.training"),
    ],
)
def test_what_is_wrong_is_named(api: Api, change: dict[str, Any], place: str) -> None:
    message = refusal(api.ask("POST", PROJECTS, json=body_of(api, **change)))
    assert message.startswith(f"{place}: ")


@pytest.mark.parametrize("name", ["a-runai-b", "x" * 51])
def test_project_names_leave_room_for_host_names(api: Api, name: str) -> None:
    assert refusal(api.ask("POST", PROJECTS, json=body_of(api, name=name))).startswith("name: ")


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"parentId": "1"}, "parentId"),
        ({"requestedNamespace": "mine"}, "requestedNamespace"),
        ({"enforceRunaiScheduler": False}, "enforceRunaiScheduler"),
    ],
)
def test_what_a_project_cannot_have_is_named(api: Api, change: dict[str, Any], place: str) -> None:
    assert refusal(api.ask("POST", PROJECTS, json=body_of(api, **change))).startswith(place)


def test_a_project_is_in_the_default_department_unless_it_names_one(api: Api) -> None:
    parent = make(api, DEPARTMENTS)
    assert make(api, PROJECTS)["parentId"] == api.context.tree.department_id
    assert make(api, PROJECTS, parentId=parent["id"])["parentId"] == parent["id"]


def test_a_new_unit_has_what_everybody_has(api: Api) -> None:
    (shown,) = [
        item for item in make(api, PROJECTS)["resources"] if item["nodePool"]["name"] == "default"
    ]
    assert shown["gpu"] == {"deserved": 0, "limit": -1, "overQuotaWeight": 2}
    assert shown["cpu"]["deserved"] == shown["memory"]["deserved"] == -1
    assert shown["priority"] == "medium-low"
    assert "medium-low" in [
        rank["name"]
        for rank in api.get("/api/v1/org-unit/priorities")["priorities"]
        if rank["isDefault"]
    ]


@BOTH
def test_resources_are_kept_as_given(api: Api, path: str) -> None:
    given = {
        "nodePool": {"id": "100001", "name": "default"},
        "gpu": {"deserved": 1.5, "limit": 2.25, "overQuotaWeight": 0},
        "cpu": {"deserved": 500, "limit": -1, "overQuotaWeight": 3},
        "memory": {"deserved": 10, "limit": 20, "overQuotaWeight": 2, "units": "Mib"},
        "priority": "high",
    }
    made = make(api, path, resources=[given])
    assert given in made["resources"]
    assert made["totalResources"] == {"gpuQuota": 1.5, "cpuQuota": 500, "memoryQuota": 10.48576}
    place = f"{path}/{made['id']}/resources"
    patched = api.ask("PATCH", place, json=[{"gpu": {"deserved": 2}, "memory": None}])
    assert patched.status_code == 200, patched.text
    (shown,) = [item for item in patched.json() if item["nodePool"]["name"] == "default"]
    assert shown["gpu"] == {"deserved": 2, "limit": 2.25, "overQuotaWeight": 0}
    assert shown["cpu"] == given["cpu"]
    assert shown["memory"]["deserved"] == -1
    replaced = api.ask("PUT", place, json=[{"cpu": {"deserved": 7}}])
    assert replaced.status_code == 200, replaced.text
    (shown,) = [item for item in replaced.json() if item["nodePool"]["name"] == "default"]
    assert shown["gpu"]["deserved"] == 0
    assert shown["cpu"] == {"deserved": 7, "limit": -1, "overQuotaWeight": 2}
    assert shown["priority"] == "medium-low"
    assert api.get(f"{path}/{made['id']}")["resources"] == replaced.json()


@BOTH
@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_wrong_resources_change_nothing(api: Api, path: str, method: str) -> None:
    made = make(api, path, resources=gpus(1))
    place = f"{path}/{made['id']}/resources"
    for body, where in (({}, "The body"), ([{"gpu": {"deserved": -3}}], "[0].gpu.deserved: ")):
        assert refusal(api.ask(method, place, json=body)).startswith(where)
    assert api.get(f"{path}/{made['id']}") == made
    assert api.ask(method, f"{path}/1/resources", json=[]).status_code == 404


def test_projects_deserve_no_more_than_their_department(api: Api) -> None:
    parent = make(api, DEPARTMENTS, resources=gpus(4))
    first = make(api, PROJECTS, parentId=parent["id"], resources=gpus(3))
    too_much = body_of(api, parentId=parent["id"], resources=gpus(2))
    assert "more than its 4 GPUs" in refusal(api.ask("POST", PROJECTS, json=too_much))
    unlimited = body_of(api, parentId=parent["id"], resources=gpus(-1))
    assert "cannot be unlimited" in refusal(api.ask("POST", PROJECTS, json=unlimited))
    make(api, PROJECTS, parentId=parent["id"], resources=gpus(1))
    raised = api.ask("PATCH", f"{PROJECTS}/{first['id']}/resources", json=gpus(3.5))
    assert refusal(raised).startswith("[0].gpu.deserved: is 3.5 GPUs")
    lowered = api.ask("PATCH", f"{DEPARTMENTS}/{parent['id']}/resources", json=gpus(3))
    assert "less than the 4 GPUs that its projects deserve" in refusal(lowered)
    left_out: dict[str, Any] = {"resources": []}
    problem = refusal(api.ask("PUT", f"{DEPARTMENTS}/{parent['id']}", json=left_out))
    assert problem.startswith("resources: leaves out node pool 'default'")
    shown = api.get(f"{DEPARTMENTS}/{parent['id']}")
    assert shown["projectsAggregatedResources"][0]["gpu"] == {"deserved": 4}


def test_cpu_that_nobody_limits_is_not_counted_against_a_department(api: Api) -> None:
    parent = make(api, DEPARTMENTS, resources=[{"cpu": {"deserved": 1000}}])
    make(api, PROJECTS, parentId=parent["id"])
    body = body_of(api, parentId=parent["id"], resources=[{"cpu": {"deserved": 1001}}])
    assert refusal(api.ask("POST", PROJECTS, json=body)).startswith("resources[0].cpu.deserved")


def test_a_department_goes_with_its_projects_but_not_with_workloads(api: Api) -> None:
    parent = make(api, DEPARTMENTS)
    child = make(api, PROJECTS, parentId=parent["id"])
    created = api.create("inside", projectId=child["id"])
    answer = api.ask("DELETE", f"{DEPARTMENTS}/{parent['id']}")
    assert "Inference inside" in refusal(answer)
    api.finish_deletion(created["workloadId"])
    assert api.ask("DELETE", f"{DEPARTMENTS}/{parent['id']}").status_code == 204
    assert api.ask("GET", f"{PROJECTS}/{child['id']}").status_code == 404
    found = api.get("/api/v1/workloads", deleted="true", search="inside")["workloads"]
    assert child["name"] in found[0]["projectName"], "what ended in it is still shown"


def test_a_project_with_workloads_goes_with_the_last_of_them(api: Api) -> None:
    child = make(api, PROJECTS)
    created = api.create("last", projectId=child["id"])
    place = f"{PROJECTS}/{child['id']}"
    assert api.ask("DELETE", place).status_code == 202
    assert api.get(place)["status"]["phase"] == "Deleting"
    found = api.get(PROJECTS, filterBy="phase==Deleting")["projects"]
    assert child["id"] in [unit["id"] for unit in found]
    workload = api.get(f"/api/v1/workloads/{created['workloadId']}")
    assert workload["phase"] == "Deleting"
    late = api.post(api.creation("late", projectId=child["id"]))
    assert (late.status_code, "is being deleted" in late.text) == (409, True)
    assert api.ask("DELETE", place).status_code == 202


@BOTH
def test_lists_are_filtered_and_sorted_by_quota_and_use(api: Api, path: str) -> None:
    prefix = some_name()
    few = make(api, path, name=f"{prefix}-few", resources=gpus(1))["id"]
    many = make(api, path, name=f"{prefix}-many", resources=gpus(3))["id"]
    ours = f"name=^{prefix}"

    def ids(**params: Any) -> list[str]:
        found = api.get(path, **params)[KINDS[path]]
        return [unit["id"] for unit in found]

    assert ids(filterBy=ours, sortBy="totalGpuQuota", sortOrder="desc") == [many, few]
    assert ids(filterBy=f"{ours},totalGpuQuota>=1.5") == [many]
    assert ids(filterBy=f"{ours},gpuAllocated>=1") == []
    assert ids(filterBy=ours, sortBy="gpuAllocated") == [few, many]
    assert ids(filterBy=ours, limit="1") == [few]
    assert api.get(path, filterBy=ours, limit="1")["next"] == 1
    assert ids(filterBy=ours, offset="1") == [many]
    assert api.get(f"{path}/count", filterBy=ours) == {"count": 2}
    assert api.get(f"{path}/count", search=prefix.upper()) == {"count": 2}
    assert "not measure" in api.refused(path, sortBy="avgGpuUtilization24h")
    assert "not measure" in api.refused(path, filterBy="avgGpuAllocation7d>=1")
    assert "totalGpuQuota" in api.refused(path, filterBy="totalGpuQuota==x")


def test_departments_are_shown_in_as_many_words_as_asked_for(api: Api) -> None:
    brief = api.get(DEPARTMENTS, verbosity="meta")["departments"][0]
    assert "status" not in brief
    for verbosity in ("brief", "verbose"):
        assert "status" in api.get(DEPARTMENTS, verbosity=verbosity)["departments"][0]
    assert "verbosity" in api.refused(DEPARTMENTS, verbosity="loud")


DEPARTMENT_ADMINISTRATOR = 2


def test_an_administrator_of_one_department_sees_and_changes_no_other(api: Api) -> None:
    own, other = make(api, DEPARTMENTS, resources=gpus(2)), make(api, DEPARTMENTS)
    hidden = make(api, PROJECTS, parentId=other["id"])
    name = f"{uuid.uuid4()}@example.org"
    given = api.give(name, DEPARTMENT_ADMINISTRATOR, "department", own["id"])
    headers = api.headers_of(name)

    def ask(method: str, path: str, **options: Any) -> Any:
        return api.ask(method, path, headers=headers, **options)

    assert [unit["id"] for unit in ask("GET", DEPARTMENTS).json()["departments"]] == [own["id"]]
    assert ask("GET", f"{DEPARTMENTS}/count").json() == {"count": 1}
    assert ask("GET", PROJECTS).json()["projects"] == []
    child = ask("POST", PROJECTS, json=body_of(api, parentId=own["id"], resources=gpus(1)))
    assert child.status_code == 201, child.text
    assert [unit["id"] for unit in ask("GET", PROJECTS).json()["projects"]] == [child.json()["id"]]
    elsewhere = ask("POST", PROJECTS, json=body_of(api, parentId=other["id"]))
    missing = ask("POST", PROJECTS, json=body_of(api, parentId="1"))
    assert elsewhere.json()["message"].replace(other["id"], "1") == missing.json()["message"]
    for path in (f"{DEPARTMENTS}/{other['id']}", f"{PROJECTS}/{hidden['id']}"):
        assert ask("GET", path).status_code == 404
        assert ask("PUT", path, json={"resources": []}).status_code == 404
        assert ask("PATCH", f"{path}/resources", json=[]).status_code == 404
        assert ask("DELETE", path).status_code == 404
    assert ask("GET", "/api/v1/node-pools").json()["nodepools"], "those of its own cluster"
    pool = {"name": "x", "labelKey": "x", "labelValue": "x"}
    cluster = {"clusterId": api.context.tree.cluster_id}
    assert ask("POST", "/api/v1/node-pools", json={**pool, **cluster}).status_code == 403
    assert ask("POST", "/api/v1/clusters", json={"name": "x"}).status_code == 403

    assert api.ask("DELETE", f"{DEPARTMENTS}/{own['id']}").status_code == 204
    rules = "/api/v1/authorization/access-rules"
    assert api.ask("GET", f"{rules}/{given['id']}").status_code == 404, "it ends with its scope"


def test_every_change_is_on_record(api: Api) -> None:
    began = datetime.now(UTC)
    made = make(api, PROJECTS)
    place = f"{PROJECTS}/{made['id']}"
    assert api.ask("PATCH", f"{place}/resources", json=[]).status_code == 200
    assert api.ask("DELETE", place).status_code == 204
    span = {"start": began.isoformat(), "end": (began + timedelta(hours=1)).isoformat()}
    found = api.get("/api/v1/audit/log", **span, numberOfSamples="1000")["audit_logs"]
    ours = [item for item in found if item["entity_id"] == made["id"]]
    assert sorted(item["action"] for item in ours) == ["create", "delete", "update"]
    assert {item["entity_name"] for item in ours} == {made["name"]}


def test_what_is_asked_for_at_once_does_not_add_up_to_too_much(api: Api) -> None:
    parent = make(api, DEPARTMENTS, resources=gpus(3))
    bodies = [body_of(api, parentId=parent["id"], resources=gpus(1)) for _ in range(6)]
    with ThreadPoolExecutor(len(bodies)) as threads:
        answers = list(threads.map(lambda body: api.ask("POST", PROJECTS, json=body), bodies))
    assert sorted(answer.status_code for answer in answers) == [201, 201, 201, 400, 400, 400]
    ids = {answer.json()["id"] for answer in answers if answer.status_code == 201}
    assert len(ids) == 3


def test_a_workload_and_the_end_of_its_project_at_once_leave_nothing_behind(api: Api) -> None:
    for _ in range(4):
        child = make(api, PROJECTS)
        body = api.creation("meanwhile", projectId=child["id"])
        with ThreadPoolExecutor(2) as threads:
            created = threads.submit(api.post, body)
            removed = threads.submit(api.ask, "DELETE", f"{PROJECTS}/{child['id']}")
        outcome = created.result().status_code, removed.result().status_code
        assert outcome in {(202, 202), (404, 204), (409, 204)}, outcome
