"""`docs/templates.md`, followed word for word on an empty platform."""

import re
from pathlib import Path
from typing import Any

from tests.end_to_end.platforms import ROOT, Platform
from tests.end_to_end.test_access_page import home, own, type_in

__all__ = ["home", "own"]
PAGE = ROOT / "docs" / "templates.md"


def test_from_an_empty_platform_to_what_a_user_launches(home: Path, own: Platform) -> None:
    blocks = re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.DOTALL)
    people, making, launching, otherwise, refused = blocks
    told = {}
    for block in (people, making, launching, otherwise):
        done = type_in(home, block)
        assert done.returncode == 0, f"{block}\n{done.stdout}{done.stderr}"
        told[block] = done.stdout
    for kind in ("compute small", "environment canary", "workload-template endpoint"):
        assert f"{kind} would be created." in told[making]
        assert f"{kind} is created." in told[making]
    assert re.search(r"spec\.image +host/canary +asset", told[launching])
    assert re.search(r"spec\.autoscaling\.maxReplicas +1 +template", told[launching])
    assert re.search(r"hello +vision +Running", told[launching])

    denied = type_in(home, refused)
    assert denied.returncode == 1
    assert "sufficient permissions" in denied.stderr

    specs = {each["name"]: inference(own, each["id"])["spec"] for each in workloads(own)}
    (hello, louder) = (specs[name]["environmentVariables"] for name in ("hello", "louder"))
    assert hello == [{"name": "LEVEL", "value": "info"}]
    assert louder == [{"name": "LEVEL", "value": "debug"}]
    assert {spec["compute"]["cpuMemoryRequest"] for spec in specs.values()} == {"64Mi"}
    assert {each["submittedBy"] for each in workloads(own)} == {"ada@example.org"}
    check_export(home, own)


def check_export(home: Path, own: Platform) -> None:
    """What is exported applies again without a difference, and what is changed is."""
    admin = f"--data-dir {own.data_dir}"
    for kind in ("compute", "environment", "workload-template"):
        exported = f"windlass get {kind} -o yaml {admin} > {kind}.yaml"
        done = type_in(home, f"{exported}; windlass apply -f {kind}.yaml {admin}")
        assert done.returncode == 0, done.stderr
        assert set(re.findall(r"is \w+.*", done.stdout)) == {"is as it should be."}, done.stdout
    check_other_scopes(home, admin)
    edit = "sed 's/64Mi/96Mi/' assets.yaml > other.yaml"
    shown = type_in(home, f"{edit}; windlass apply -f other.yaml --dry-run {admin}").stdout
    assert "compute small would be changed.\n  spec.cpuMemoryRequest: '64Mi' → '96Mi'" in shown
    changed = type_in(home, f"windlass apply -f other.yaml {admin}").stdout
    assert "compute small is changed." in changed
    assert "environment canary is as it should be." in changed
    gone = type_in(home, f"windlass delete small --kind compute {admin}")
    assert gone.stdout == "compute small is gone.\n"
    used = type_in(home, f"windlass delete canary --kind environment {admin}")
    assert (used.returncode, "endpoint" in used.stderr) == (1, True)
    lacking = type_in(home, f"windlass submit -t endpoint --name x --project vision {admin}")
    assert "which is gone or cannot be used in this project" in lacking.stderr
    wrong = type_in(home, f"echo 'kind: nothing' | windlass apply -f - {admin}")
    assert (wrong.returncode, "it must be one of compute" in wrong.stderr) == (1, True)


EVERYWHERE = """
kind: environment
meta: {name: canary-of-all, scope: tenant, workloadSupportedTypes: {inference: true}}
spec:
  image: host/canary
  connections:
    - name: board
      internalToolInfo: {toolType: tensorboard, connectionType: ExternalUrl, containerPort: 6006}
---
kind: git
meta: {name: code, scope: tenant}
spec: {repository: 'https://git.example.org/code', path: /code}
---
kind: workload-template
meta: {name: job, scope: tenant, workloadSupportedTypes: {distributed: true, inference: false}}
spec:
  assets: {environment: canary-of-all, datasources: [{kind: git, name: code}]}
  specificEnv: {connections: [{name: board, externalUrl: 'https://b.example.org'}], backoffLimit: 2}
  distributed: {numWorkers: 2, master: {assets: {environment: canary-of-all}}}
---
kind: compute
meta: {name: small, project: shop}
spec: {cpuCoreRequest: 1}
---
kind: workload-template
meta: {name: shop-window, project: shop}
spec: {assets: {environment: canary-of-all, compute: small}}
"""


def check_other_scopes(home: Path, admin: str) -> None:
    """Names are those of what can be used in the unit, also where others have the same."""
    (home / "everywhere.yaml").write_text(EVERYWHERE)
    created = type_in(
        home,
        f"windlass projects create shop {admin}; windlass apply -f everywhere.yaml {admin}",
    )
    assert created.returncode == 0, created.stderr
    assert created.stdout.count("is created.") == 5, created.stdout
    again = type_in(home, f"windlass apply -f everywhere.yaml {admin}")
    assert again.stdout.count("is as it should be.") == 5, again.stdout
    for kind in ("workload-template", "git", "compute", "environment"):
        exported = f"windlass get {kind} -o yaml {admin} > {kind}.yaml"
        done = type_in(home, f"{exported}; windlass apply -f {kind}.yaml {admin}")
        lines = done.stdout.splitlines()
        assert all(line.endswith("is as it should be.") for line in lines), done.stdout
    ambiguous = type_in(home, f"windlass delete small --kind compute {admin}")
    assert (ambiguous.returncode, "in several scopes" in ambiguous.stderr) == (1, True)
    gone = type_in(home, f"windlass delete small --kind compute --project shop {admin}")
    assert gone.stdout == "compute small is gone.\n"


def workloads(own: Platform) -> list[dict[str, str]]:
    found: list[dict[str, str]] = own.get("/api/v1/workloads")["workloads"]
    return found


def inference(own: Platform, workload_id: str) -> dict[str, Any]:
    shown: dict[str, Any] = own.get(f"/api/v1/workloads/inferences/{workload_id}")
    return shown
