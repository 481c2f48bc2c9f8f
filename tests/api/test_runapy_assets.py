"""The vendor's client on assets of every kind.

One store is enough: what the client reads depends on the answers alone, which every other
test sees on both.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.api.assets import some_name
from tests.api.serving import Api
from tests.conftest import RunWithRunapy

PROGRAM = Path(__file__).parent / "runapy_assets.py"
SINCE_2_24 = {"ngcApiKey"}
NO_CONTENT = {"genericSecret", "ngcApiKey"}
KINDS = {
    *("compute", "environment", "pvc", "nfs", "git", "hostPath", "s3", "config-map"),
    *("secret-volume", "accessKey", "password", "dockerRegistry", "genericSecret"),
}


def test_every_operation_runs(
    api_on_sqlite: Api, run_with_runapy: RunWithRunapy, request: pytest.FixtureRequest
) -> None:
    api = api_on_sqlite
    known = api.context.foundation.administrator
    words = (api.context.api_url, str(known["client_id"]), str(known["client_secret"]))
    project, name = api.context.tree.project_id, some_name("r")
    seen = json.loads(run_with_runapy(str(PROGRAM), *words, project, name).stdout)
    assert seen.pop("together") == {"credentials": 200, "datasources": 200}
    check_data_volume(seen.pop("data-volume"))
    version = request.node.callspec.params["run_with_runapy"]
    assert set(seen) - SINCE_2_24 == KINDS
    assert set(seen) >= SINCE_2_24 or version < "1.224"
    for kind, told in seen.items():
        status, created = told["created"]
        assert (status, created["meta"]["kind"]) == (202, kind)
        assert told["taken"] == 409, kind
        assert told["shown"], kind
        assert told["listed"], kind
        assert told["changed"] == [202, "changed"], kind
        assert told["deleted"] == (204 if kind in NO_CONTENT else 202), kind
        assert told["gone"] == 404, kind
        assert told.get("freed", 204) == 204


def check_data_volume(told: dict[str, Any]) -> None:
    status, created = told.pop("created")
    assert (status, created["sharedScopes"]) == (201, [])
    # 1.222.0 does not have it.
    assert told.pop("history", "DataVolumeCreated") == "DataVolumeCreated"
    assert told == {
        "taken": 409,
        "unavailable": 409,
        "available": 204,
        "shared": [200, [True]],
        "scopes": True,
        "shown": True,
        "listed": True,
        "counted": 1,
        "changed": [200, "changed"],
        "deleted": 204,
        "gone": 404,
        "freed": 202,
    }
