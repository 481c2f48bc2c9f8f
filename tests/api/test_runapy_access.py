"""The vendor's client on roles, access rules, permissions and the audit log.

One store is enough: what the client reads depends on the answers alone, which every other
test sees on both.
"""

import json
from pathlib import Path

from tests.api.serving import Api
from tests.api.test_access import somebody
from tests.conftest import RunWithRunapy

PROGRAM = Path(__file__).parent / "runapy_access.py"


def test_every_operation_runs(api_on_sqlite: Api, run_with_runapy: RunWithRunapy) -> None:
    api = api_on_sqlite
    known = api.context.foundation.administrator
    name, project = somebody(), api.context.tree.project_id
    words = (api.context.api_url, str(known["client_id"]), str(known["client_secret"]))
    seen = json.loads(run_with_runapy(str(PROGRAM), *words, project, name).stdout)

    assert "L2 researcher" in seen["roles"]
    assert seen["role"] == "ML engineer"
    created = seen["created"]
    assert (created["subjectId"], created["scopeName"]) == (name, "default")
    assert seen["taken"] == 409
    assert {**created, "scopePath": seen["shown"]["scopePath"]} == seen["shown"]
    assert [rule["id"] for rule in seen["listed"]["accessRules"]] == [created["id"]]
    assert seen["count"] == {"count": 1}
    assert seen["many"]["failed"] == []
    assert len(seen["gone"]["succeeded"]) == 1
    assert seen["missing"] == 404
    assert "access_rules" in seen["permissions"]
    assert seen["scopes"]["create"]["tenants"] == [str(api.context.tree.tenant_id)]
    assert seen["own"]["accessRules"]["totalRecords"] == seen["own_count"]["count"] == 1
    done = [record["action"] for record in seen["log"]["audit_logs"]]
    assert done == ["create", "create", "create", "delete", "delete"]
    assert [record["action"] for record in seen["file"]] == done
