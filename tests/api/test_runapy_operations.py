"""The vendor's client runs every operation that it has and the platform serves, each by its own
method. The list is the client's, so that none is forgotten."""

import json
import re
import secrets
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.api.identity_provider import Provider, running_provider
from tests.api.serving import Api, make_quick, serving
from tests.api.test_random_requests import add_asset, add_claim, existing
from tests.conftest import RunWithRunapy
from windlass.assets.kinds import ENVIRONMENT, KINDS

PROGRAM = str(Path(__file__).parent / "runapy_operations.py")
# What the audit log and data volumes must be asked with; the client reads no file but in JSON.
QUERY = {"start": "2026-01-01T00:00:00Z", "end": "2100-01-01T00:00:00Z", "file_type": "JSON"}
QUERY |= {"request_type": "Originated", "data_name": "free"}
# 1.224.0 sends nothing of what it is given here.
FAULTY = {"TokensApi.grant_token_v2"}
ENDING = ("/api/v1/me/password", "/api/v1/logout")


@pytest.fixture(scope="module")
def own_api(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """An API of its own: one store is enough, since every other test runs on both."""
    root = tmp_path_factory.mktemp("runapy")
    store = shutil.copy(sqlite_template, root / "windlass.sqlite")
    with pytest.MonkeyPatch.context() as patched:
        make_quick(patched)
        with serving(root / "data", f"sqlite:///{store}") as served:
            yield served


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with running_provider() as running:
        yield running


def test_the_client_runs_every_operation_that_it_has(
    own_api: Api, run_with_runapy: RunWithRunapy, provider: Provider, tmp_path: Path
) -> None:
    listed = json.loads(run_with_runapy(PROGRAM, "list").stdout)
    served = {
        re.sub(r"{\w+}", "{}", f"{method.upper()} {path}"): f"{method.upper()} {path}"
        for path, methods in own_api.document["paths"].items()
        for method in methods
    }
    user = new_administrator(own_api)
    wanted = {name: served[asked] for name, asked in listed.items() if asked in served}
    assert len(wanted) > 95
    preparation = Preparation(own_api, provider, user)
    requests = [
        {"method": name, **preparation.request(operation)} for name, operation in wanted.items()
    ]
    # These end the sign-in that they are asked with: each has one of its own.
    ends = [each for each in requests if each["operation"].endswith(ENDING)]
    rest = [each for each in requests if each not in ends]
    asked = tmp_path / "requests.json"
    asked.write_text(json.dumps([rest, *([each] for each in ends)]))
    words = (PROGRAM, "run", own_api.context.api_url, *user.key, str(asked))
    seen: dict[str, list[Any]] = json.loads(run_with_runapy(*words).stdout)
    assert set(seen) == set(wanted)
    refused = {name: told for name, told in seen.items() if not 200 <= told[0] < 300}
    assert set(refused) == set(wanted) & FAULTY, refused


class Administrator:
    """A user who may do everything, with an access key to sign in by."""

    def __init__(self, email: str, password: str, headers: dict[str, str], key: list[str]) -> None:
        self.email = email
        self.password = password
        self.headers = headers
        self.key = key


def new_administrator(api: Api) -> Administrator:
    email = f"{uuid.uuid4()}@example.org"
    created = api.ask("POST", "/api/v1/users", json={"email": email, "resetPassword": False})
    password = created.json()["tempPassword"]
    api.give(email, 1, "tenant", str(api.context.tree.tenant_id))
    granted = api.token(grantType="password", username=email, password=password).json()
    headers = {"Authorization": f"Bearer {granted['accessToken']}"}
    key = api.ask("POST", "/api/v1/access-keys", headers=headers, json={"name": "runapy"}).json()
    return Administrator(email, password, headers, [key["clientId"], key["clientSecret"]])


class Preparation:
    """Makes a sound request of any operation, about things of its own."""

    def __init__(self, api: Api, provider: Provider, user: Administrator) -> None:
        self._api = api
        self._provider = provider
        self._user = user

    def request(self, operation: str) -> dict[str, Any]:
        """Ids, body and query of the request."""
        path = operation.partition(" ")[2]
        names = re.findall(r"{(\w+)}", path)
        made = existing(self._api, SimpleNamespace(path=path))
        made |= {name: self._known(name, path) for name in names if name not in made}
        if path.startswith("/api/v1/user-applications") or "administration" in path:
            made |= {name: self._key() for name in names}
        ids = [made[name] for name in names]
        body = self._body(operation, ids)
        query = dict(QUERY)
        if path.endswith("/name-availability"):
            query["cluster_id"] = self._api.context.tree.cluster_id
        return {"operation": operation, "ids": ids, "body": body, "query": query}

    def _known(self, name: str, path: str) -> str:
        if name == "idp":
            return self._new_provider()
        if name == "accessKeyId":
            return self._key()
        if name == "roleIdPath":
            return "9"
        collection = path.partition("/{")[0]
        (entries,) = self._api.get(collection).values()
        return str(entries[0]["id"])

    def _key(self) -> str:
        body = {"name": f"key-{secrets.token_hex(4)}"}
        headers = self._user.headers
        made = self._api.ask("POST", "/api/v1/access-keys", headers=headers, json=body)
        return str(made.json()["id"])

    def _new_provider(self) -> str:
        body = self._body("POST /api/v1/idps", [])
        return str(self._api.ask("POST", "/api/v1/idps", json=body).json()["alias"])

    def _body(self, operation: str, ids: list[str]) -> Any:
        method, _, path = operation.partition(" ")
        described = self._api.document["paths"][path][method.lower()].get("requestBody")
        if described is None:
            return None
        password = {"username": self._user.email, "password": self._user.password}
        match operation:
            case "POST /api/v1/token":
                return {"grantType": "password", **password}
            case "POST /api/v2/token":
                return {"grant_type": "password", **password}
            case "POST /v1/k8s/auth/oauth/apptoken":
                known = self._api.context.foundation.administrator
                client_id, secret = known["client_id"], known["client_secret"]
                return {"id": client_id, "name": client_id, "secret": secret}
            case "POST /api/v1/me/password":
                return {"currentPassword": self._user.password, "newPassword": secrets.token_hex()}
        ((_, content),) = described["content"].items()
        body = self._about(content["example"])
        if path == "/api/v1/idps/{idp}":
            body["name"] = ids[0]
        elif path == "/api/v1/idps/{idp}/mappers":
            body["alias"] = ids[0]
        return body

    def _about(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._about(entry) for entry in value]
        if not isinstance(value, dict):
            return value
        tree, mark = self._api.context.tree, f"runapy-{secrets.token_hex(4)}"
        ours = {
            "clusterId": tree.cluster_id,
            "discoverDocumentUrl": self._provider.discovery_url,
            "email": f"{mark}@example.org",
            "image": "host/canary",
            "labelValue": mark,
            "name": mark,
            "parentId": tree.department_id,
            "projectId": tree.project_id,
            "resources": [],
            "scopeId": tree.project_id,
            "subjectId": f"{mark}@example.org",
        }
        about = {key: ours.get(key, self._about(member)) for key, member in value.items()}
        if "meta" in about:
            about["meta"] = {"name": mark, "scope": "tenant"}
        if "ids" in about:
            rule = existing(self._api, SimpleNamespace(path="{accessRuleId}"))
            about["ids"] = [rule["accessRuleId"]]
        if "originPvcName" in about:
            about["originPvcName"] = add_claim(self._api)
        if "credentialAssetId" in about:
            about["credentialAssetId"] = add_secret(self._api)
        if "assets" in about:
            about["assets"] = {"environment": add_asset(self._api, ENVIRONMENT)}
        return about


def add_secret(api: Api) -> str:
    """The id of a credential that others may name."""
    return add_asset(api, next(kind for kind in KINDS if kind.name == "genericSecret"))
