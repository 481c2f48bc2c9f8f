"""Access rules: who has which role where, and what that lets them do."""

from typing import Any

import pytest

from tests.api.serving import INFERENCES, NOBODY, WORKLOADS, Api
from windlass.kit.ids import new_id

AUTHORIZATION = "/api/v1/authorization"
ROLES = f"{AUTHORIZATION}/roles"
RULES = f"{AUTHORIZATION}/access-rules"
MINE = f"{AUTHORIZATION}/me/access-rules"
PERMITTED = f"{AUTHORIZATION}/permitted-scopes"
SYSTEM_ADMINISTRATOR, DEPARTMENT_ADMINISTRATOR, VIEWER, ML_ENGINEER = 1, 2, 4, 9


def somebody() -> str:
    """The name of a user that no other test knows."""
    return f"{new_id()}@example.org"


def rule(name: str, scope_id: str, **changes: Any) -> dict[str, Any]:
    return {
        "subjectId": name,
        "subjectType": "user",
        "roleId": ML_ENGINEER,
        "scopeType": "project",
        "scopeId": scope_id,
        **changes,
    }


def test_the_published_roles_are_there_by_name(api: Api) -> None:
    shown = {role["name"]: role for role in api.get(ROLES)}
    assert {
        "System administrator",
        "Department administrator",
        "Department viewer",
        "Viewer",
        "Editor",
        "Research manager",
        "L1 researcher",
        "L2 researcher",
        "ML engineer",
        "Environment administrator",
        "Data source administrator",
        "Compute resource administrator",
        "Template administrator",
        "Credentials administrator",
        "Data volume administrator",
        "AI practitioner",
        "Data and storage administrator",
        "Project administrator",
    } <= set(shown)
    engineer = api.get(f"{ROLES}/{shown['ML engineer']['id']}")
    assert engineer == shown["ML engineer"]
    actions = {item["resourceType"]: item["actions"] for item in engineer["permissions"]}
    assert actions["inferences"] == ["create", "read", "update", "delete"]
    assert actions["nodepools"] == ["read"]
    assert "users" not in actions


@pytest.mark.parametrize(("role", "status"), [("0", 404), ("999", 404), ("x", 400), ("-1", 400)])
def test_a_role_that_is_not_there_is_not_shown(api: Api, role: str, status: int) -> None:
    assert api.ask("GET", f"{ROLES}/{role}").status_code == status


def test_the_first_administrator_may_do_everything_in_the_tenant(api: Api) -> None:
    (own,) = api.get(MINE)["accessRules"]["accessRules"]
    assert (own["roleName"], own["scopeType"]) == ("System administrator", "tenant")
    assert api.get(f"{MINE}/count") == {"count": 1}
    held = {
        item["resourceType"]: item["actions"] for item in api.get(f"{AUTHORIZATION}/permissions")
    }
    assert len(held) == 43
    assert all(actions == ["create", "read", "update", "delete"] for actions in held.values())


def test_whoever_has_no_rule_may_do_nothing(api: Api) -> None:
    headers = api.headers_of(somebody())
    workload = api.create("unseen")["workloadId"]
    for path in (WORKLOADS, f"{WORKLOADS}/count"):
        assert "unseen" not in api.ask("GET", path, headers=headers).text
    assert api.ask("GET", f"{WORKLOADS}/count", headers=headers).json() == {"count": 0}
    for path in (f"{WORKLOADS}/{workload}", f"{INFERENCES}/{workload}"):
        hidden = api.ask("GET", path, headers=headers)
        assert hidden.status_code == 404
        missing = api.ask("GET", path.replace(workload, NOBODY), headers=headers)
        assert hidden.json()["message"].replace(workload, NOBODY) == missing.json()["message"]
    assert api.ask("GET", ROLES, headers=headers).status_code == 403
    created = api.ask("POST", INFERENCES, headers=headers, json=api.creation("never"))
    assert created.status_code == 404
    assert api.ask("GET", f"{AUTHORIZATION}/permissions", headers=headers).json() == []


def test_a_rule_holds_at_once_and_until_it_is_deleted(api: Api) -> None:
    name, project = somebody(), api.context.tree.project_id
    headers = api.headers_of(name)
    body = api.creation("allowed", useGivenNameAsPrefix=True)
    assert api.ask("POST", INFERENCES, headers=headers, json=body).status_code == 404
    given = api.give(name, ML_ENGINEER, "project", project)
    assert given["scopeName"] == "default"
    created = api.ask("POST", INFERENCES, headers=headers, json=body)
    assert created.status_code == 202
    workload = created.json()["workloadId"]
    assert api.ask("GET", f"{WORKLOADS}/{workload}", headers=headers).status_code == 200
    assert api.ask("DELETE", f"{RULES}/{given['id']}").status_code == 204
    assert api.ask("GET", f"{WORKLOADS}/{workload}", headers=headers).status_code == 404
    assert api.ask("DELETE", f"{RULES}/{given['id']}").status_code == 404


def test_what_a_role_lacks_is_forbidden_where_its_holder_may_look(api: Api) -> None:
    name = somebody()
    api.give(name, VIEWER, "project", api.context.tree.project_id)
    headers = api.headers_of(name)
    workload = api.create("looked-at")["workloadId"]
    assert api.ask("GET", f"{INFERENCES}/{workload}", headers=headers).status_code == 200
    refused = api.ask("DELETE", f"{INFERENCES}/{workload}", headers=headers)
    assert refused.status_code == 403
    assert "inferences" in refused.json()["message"]
    created = api.ask("POST", INFERENCES, headers=headers, json=api.creation("never"))
    assert created.status_code == 403


@pytest.mark.parametrize("subject_type", ["user", "app", "service-account", "group"])
def test_a_rule_counts_for_its_kind_of_subject(api: Api, subject_type: str) -> None:
    name = {"group": new_id(), "user": somebody()}.get(subject_type, "administrator")
    scope = {"scopeType": "department", "scopeId": api.context.tree.department_id}
    body = rule(name, "", subjectType=subject_type, roleId=VIEWER, **scope)
    given = api.ask("POST", RULES, json=body).json()
    headers = {
        "group": api.headers_of(somebody(), "user", "other", name),
        "user": api.headers_of(name),
    }.get(subject_type, api.headers)
    own = api.ask("GET", MINE, headers=headers).json()["accessRules"]["accessRules"]
    assert given["id"] in [item["id"] for item in own]
    stranger = api.headers_of(name, "app" if subject_type == "user" else "user")
    assert api.ask("GET", f"{MINE}/count", headers=stranger).json() == {"count": 0}
    api.ask("DELETE", f"{RULES}/{given['id']}")


@pytest.mark.parametrize(
    ("change", "status", "field"),
    [
        ({"roleId": 999}, 404, "roleId"),
        ({"roleId": "9"}, 400, "roleId"),
        ({"scopeId": "1"}, 404, "scopeId"),
        ({"scopeId": 1}, 400, "scopeId"),
        ({"scopeType": "galaxy"}, 400, "scopeType"),
        ({"scopeType": "system", "scopeId": "system"}, 403, "permissions"),
        ({"subjectId": ""}, 400, "subjectId"),
        ({"subjectId": "nobody"}, 400, "subjectId"),
        ({"subjectId": " a@b.c"}, 400, "subjectId"),
        ({"subjectType": "app"}, 404, "subjectId"),
        ({"subjectType": "robot"}, 400, "subjectType"),
        ({"clusterId": NOBODY}, 400, "clusterId"),
    ],
)
def test_a_wrong_rule_is_refused(api: Api, change: dict[str, Any], status: int, field: str) -> None:
    body = rule(somebody(), api.context.tree.project_id, **change)
    refused = api.ask("POST", RULES, json=body)
    assert refused.status_code == status
    assert field in refused.json()["message"]


def test_the_same_rule_is_given_once(api: Api) -> None:
    body = rule(somebody(), api.context.tree.project_id)
    assert api.ask("POST", RULES, json=body).status_code == 201
    again = api.ask("POST", RULES, json=body)
    assert again.status_code == 409
    assert "ML engineer" in again.json()["message"]


def test_the_last_administrator_keeps_the_role(api: Api) -> None:
    found = api.get(RULES, filterBy=f"roleId=={SYSTEM_ADMINISTRATOR},scopeType==tenant")
    # Who asks gives their own up last; other tests may have made more administrators.
    asking = api.context.foundation.administrator["client_id"]
    kept, *others = sorted(found["accessRules"], key=lambda item: item["subjectId"] == asking)
    assert others, "the first administrator's user and application"
    assert others[-1]["subjectId"] == asking
    ids = [str(item["id"]) for item in found["accessRules"]]
    answer = api.ask("POST", f"{RULES}/batch", json={"ids": ids, "action": "validate_delete"})
    assert len(answer.json()["succeeded"]) == len(ids), "each alone could go"
    for item in others:
        assert api.ask("DELETE", f"{RULES}/{item['id']}").status_code == 204
    # Whoever asks has no other rule, or has lost theirs by now.
    headers = api.headers_of(kept["subjectId"], kept["subjectType"])
    refused = api.ask("DELETE", f"{RULES}/{kept['id']}", headers=headers)
    assert refused.status_code == 409
    assert "administrator" in refused.json()["message"]
    for item in others:
        restored = {key: item[key] for key in rule("", "")}
        assert api.ask("POST", RULES, headers=headers, json=restored).status_code == 201


def test_a_department_administrator_gives_no_more_than_its_role_may(api: Api) -> None:
    tree, name = api.context.tree, somebody()
    api.give(name, DEPARTMENT_ADMINISTRATOR, "department", tree.department_id)
    headers = api.headers_of(name)
    allowed = rule(somebody(), tree.project_id)
    assert api.ask("POST", RULES, headers=headers, json=allowed).status_code == 201
    for role in (SYSTEM_ADMINISTRATOR, DEPARTMENT_ADMINISTRATOR):
        more = rule(somebody(), tree.project_id, roleId=role)
        assert api.ask("POST", RULES, headers=headers, json=more).status_code == 403
    wider = rule(somebody(), tree.cluster_id, scopeType="cluster")
    assert api.ask("POST", RULES, headers=headers, json=wider).status_code == 403
    own = api.ask("GET", RULES, headers=headers, params={"filterBy": f"subjectId=={name}"}).json()
    (mine,) = own["accessRules"]
    assert api.ask("DELETE", f"{RULES}/{mine['id']}", headers=headers).status_code == 403


def test_lists_show_rules_of_the_callers_scopes_alone(api: Api) -> None:
    tree, name, other = api.context.tree, somebody(), somebody()
    api.give(name, DEPARTMENT_ADMINISTRATOR, "department", tree.department_id)
    above = api.give(other, VIEWER, "cluster", tree.cluster_id)
    within = api.give(other, VIEWER, "project", tree.project_id)
    headers = api.headers_of(name)
    query = {"subjectIds": other}
    shown = api.ask("GET", RULES, headers=headers, params=query).json()
    assert [item["id"] for item in shown["accessRules"]] == [within["id"]]
    assert api.ask("GET", f"{RULES}/count", headers=headers, params=query).json() == {"count": 1}
    assert api.ask("GET", f"{RULES}/{above['id']}", headers=headers).status_code == 403
    one = api.ask("GET", f"{RULES}/{within['id']}", headers=headers).json()
    assert one["scopePath"].endswith(f"/{tree.department_id}/{tree.project_id}")


@pytest.mark.parametrize(
    ("params", "count"),
    [
        ({}, 3),
        ({"subjectType": "user"}, 3),
        ({"subjectType": "group"}, 0),
        ({"scopeType": "project"}, 1),
        ({"roleId": "4"}, 1),
        ({"filterBy": "roleName==Viewer"}, 1),
        ({"filterBy": "scopeName==default,scopeType!=cluster"}, 2),
        ({"filterBy": "createdAt>=2100-01-01T00:00:00Z"}, 0),
        ({"filterBy": "phase==Ready"}, 3),
        ({"lastUpdated": "2100-01-01T00:00:00Z"}, 0),
        ({"includeDeleted": "true"}, 4),
        ({"includeDeleted": "true", "filterBy": "phase==Deleting"}, 1),
        ({"limit": "2"}, 2),
        ({"search": "ML ENG"}, 1),
        ({"sortBy": "roleName", "sortOrder": "desc"}, 3),
    ],
)
def test_the_list_takes_what_is_published(api: Api, params: dict[str, str], count: int) -> None:
    tree, name = api.context.tree, somebody()
    api.give(name, VIEWER, "cluster", tree.cluster_id)
    api.give(name, ML_ENGINEER, "project", tree.project_id)
    api.give(name, DEPARTMENT_ADMINISTRATOR, "department", tree.department_id)
    gone = api.give(name, VIEWER, "department", tree.department_id)
    api.ask("DELETE", f"{RULES}/{gone['id']}")
    shown = api.get(RULES, subjectIds=f"{name},x", **params)
    assert len(shown["accessRules"]) == shown["displayRecords"] == count
    api.get(RULES, subjectIdFilter=name, clusterId=tree.cluster_id, scopeId=tree.project_id)


def test_permitted_scopes_are_those_of_the_rules(api: Api) -> None:
    tree, name = api.context.tree, somebody()
    api.give(name, ML_ENGINEER, "project", tree.project_id)
    api.give(name, VIEWER, "department", tree.department_id)
    headers = api.headers_of(name)
    asked = {"resourceType": "inferences"}
    shown = api.ask("POST", PERMITTED, headers=headers, json=asked).json()
    assert shown["create"]["projects"] == [tree.project_id]
    assert shown["create"]["departments"] == []
    assert shown["read"]["departments"] == [tree.department_id]
    one = api.ask("POST", PERMITTED, headers=headers, json={**asked, "action": "read"}).json()
    assert one["create"]["projects"] == []
    assert one["read"]["projects"] == [tree.project_id]
    everywhere = api.ask("POST", PERMITTED, json=asked).json()
    assert everywhere["delete"]["tenants"] == [str(tree.tenant_id)]
    assert api.ask("POST", PERMITTED, json={"resourceType": "x"}).status_code == 400


def test_many_rules_are_given_and_taken_one_by_one(api: Api) -> None:
    tree, name = api.context.tree, somebody()
    body = {
        "payload": {
            "roleId": VIEWER,
            "subjects": [
                {"subjectId": name, "subjectType": "user"},
                {"subjectId": "no such app", "subjectType": "app"},
            ],
            "scopes": [
                {"scopeId": tree.project_id, "scopeType": "project"},
                {"scopeId": tree.department_id, "scopeType": "department"},
            ],
        }
    }
    made = api.ask("POST", f"{RULES}/batch-create", json=body).json()
    assert len(made["succeeded"]) == 2
    assert [item["code"] for item in made["failed"]] == [404, 404]
    number = made["succeeded"][0]["id"]
    ids = [f"00000000-0000-0000-0000-{number:012x}", str(made["succeeded"][1]["id"]), NOBODY]
    gone = api.ask("POST", f"{RULES}/batch", json={"ids": ids, "action": "delete"}).json()
    assert len(gone["succeeded"]) == 2
    assert [(item["id"], item["code"]) for item in gone["failed"]] == [(NOBODY, 404)]
    assert api.get(RULES, subjectIds=name)["totalRecords"] == 0
