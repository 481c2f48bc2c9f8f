"""Every operation does what it is asked, with an answer that is as described and as published."""

import re
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from sqlalchemy import select

from tests.api.identity_provider import Browser, running_provider
from tests.api.people import claims_of
from tests.api.permission_world import plant_pod
from tests.api.serving import CHANGES, CHANGES_NOTHING, Api, serving
from tests.api.test_identity_providers import Program, code_in
from tests.api.test_random_requests import add_asset, add_claim
from windlass.app.schema import metadata
from windlass.assets.kinds import DATA_VOLUME, ENVIRONMENT, SERVED_ALIKE, WORKLOAD_TEMPLATE
from windlass.audit.tables import audit_record
from windlass.kit.database import Database

# These do what they are asked where there are controllers, or a container engine: end-to-end tests
# of published answers and of images hold them against the description there.
ELSEWHERE = {
    ("GET /readyz", 200),
    ("GET /api/v1/platform/images", 200),
    ("POST /api/v1/platform/images/prune", 200),
}

DRY_RUN = {"dryRun": "true"}
AWAY = "ALTER TABLE audit_record RENAME TO audit_record_away"
BACK = "ALTER TABLE audit_record_away RENAME TO audit_record"


@pytest.fixture(scope="module")
def own_api(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """An API of its own, whose tree this test may change."""
    root = tmp_path_factory.mktemp("answered")
    store = shutil.copy(sqlite_template, root / "windlass.sqlite")
    with serving(root / "data", f"sqlite:///{store}") as served:
        yield served


@pytest.fixture(scope="module")
def walked(own_api: Api) -> "Walk":
    """After every operation was asked for."""
    walk = Walk(own_api)
    for part in (sign_in, people, roles, organisation, workloads, assets, data_volumes, platform):
        part(walk)
    with running_provider() as provider:
        providers(walk, provider.discovery_url)
    return walk


@dataclass
class Walk:
    """Asks for one operation after the other, as they build on each other."""

    api: Api
    seen: set[tuple[str, int]] = field(default_factory=set)
    """Which operation was answered with which status."""
    probed: set[str] = field(default_factory=set)
    unrecorded: dict[str, set[str]] = field(default_factory=dict)
    """By operation, the tables that it changed although its record could not be written."""
    headers: dict[str, str] = field(default_factory=dict)

    def ask(
        self, operation: str, status: int, *ids: object, query: str = "", **options: Any
    ) -> httpx.Response:
        """One request, whose answer is held against the description on its way."""
        method, _, template = operation.partition(" ")
        names = iter(ids)
        path = re.sub(r"{\w+}", lambda _: str(next(names)), template)
        if method in CHANGES and template not in CHANGES_NOTHING and "params" not in options:
            self._probe(operation, path + query, **options)
        answer = self.api.ask(method, path + query, headers=self.headers or None, **options)
        assert answer.status_code == status, (operation, answer.text[:500])
        self.seen.add((operation, status))
        return answer

    def _probe(self, operation: str, path: str, **options: Any) -> None:
        """Make the same request while nothing can be recorded: then nothing may change."""
        database, method = self.api.database, operation.partition(" ")[0]
        before = contents(database)
        database.write(lambda connection: connection.exec_driver_sql(AWAY))
        try:
            headers = self.headers or self.api.headers
            url = f"{self.api.context.api_url}{path}"
            answer = httpx.request(method, url, headers=headers, timeout=60, **options)
        finally:
            database.write(lambda connection: connection.exec_driver_sql(BACK))
        after = contents(database)
        assert answer.status_code == 503, (operation, "did not get as far as its record")
        changed = {table for table, rows in after.items() if rows != before[table]}
        self.probed.add(operation)
        if changed:
            self.unrecorded[operation] = changed

    def form(self, operation: str, status: int, **fields: str) -> httpx.Response:
        """One request with a form."""
        self.headers = {"Content-Type": "application/x-www-form-urlencoded"}
        try:
            return self.ask(operation, status, content=urlencode(fields))
        finally:
            self.headers = {}


def test_every_operation_does_what_it_is_asked_and_answers_as_described(walked: Walk) -> None:
    assert walked.seen == successes(walked.api.document) - ELSEWHERE


def test_no_operation_changes_anything_that_cannot_be_recorded(walked: Walk) -> None:
    """Its record is in the transaction of the change."""
    changing = {
        operation
        for operation, _ in successes(walked.api.document) - ELSEWHERE
        if operation.startswith(CHANGES) and operation.partition(" ")[2] not in CHANGES_NOTHING
    }
    assert walked.probed == changing
    assert walked.unrecorded == {}


def contents(database: Database) -> dict[str, Sequence[Any]]:
    """Every row of the store but those of the audit log, by table."""
    with database.read() as connection:
        return {
            table.name: connection.execute(select(table).order_by(*table.primary_key)).all()
            for table in metadata.sorted_tables
            if table is not audit_record
        }


def successes(document: Mapping[str, Any]) -> set[tuple[str, int]]:
    """Every operation, with every status that it is described to answer when all goes well."""
    return {
        (f"{method.upper()} {path}", int(status))
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        for status in operation["responses"]
        if status[0] in "23"
    }


def sign_in(walk: Walk) -> None:
    known = walk.api.context.foundation.administrator
    client = {"client_id": known["client_id"], "client_secret": known["client_secret"]}
    user = {"username": known["username"], "password": known["password"]}
    walk.ask("POST /api/v1/token", 200, json={"grantType": "password", **user})
    oldest = {"id": "x", "name": known["client_id"], "secret": known["client_secret"]}
    walk.ask("POST /v1/k8s/auth/oauth/apptoken", 200, json=oldest)
    granted = walk.form("POST /api/v2/token", 200, grant_type="client_credentials", **client)
    walk.form("POST /api/v2/token/revoke", 200, token=granted.json()["access_token"])
    ended = walk.form("POST /api/v2/token", 200, grant_type="password", **user).json()
    walk.headers = {"Authorization": f"Bearer {ended['access_token']}"}
    walk.ask("POST /api/v1/logout", 200)
    walk.headers = {}
    walk.ask("GET /.well-known/jwks.json", 200)
    codes = walk.ask("POST /api/v2/device", 200).json()
    walk.ask("GET /device", 200, query=f"?user_code={codes['user_code']}")
    walk.form("POST /device", 200, user_code=codes["user_code"], **user)


def people(walk: Walk) -> None:
    users, user = "/api/v1/users", "/api/v1/users/{userId}"
    made = walk.ask(f"POST {users}", 201, json={"email": "ada@example.org"}).json()
    walk.ask(f"GET {users}", 200)
    walk.ask(f"GET {users}/count", 200)
    walk.ask(f"GET {user}", 200, made["id"])
    walk.ask(f"PATCH {user}", 200, made["id"], json={"enabled": True})
    walk.ask(f"POST {user}/logout", 200, made["id"])
    first = walk.ask(f"POST {user}/password", 200, made["id"]).json()["tempPassword"]
    own_things(walk, made["username"], first)
    walk.ask(f"DELETE {user}", 204, made["id"])
    for collection, parameter in (("service-accounts", "serviceAccountId"), ("apps", "appId")):
        base = f"/api/v1/{collection}"
        one = f"{base}/{{{parameter}}}"
        made = walk.ask(f"POST {base}", 201, json={"name": f"reporting-{collection}"}).json()
        walk.ask(f"GET {base}", 200)
        walk.ask(f"GET {one}", 200, made["id"])
        walk.ask(f"PATCH {one}", 200, made["id"], json={"enabled": False})
        walk.ask(f"POST {one}/secret", 200, made["id"])
        walk.ask(f"DELETE {one}", 204, made["id"])


def own_things(walk: Walk, name: str, first: str) -> None:
    """What users do for themselves."""
    own = secrets.token_urlsafe(16)
    token = walk.api.token(grantType="password", username=name, password=first).json()
    administrator = walk.api.headers
    walk.headers = {"Authorization": f"Bearer {token['accessToken']}"}
    change = {"currentPassword": first, "newPassword": own}
    walk.ask("POST /api/v1/me/password", 200, json=change)
    token = walk.api.token(grantType="password", username=name, password=own).json()
    theirs = {"Authorization": f"Bearer {token['accessToken']}"}
    for collection, parameter in (("access-keys", "accessKeyId"), ("user-applications", "appId")):
        base, of_all = f"/api/v1/{collection}", f"/api/v1/administration/{collection}"
        one = f"{base}/{{{parameter}}}"
        walk.headers = theirs
        made = [
            walk.ask(f"POST {base}", 201, json={"name": f"notebook-{collection}-{number}"}).json()
            for number in range(2)
        ]
        walk.ask(f"GET {base}", 200)
        walk.ask(f"GET {one}", 200, made[0]["id"])
        walk.ask(f"POST {one}/secret", 200, made[0]["id"])
        walk.ask(f"DELETE {one}", 204, made[0]["id"])
        walk.headers = administrator
        walk.ask(f"GET {of_all}", 200)
        walk.ask(f"DELETE {of_all}/{{{parameter}}}", 204, made[1]["id"])
    walk.headers = {}


def roles(walk: Walk) -> None:
    base = "/api/v1/authorization"
    rules, tree = f"{base}/access-rules", walk.api.context.tree
    scope = {"scopeId": tree.project_id, "scopeType": "project"}
    subject = {"subjectId": "ada@example.org", "subjectType": "user"}
    walk.ask(f"GET {base}/roles", 200)
    walk.ask(f"GET {base}/roles/{{roleIdPath}}", 200, 9)
    rule = walk.ask(f"POST {rules}", 201, json={**subject, **scope, "roleId": 9}).json()
    walk.ask(f"GET {rules}", 200)
    walk.ask(f"GET {rules}/count", 200)
    walk.ask(f"GET {rules}/{{accessRuleId}}", 200, rule["id"])
    walk.ask(f"DELETE {rules}/{{accessRuleId}}", 204, rule["id"])
    walk.ask(f"GET {rules}", 200, query="?includeDeleted=true")
    missing = {"scopeId": "4599999", "scopeType": "project"}
    payload = {"roleId": 9, "subjects": [subject], "scopes": [scope, missing]}
    made = walk.ask(f"POST {rules}/batch-create", 200, json={"payload": payload}).json()
    assert len(made["succeeded"]) == len(made["failed"]) == 1
    ids = [str(made["succeeded"][0]["id"]), "1999999999"]
    ended = walk.ask(f"POST {rules}/batch", 200, json={"ids": ids, "action": "delete"}).json()
    assert len(ended["succeeded"]) == len(ended["failed"]) == 1
    walk.ask(f"GET {base}/permissions", 200)
    walk.ask(f"POST {base}/permitted-scopes", 200, json={"resourceType": "project"})
    walk.ask(f"GET {base}/me/access-rules", 200)
    walk.ask(f"GET {base}/me/access-rules/count", 200)


def organisation(walk: Walk) -> None:
    clusters, cluster = "/api/v1/clusters", "/api/v1/clusters/{cluster_id}"
    made = walk.ask(f"POST {clusters}", 201, json={"name": "north"}).json()
    walk.ask(f"GET {clusters}", 200)
    walk.ask(f"GET {clusters}", 200, query="?verbosity=metadata")
    walk.ask(f"GET {cluster}", 200, made["uuid"])
    walk.ask(f"PUT {cluster}", 204, made["uuid"], json={"name": "south"})
    walk.ask(f"DELETE {cluster}", 202, made["uuid"])
    made = walk.ask(f"POST {clusters}", 201, json={"name": "west"}).json()
    walk.ask(f"DELETE {cluster}", 204, made["uuid"], query="?force=true")
    cluster_id = walk.api.context.tree.cluster_id
    walk.ask(f"GET {cluster}/nodes", 200, cluster_id)
    walk.ask(f"GET {cluster}/nodes/count", 200, cluster_id)
    walk.ask("GET /api/v1/nodes", 200)
    walk.ask("GET /api/v1/nodes/count", 200)
    node_pools(walk, cluster_id)
    units(walk, "departments", "department_id", cluster_id)
    units(walk, "projects", "project_id", cluster_id)
    walk.ask("GET /api/v1/org-unit/priorities", 200)


def node_pools(walk: Walk, cluster_id: str) -> None:
    pools, pool = "/api/v1/node-pools", "/api/v1/node-pools/{node_pool_id}"
    label = {"labelKey": "rack", "labelValue": "r1"}
    body = {"name": "far", "clusterId": cluster_id, **label}
    made = walk.ask(f"POST {pools}", 201, json=body).json()
    walk.ask(f"GET {pools}", 200)
    walk.ask(f"GET {pools}/count", 200)
    walk.ask(f"GET {pool}", 200, made["id"])
    walk.ask(f"PUT {pool}", 200, made["id"], json={"labelKey": "rack", "labelValue": "r2"})
    strategy = {"placementStrategy": {"gpu": "spread"}}
    walk.ask(f"PATCH {pool}", 200, made["id"], json=strategy)
    walk.ask(f"DELETE {pool}", 204, made["id"])


def units(walk: Walk, collection: str, parameter: str, cluster_id: str) -> None:
    base = f"/api/v1/org-unit/{collection}"
    unit = f"{base}/{{{parameter}}}"
    body = {"name": f"new-{collection}", "clusterId": cluster_id, "resources": []}
    made = walk.ask(f"POST {base}", 201, json=body).json()
    walk.ask(f"GET {base}", 200)
    walk.ask(f"GET {base}", 200, query="?limit=1")
    walk.ask(f"GET {base}/count", 200)
    walk.ask(f"GET {unit}", 200, made["id"])
    walk.ask(f"PUT {unit}", 200, made["id"], json={"description": "x", "resources": []})
    walk.ask(f"PUT {unit}/resources", 200, made["id"], json=[{"gpu": {"deserved": 0}}])
    walk.ask(f"PATCH {unit}/resources", 200, made["id"], json=[{"gpu": {"limit": 4}}])
    walk.ask(f"DELETE {unit}", 204, made["id"])


def workloads(walk: Walk) -> None:
    base = "/api/v1/workloads"
    inferences, workload = f"{base}/inferences", f"{base}/{{workload_id}}"
    made = walk.ask(f"POST {inferences}", 202, json=walk.api.creation("answers")).json()
    workload_id = made["workloadId"]
    not_made = walk.api.creation("not-made")
    walk.ask(f"POST {inferences}", 200, json=not_made, params=DRY_RUN)
    pod_id = plant_pod(walk.api.database, workload_id)
    walk.ask(f"GET {inferences}/{{workload_id}}", 200, workload_id)
    for path in (base, f"{base}/count", f"{base}/live"):
        walk.ask(f"GET {path}", 200)
    for path in (workload, f"{workload}/pods", f"{workload}/events"):
        walk.ask(f"GET {path}", 200, workload_id)
    walk.ask(f"GET {workload}/pods/{{pod_id}}/logs", 200, workload_id, pod_id)
    tree = walk.api.context.tree
    project = walk.ask(
        "POST /api/v1/org-unit/projects",
        201,
        json={"name": "with-one", "clusterId": tree.cluster_id, "resources": []},
    ).json()
    inside = walk.api.creation("inside", projectId=project["id"])
    walk.ask(f"POST {inferences}", 202, json=inside)
    walk.ask("DELETE /api/v1/org-unit/projects/{project_id}", 202, project["id"])
    walk.ask("GET /api/v1/org-unit/projects/{project_id}", 200, project["id"])
    walk.ask(f"DELETE {inferences}/{{workload_id}}", 202, workload_id)
    walk.ask(f"GET {inferences}/{{workload_id}}", 200, workload_id)
    types = walk.ask("GET /api/v1/workload-types", 200).json()["types"]
    walk.ask("GET /api/v1/workload-types/{workload_type_id}", 200, types[0]["id"])
    walk.ask("GET /api/v1/workload-priorities", 200)
    categories = walk.ask("GET /api/v1/workload-categories", 200).json()["categories"]
    walk.ask("GET /api/v1/workload-categories/{category_id}", 200, categories[0]["id"])


def assets(walk: Walk) -> None:
    paths = walk.api.document["paths"]
    for kind in SERVED_ALIKE:
        one = f"{kind.path}/{{{kind.parameter}}}"
        body = paths[kind.path]["post"]["requestBody"]["content"]["application/json"]["example"]
        body = {**body, "meta": {**body["meta"], "scope": "tenant", "projectId": None}}
        if "credentialAssetId" in body["spec"]:
            secret = next(other for other in SERVED_ALIKE if other.name == "genericSecret")
            body["spec"] = {**body["spec"], "credentialAssetId": add_asset(walk.api, secret)}
        if kind is WORKLOAD_TEMPLATE:
            used = {"environment": add_asset(walk.api, ENVIRONMENT)}
            body["spec"] = {**body["spec"], "assets": used}
        walk.ask(f"POST {kind.path}", 200, json=body, params=DRY_RUN)
        made = walk.ask(f"POST {kind.path}", 202, json=body).json()["meta"]
        walk.ask(f"GET {kind.path}", 200, query="?usageInfo=true")
        walk.ask(f"GET {one}", 200, made["id"])
        walk.ask(f"PUT {one}", 200, made["id"], json=body, params=DRY_RUN)
        walk.ask(f"PUT {one}", 202, made["id"], json=body)
        if kind.has_history:
            walk.ask(f"GET {one}/history", 200, made["id"])
        if kind is WORKLOAD_TEMPLATE:
            launched = {**walk.api.creation("launched"), "spec": {"image": "host/canary"}}
            walk.ask(f"POST {one}/launch", 202, made["id"], json=launched)
            launched["name"] = "not-made"
            walk.ask(f"POST {one}/launch", 200, made["id"], json=launched, params=DRY_RUN)
        for path in paths:
            if path.startswith("/api/v1/asset/") and kind.path.startswith(f"{path}/"):
                walk.ask(f"GET {path}", 200)
        done = next(iter(paths[one]["delete"]["responses"]))
        walk.ask(f"DELETE {one}", int(done), made["id"])


def data_volumes(walk: Walk) -> None:
    tree, base = walk.api.context.tree, DATA_VOLUME.path
    one = f"{base}/{{{DATA_VOLUME.parameter}}}"
    body = {
        "name": "weights",
        "projectId": tree.project_id,
        "originPvcName": add_claim(walk.api),
    }
    asked = f"?dataName=weights&clusterId={tree.cluster_id}"
    walk.ask(f"GET {base}/name-availability", 204, query=asked)
    walk.ask(f"POST {base}", 200, json=body, params=DRY_RUN)
    made = walk.ask(f"POST {base}", 201, json=body).json()["id"]
    for path in (base, f"{base}/count"):
        walk.ask(f"GET {path}", 200, query="?requestType=Originated")
    walk.ask(f"PATCH {one}", 200, made, json={"description": "x"})
    department = {"scopeType": "department", "scopeId": tree.department_id}
    for path in (f"{one}/sharedScopes", f"{one}/shared-scopes"):
        walk.ask(f"PATCH {path}", 200, made, json={"add": [department]})
        walk.ask(f"GET {path}", 200, made)
    walk.ask(f"GET {one}", 200, made)
    walk.ask(f"DELETE {one}", 204, made)


def platform(walk: Walk) -> None:
    walk.ask("GET /healthz", 200)
    walk.ask("GET /metrics", 200)
    walk.ask("GET /api/v1/platform", 200)
    walk.ask("POST /api/v1/platform/keys/rotate", 200)
    period = "?start=2026-01-01T00:00:00Z&end=2100-01-01T00:00:00Z"
    walk.ask("GET /api/v1/audit/log", 200, query=f"{period}&numberOfSamples=1000&includeReads=true")
    walk.ask("GET /api/v1/audit/log/file", 200, query=period)


def providers(walk: Walk, discovery_url: str) -> None:
    base, one = "/api/v1/idps", "/api/v1/idps/{idp}"
    data = {"clientId": "x", "clientSecret": "y", "discoverDocumentUrl": discovery_url}
    body = {"name": "corp", "type": "oidc", "oidcData": data}
    walk.ask(f"POST {base}", 201, json=body)
    walk.ask(f"GET {base}", 200)
    walk.ask(f"GET {one}", 200, "corp")
    claim = {"claim": "email", "values": ["bob@example.org"]}
    walk.ask(
        f"PUT {one}", 200, "corp", json={**body, "oidcData": {**data, "mandatoryClaim": claim}}
    )
    walk.ask(f"GET {one}", 200, "corp")
    walk.ask(f"GET {one}/mappers", 200, "corp")
    walk.ask(f"PUT {one}/mappers", 202, "corp", json={"alias": "corp", "groups": "groups"})
    program, browser = Program(walk.api, "corp"), Browser()
    begun = walk.ask("GET /api/v2/authorize", 302, query=f"?{urlencode(program.question)}")
    back = browser.sign_in_at_provider(begun.headers["location"], "bob")
    query = back.partition("?")[2]
    answered = walk.ask("GET /sign-in/{provider}/callback", 302, "corp", query=f"?{query}")
    granted = program.exchange(code_in(answered))
    assert claims_of(granted.json()["access_token"])["email"] == "bob@example.org"
    codes = walk.ask("POST /api/v2/device", 200).json()
    asked = f"?user_code={codes['user_code']}&provider=corp"
    sent = walk.ask("GET /device/provider", 302, query=asked)
    back = browser.sign_in_at_provider(sent.headers["location"], "bob")
    callback = f"?{back.partition('?')[2]}"
    walk.ask("GET /sign-in/{provider}/callback", 200, "corp", query=callback)
    walk.ask(f"DELETE {one}", 200, "corp")
