"""The vendor's own client, unchanged: token, lists, create, poll, ask, delete."""

import json
from pathlib import Path

import pytest

from tests.api.answers import published_problems
from tests.conftest import RunWithRunapy
from tests.end_to_end.platforms import Platform

FLOW = Path(__file__).parent / "runapy_flow.py"
ORGANISATION = Path(__file__).parent / "runapy_organisation.py"
IDENTITY = Path(__file__).parent / "runapy_identity.py"
UNIT_ID = "123e4567-e89b-12d3-a456-426614174000"


def test_the_vendors_client_does_the_whole_flow(
    platform: Platform, run_with_runapy: RunWithRunapy, request: pytest.FixtureRequest
) -> None:
    version = request.node.callspec.params["run_with_runapy"]
    name = f"runapy-{version.replace('.', '-')}"
    administrator = platform.data_dir / "admin.json"
    seen = json.loads(run_with_runapy(str(FLOW), str(administrator), name).stdout)

    known = platform.administrator
    assert seen["cluster"]["uuid"] == known["cluster_id"]
    assert seen["department"]["id"] == known["department_id"]
    assert seen["project"]["id"] == known["project_id"]

    created = seen["created"]
    assert (created["name"], created["desiredPhase"]) == (name, "Running")
    assert created["createdBy"] == known["client_id"]
    assert seen["phases"][-1] == "Running"
    assert set(seen["phases"]) <= {"Creating", "Pending", "Initializing", "Running"}
    assert [found["id"] for found in seen["listed"]] == [created["workloadId"]]
    assert seen["shown"]["phase"] == "Running"
    assert len(seen["pods"]) == 1
    assert seen["events"][-1]["reason"] == "Created"
    assert seen["echoed"]["path"] == "/echo?from=runapy"
    assert seen["deleted"]["code"] == 202
    assert seen["count"] == {"count": 0}
    assert seen["count_deleted"] == {"count": 1}


def test_the_vendors_client_manages_users_applications_and_keys(
    platform: Platform, run_with_runapy: RunWithRunapy, request: pytest.FixtureRequest
) -> None:
    version = request.node.callspec.params["run_with_runapy"]
    mark = version.replace(".", "-")
    seen = json.loads(
        run_with_runapy(str(IDENTITY), str(platform.data_dir / "admin.json"), mark).stdout
    )
    users = seen["users"]
    email = f"runapy-{mark}@example.org"
    assert users["created"]["username"] == email
    assert users["shown"]["username"] == email
    assert [entry["id"] for entry in users["listed"]] == [users["created"]["id"]]
    assert users["count"] == {"count": 1}
    assert users["after_logout"] == 401
    assert users["reset"] == ["tempPassword"]
    assert users["gone"] == 404
    for thing, keys in users["keys"].items():
        assert keys["created"]["clientId"], thing
        assert keys["shown"]["name"] == "runapy-key"
        assert keys["listed"] == keys["by_key"] or keys["by_key"], "the key acts as its user"
        found = keys["found"]["accessKeys"] if thing == "access_key" else keys["found"]
        assert [entry["createdBy"] for entry in found] == [email]
        assert keys["left"] in ([], {"accessKeys": []})
    things = {"applications", "service_accounts"} & set(seen)
    assert things == ({"applications"} if version < "1.223" else things | {"service_accounts"})
    for thing in things:
        shown = seen[thing]
        assert shown["shown"]["enabled"] is False
        assert shown["created"]["name"] in shown["listed"]
        assert shown["regenerated"] == (["secret"] if thing == "applications" else ["clientSecret"])
        assert shown["gone"] == 404


def test_the_vendors_client_does_all_there_is_to_do_with_the_organisation(
    platform: Platform, run_with_runapy: RunWithRunapy, request: pytest.FixtureRequest
) -> None:
    version = request.node.callspec.params["run_with_runapy"]
    name = f"o-{version.replace('.', '-')}"
    administrator = platform.data_dir / "admin.json"
    answers = json.loads(run_with_runapy(str(ORGANISATION), str(administrator), name).stdout)
    for operation, status, body in answers:
        method, _, place = operation.partition(" ")
        path = place.replace("{}", UNIT_ID)
        if body:
            problems = list(published_problems(method, path, status, body))
            assert not problems, (operation, status, problems)
    statuses = {(operation, status) for operation, status, _ in answers}
    for kind, created in (("departments", 201), ("projects", 201)):
        place = f"/api/v1/org-unit/{kind}"
        assert {(f"POST {place}", created), (f"POST {place}", 409)} <= statuses
        assert {(f"DELETE {place}/{{}}", 204), (f"GET {place}/{{}}", 404)} <= statuses
    tried = {operation for operation, _, _ in answers}
    assert len(tried) >= 31 + 6 * (version == "1.224.0")
