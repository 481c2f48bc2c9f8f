"""The vendor's own client, unchanged: token, lists, create, poll, ask, delete."""

import json
from pathlib import Path

import pytest

from tests.conftest import RunWithRunapy
from tests.end_to_end.platforms import Platform

FLOW = Path(__file__).parent / "runapy_flow.py"


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
