"""The vendor's client on templates.

One store is enough: what the client reads depends on the answers alone, which every other
test sees on both.
"""

import json
from pathlib import Path

from tests.api.assets import some_name
from tests.api.serving import Api
from tests.conftest import RunWithRunapy

PROGRAM = Path(__file__).parent / "runapy_templates.py"


def test_every_operation_runs(api_on_sqlite: Api, run_with_runapy: RunWithRunapy) -> None:
    api = api_on_sqlite
    known = api.context.foundation.administrator
    name, project = some_name(), api.context.tree.project_id
    words = (api.context.api_url, str(known["client_id"]), str(known["client_secret"]))
    seen = json.loads(run_with_runapy(str(PROGRAM), *words, project, name).stdout)
    created = seen["created"]
    assert created["meta"]["kind"] == "workload-template"
    assert created["spec"]["assets"]["environment"]["name"] == name
    assert created["spec"]["specificEnv"]["labels"][0]["name"] == "team"
    assert seen["shown"] == created
    assert seen["listed"]["entries"] == [created]
    used = seen["used"]["usedBy"]["templates"]
    assert used == [{"id": created["meta"]["id"], "name": name}]
    assert seen["changed"]["meta"]["name"] == f"{name}-2"
    assert "args" not in seen["changed"]["spec"]["specificEnv"]
    assert seen["deleted"]["code"] == 202
    assert seen["gone"] == 404
