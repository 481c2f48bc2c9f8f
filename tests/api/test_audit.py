"""The audit log: every change and every refusal, and nothing secret."""

import csv
import io
import json
import time
from typing import Any

import httpx
import pytest

from tests.api.people import new_user
from tests.api.serving import INFERENCES, WORKLOADS, Api
from tests.api.test_access import ML_ENGINEER, RULES, VIEWER, rule, somebody
from windlass.audit.tables import audit_record
from windlass.audit.trail import remove_old_audit_records
from windlass.kit.timestamps import to_wire

LOG = "/api/v1/audit/log"
FILE = f"{LOG}/file"
AUDITOR = 19


def period() -> dict[str, str]:
    now = time.time()
    return {"start": to_wire(now - 3600), "end": to_wire(now + 60)}


def records(api: Api, *filters: str, **params: str) -> list[dict[str, Any]]:
    query = {**period(), "filterBy": ",".join(filters), "numberOfSamples": "1000", **params}
    found = api.get(LOG, **query)
    assert found["logs"] == found["audit_logs"]
    shown: list[dict[str, Any]] = found["audit_logs"]
    return shown


def of_request(api: Api, answer: httpx.Response) -> list[dict[str, Any]]:
    """The records of a request that was answered just now."""
    # A page is not endless, and other tests have asked for much before.
    newest = records(api, sortBy="timestamp", sortOrder="desc")
    return [each for each in newest if each["request_id"] == answer.headers["x-request-id"]]


def test_a_deployment_is_on_record(api: Api) -> None:
    answer = api.post(api.creation("on-record"))
    (shown,) = records(api, "entity_name==on-record")
    tree = api.context.tree
    assert shown["subject"] == api.context.foundation.administrator["client_id"]
    assert shown["subject_type"] == "App"
    assert (shown["action"], shown["http_method"]) == ("create", "POST")
    assert shown["entity_type"] == "inferences"
    assert shown["entity_id"] == answer.json()["workloadId"]
    assert (shown["result"], shown["http_status_code"]) == ("Succeeded", 202)
    assert shown["request_id"] == answer.headers["x-request-id"]
    assert shown["source_ip"] == "127.0.0.1"
    assert shown["url"].endswith(INFERENCES)
    assert shown["cluster_name"] == "default"
    assert shown["metadata"]["scope"].endswith(f"/{tree.department_id}/{tree.project_id}")


def test_a_refusal_is_on_record(api: Api) -> None:
    name = somebody()
    api.give(name, VIEWER, "project", api.context.tree.project_id)
    headers = api.headers_of(name)
    answer = api.ask("POST", INFERENCES, headers=headers, json=api.creation("refused"))
    (shown,) = records(api, f"subject=={name}")
    assert (shown["result"], shown["http_status_code"]) == ("Failed", 403)
    assert (shown["action"], shown["entity_type"]) == ("create", "inferences")
    assert shown["entity_name"] == "refused"
    assert shown["request_id"] == answer.headers["x-request-id"]
    assert shown["metadata"]["permission"] == "inferences:create"


def test_what_fails_for_other_reasons_is_on_record_too(api: Api) -> None:
    api.create("taken-on-record")
    api.post(api.creation("taken-on-record"))
    first, second = records(api, "entity_name==taken-on-record")
    assert (first["result"], second["result"]) == ("Succeeded", "Failed")
    assert second["http_status_code"] == 409


def test_a_refused_read_is_on_record_and_shown_when_asked_for(api: Api) -> None:
    name = somebody()
    workload = api.create("read-in-vain")["workloadId"]
    headers = api.headers_of(name)
    assert api.ask("GET", f"{WORKLOADS}/{workload}", headers=headers).status_code == 404
    assert api.ask("GET", LOG, headers=headers).status_code == 403
    assert records(api, f"subject=={name}") == []
    query = {**period(), "filterBy": f"subject=={name}", "includeReads": "true"}
    shown = api.client.get(LOG, params=query, headers=api.headers).json()["audit_logs"]
    assert [item["action"] for item in shown] == ["read", "read"]
    assert [item["http_status_code"] for item in shown] == [404, 403]
    assert shown[0]["entity_id"] == workload


def test_strangers_leave_no_records(api: Api) -> None:
    answer = api.ask("POST", INFERENCES, headers={}, json=api.creation("stranger"))
    assert answer.status_code == 401
    assert not of_request(api, answer)


def test_giving_and_taking_roles_is_on_record(api: Api) -> None:
    name = somebody()
    given = api.give(name, ML_ENGINEER, "project", api.context.tree.project_id)
    api.ask("DELETE", f"{RULES}/{given['id']}")
    made, ended = records(api, "entity_type==access_rules", f"entity_name=@{name}")
    assert (made["action"], ended["action"]) == ("create", "delete")
    assert made["entity_id"] == ended["entity_id"] == str(given["id"])
    assert made["metadata"]["role"] == "ML engineer"
    assert made["metadata"]["subject"] == name


def test_each_refusal_of_a_batch_is_on_record(api: Api) -> None:
    answer = api.ask("POST", f"{RULES}/batch", json={"ids": ["1999999999"], "action": "delete"})
    shown = of_request(api, answer)
    assert [(item["action"], item["http_status_code"]) for item in shown] == [("delete", 404)]


def test_a_change_that_is_rolled_back_leaves_no_success(api: Api) -> None:
    body = rule(somebody(), api.context.tree.project_id)
    api.ask("POST", RULES, json=body)
    again = api.ask("POST", RULES, json=body)
    assert again.status_code == 409
    (shown,) = of_request(api, again)
    assert shown["result"] == "Failed"


def test_nothing_secret_is_kept(api: Api) -> None:
    secret = "hunter2-of-nobody"
    spec = {
        "image": "host/canary",
        "servingPort": {"container": 8000},
        "environmentVariables": [{"name": "TOKEN", "value": secret}],
    }
    api.create("with-a-secret", spec)
    api.ask("POST", f"{INFERENCES}?password={secret}", json={"name": 1, "secret": secret})
    api.token(grantType="password", username="admin@windlass.local", password=secret)
    with api.database.read() as connection:
        kept = connection.execute(audit_record.select()).all()
    assert kept
    assert all(secret not in str(row) for row in kept)


@pytest.mark.parametrize(
    ("name", "secret", "grant"),
    [
        ("username", "password", {"grantType": "password"}),
        ("clientID", "clientSecret", {"grantType": "client_credentials"}),
    ],
)
def test_a_name_that_nobody_has_is_not_kept_for_it_may_be_a_password(
    api: Api, name: str, secret: str, grant: dict[str, str]
) -> None:
    typed = "Hunter2-of-somebody"
    answer = api.token(**grant, **{name: typed, secret: "whatever"})
    assert answer.status_code == 401
    with api.database.read() as connection:
        kept = connection.execute(audit_record.select()).all()
    assert not any(typed.lower() in str(row).lower() for row in kept)
    (shown,) = [r for r in records(api) if r["request_id"] == answer.headers["x-request-id"]]
    assert (shown["subject"], shown["action"], shown["result"]) == ("unknown", "sign-in", "Failed")


def test_a_wrong_password_is_on_record_under_the_name_of_whose_it_would_be(api: Api) -> None:
    ada, disabled = new_user(api), new_user(api)
    changed = api.ask("PATCH", f"/api/v1/users/{disabled.id}", json={"enabled": False})
    assert changed.status_code == 200
    for each in (ada, disabled):
        api.token(grantType="password", username=each.email.upper(), password="wrong")
        (shown,) = records(api, f"subject=={each.email}", "result==Failed")
        assert (shown["action"], shown["http_status_code"]) == ("sign-in", 401)


def test_pages_follow_each_other(api: Api) -> None:
    name = somebody()
    for scope in ("project", "department", "cluster"):
        api.give(name, VIEWER, scope, getattr(api.context.tree, f"{scope}_id"))
    query = {**period(), "filterBy": f"entity_name=@{name}", "numberOfSamples": "2"}
    first = api.get(LOG, **query)
    assert (first["total"], first["next"], len(first["logs"])) == (3, 2, 2)
    second = api.get(LOG, **query, offset=str(first["next"]))
    assert len(second["logs"]) == 1
    assert "next" not in second
    backwards = api.get(LOG, **query, sortBy="timestamp", sortOrder="desc")["logs"]
    assert backwards[0]["id"] == second["logs"][0]["id"]


@pytest.mark.parametrize(
    "change",
    [
        {"start": None},
        {"end": None},
        {"start": "yesterday"},
        {"start": "2100-01-01T00:00:00Z"},
        {"numberOfSamples": "1001"},
        {"numberOfSamples": "-1"},
        {"offset": "x"},
        {"sortBy": "metadata"},
        {"sortOrder": "up"},
        {"filterBy": "details==x"},
        {"includeReads": "1"},
    ],
)
@pytest.mark.parametrize("path", [LOG, FILE])
def test_a_wrong_parameter_is_refused(api: Api, path: str, change: dict[str, Any]) -> None:
    query = {key: value for key, value in {**period(), **change}.items() if value is not None}
    assert next(iter(change)) in api.refused(path, **query)


def test_the_file_holds_the_same(api: Api) -> None:
    name = f"=1+1{somebody()}"
    given = api.ask("POST", RULES, json=rule(name, api.context.tree.project_id))
    assert given.status_code == 201
    query = {**period(), "filterBy": f"entity_name=@{name[4:]}"}
    (shown,) = api.get(LOG, **query)["logs"]
    answer = api.ask("GET", FILE, params={**query, "file_type": "JSON"})
    assert json.loads(answer.content) == [shown]
    answer = api.ask("GET", FILE, params=query)
    assert answer.headers["content-type"] == "application/octet-stream"
    (line,) = csv.DictReader(io.StringIO(answer.text, newline=""))
    assert line["request_id"] == shown["request_id"]
    assert line["http_status_code"] == "201"
    assert json.loads(line["metadata"]) == shown["metadata"]
    assert "file_type" in api.refused(FILE, **query, file_type="XML")


def test_a_cell_begins_no_formula(api: Api) -> None:
    name = f"=cmd{somebody()}"
    headers = api.headers_of(name)
    api.ask("POST", INFERENCES, headers=headers, json=api.creation("x"))
    answer = api.ask("GET", FILE, params={**period(), "filterBy": f"subject=={name}"})
    (line,) = csv.DictReader(io.StringIO(answer.text, newline=""))
    assert line["subject"] == f"'{name}"


def test_an_auditor_reads_the_log_and_changes_nothing(api: Api) -> None:
    name = somebody()
    api.give(name, AUDITOR, "tenant", str(api.context.tree.tenant_id))
    headers = api.headers_of(name)
    assert api.ask("GET", LOG, headers=headers, params=period()).status_code == 200
    created = api.ask("POST", INFERENCES, headers=headers, json=api.creation("never"))
    assert created.status_code == 403


def test_only_who_may_read_at_the_tenant_reads_the_log(api: Api) -> None:
    name = somebody()
    api.give(name, AUDITOR, "department", api.context.tree.department_id)
    assert api.ask("GET", LOG, headers=api.headers_of(name), params=period()).status_code == 403


def test_old_records_are_removed(api: Api) -> None:
    name = somebody()
    api.give(name, VIEWER, "project", api.context.tree.project_id)
    now, days = time.time(), api.context.settings.audit_retention_days
    assert days == 90, "unless somebody asked for another time"
    remove_old_audit_records(api.database, now + days * 86400 - 600, days)
    assert len(records(api, f"entity_name=@{name}")) == 1
    remove_old_audit_records(api.database, now + days * 86400 + 600, days)
    assert records(api, f"entity_name=@{name}") == []
