"""The API of one platform, in this process: real sockets, store and engine, no controllers."""

import json
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from argon2 import PasswordHasher
from sqlalchemy import select, update

from tests.api.answers import check_answer
from tests.api.description import Description
from windlass.app.api import create_api
from windlass.app.bootstrap import lay_foundation
from windlass.app.context import Context
from windlass.app.data_directory import DataDirectory
from windlass.app.engine import read_catalogue
from windlass.app.http import Observed
from windlass.audit.tables import audit_record
from windlass.identity.operations import operations
from windlass.identity.tokens import Caller, CallerType
from windlass.kit.clock import SystemClock
from windlass.kit.database import Database
from windlass.kit.ids import new_id
from windlass.org.nodes import register_nodes
from windlass.settings import Address, Settings
from windlass.workloads.tables import workload

CANARY_IMAGES = Path(__file__).parent.parent.parent / "examples" / "canary" / "host-images.yaml"
INFERENCES = "/api/v1/workloads/inferences"
WORKLOADS = "/api/v1/workloads"
SPEC: Mapping[str, Any] = {"image": "host/canary", "servingPort": {"container": 8000}}
CHANGES = ("POST", "PUT", "PATCH", "DELETE")
CHANGES_NOTHING = ("/api/v1/authorization/permitted-scopes", "/api/v2/device")
NOBODY = "123e4567-e89b-12d3-a456-426614174000"


@dataclass
class Api:
    """Asks the API, and holds every answer against what is published, and what is described."""

    client: httpx.Client
    context: Context
    database: Database
    headers: dict[str, str] = field(default_factory=dict)
    document: dict[str, Any] = field(default_factory=dict)
    """The served description."""
    description: Description = field(init=False)

    def __post_init__(self) -> None:
        self.document = self.client.get("/openapi.json").json()
        self.description = description = Description(self.document)

        def check(answer: httpx.Response) -> None:
            answer.read()
            request = answer.request
            path = request.url.raw_path.decode()
            check_answer(request.method, path, answer, description)

        self.client.event_hooks["response"].append(check)

    def ask(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, **options: Any
    ) -> httpx.Response:
        """One request, with the administrator's token unless `headers` are given."""
        sent = self.headers if headers is None else headers
        answer = self.client.request(method, path, headers=dict(sent), **options)
        if "dryRun" not in options.get("params", {}):
            self._check_record(method, path, answer)
        return answer

    def _check_record(self, method: str, path: str, answer: httpx.Response) -> None:
        """Fail unless a change that succeeded is on record."""
        if method not in CHANGES or not answer.is_success or path in CHANGES_NOTHING:
            return
        told = f"{method} {path} changed something and is not on record as what it is"
        operation = self.description.operation_of(method, path)
        assert operation is not None, told
        done = operations()[operation].described
        request_id = answer.headers["x-request-id"]
        query = select(audit_record).where(audit_record.c.request_id == request_id)
        with self.database.read() as connection:
            rows = connection.execute(query).all()
        succeeded = [row for row in rows if row.result == "Succeeded"]
        # Of a batch, nothing need have succeeded.
        assert succeeded or path.endswith("/batch"), told
        for row in succeeded:
            assert (row.http_method, row.http_status_code) == (method, answer.status_code), told
            assert row.source_address == "127.0.0.1", (told, row)
            assert row.url.endswith(answer.request.url.path), (told, row)
            assert row.subject, (told, row)
            assert row.entity_id or row.entity_name, (told, row)
        deeds = {(row.action, row.entity_type) for row in succeeded}
        assert not succeeded or (done.action, done.entity_type) in deeds, (told, deeds)

    def headers_of(self, name: str, kind: CallerType = "user", *groups: str) -> dict[str, str]:
        """What a request carries that somebody makes who has signed in."""
        tenant_id = self.context.tree.tenant_id
        caller = Caller(new_id(), name, kind, tenant_id, groups)
        return {"Authorization": f"Bearer {self.context.authority(self.database).issue(caller)}"}

    def give(self, name: str, role_id: int, scope_type: str, scope_id: str) -> dict[str, Any]:
        """Give a user a role."""
        rule = {
            "subjectId": name,
            "subjectType": "user",
            "roleId": role_id,
            "scopeType": scope_type,
            "scopeId": scope_id,
        }
        answer = self.ask("POST", "/api/v1/authorization/access-rules", json=rule)
        assert answer.status_code == 201, answer.text
        given: dict[str, Any] = answer.json()
        return given

    def get(self, path: str, **params: Any) -> Any:
        """What there is at a path."""
        answer = self.ask("GET", path, params=params)
        assert answer.status_code == 200, answer.text[:500]
        return answer.json()

    def refused(self, path: str, **params: Any) -> str:
        """The message with which a GET is refused as wrong."""
        answer = self.ask("GET", path, params=params)
        assert answer.status_code == 400, answer.text[:500]
        return str(answer.json()["message"])

    def creation(self, name: str, spec: Mapping[str, Any] = SPEC, **fields: Any) -> dict[str, Any]:
        """The body of a creation."""
        tree = self.context.tree
        return {
            "name": name,
            "projectId": tree.project_id,
            "clusterId": tree.cluster_id,
            "spec": dict(spec),
            **fields,
        }

    def post(self, body: object) -> httpx.Response:
        """Ask for an inference."""
        return self.ask("POST", INFERENCES, json=body)

    def create(self, name: str, spec: Mapping[str, Any] = SPEC, **fields: Any) -> dict[str, Any]:
        """Create an inference."""
        answer = self.post(self.creation(name, spec, **fields))
        assert answer.status_code == 202, answer.text[:500]
        created: dict[str, Any] = answer.json()
        return created

    def delete(self, workload_id: str) -> httpx.Response:
        """Ask for the end of an inference."""
        return self.ask("DELETE", f"{INFERENCES}/{workload_id}")

    def change_record(self, workload_id: str, **columns: Any) -> None:
        """Write what controllers would."""
        statement = update(workload).where(workload.c.id == workload_id).values(**columns)
        self.database.write(lambda connection: connection.execute(statement))

    def finish_deletion(self, workload_id: str) -> None:
        """Delete an inference, and be the controllers that carry it out."""
        assert self.delete(workload_id).status_code == 202
        self.change_record(workload_id, deleted_at=time.time())

    def token(self, **body: Any) -> httpx.Response:
        """Ask for a token."""
        return self.ask("POST", "/api/v1/token", headers={}, content=json.dumps(body))


def make_quick(patched: pytest.MonkeyPatch) -> None:
    """Spare thousands of requests what they do not show: hashes that are hard to make, and waits
    for the gate, which is not there."""
    patched.setattr("windlass.app.api._GATE_SECONDS", 0.001)
    weak = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    patched.setattr("windlass.identity.passwords._hasher", weak)


@contextmanager
def serving(root: Path, database_url: str) -> Iterator[Api]:
    """Serve in this process until the context ends."""
    database = Database(database_url)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        context = prepared(root, database_url, database, listener.getsockname()[1])
        application = Observed(create_api(context, database))
        client = httpx.Client(base_url=context.api_url, timeout=60.0)
        with _answering(application, listener), client:
            yield sign_in(Api(client, context, database))
    database.close()


def prepared(root: Path, database_url: str, database: Database, port: int = 9) -> Context:
    """A platform with its first tree, and the nodes of its simulated engine."""
    data = DataDirectory(root)
    data.prepare()
    data.metrics.mkdir()
    settings = Settings(
        data_dir=root,
        host_images=CANARY_IMAGES,
        simulate_gpus="2xH100-80GB",
        node_labels=["zone=near"],
        simulate_nodes=["far,label=zone=far,label=rack=r1,gpus=4xL4-24GB"],
    )
    foundation = lay_foundation(data, database, settings.domain, SystemClock())
    address = Address("127.0.0.1", port)
    gateway, internal = Address("127.0.0.1", 9), Address("127.0.0.1", 10)
    catalogue = read_catalogue(settings)
    context = Context(
        settings, data, database_url, foundation, catalogue, address, gateway, internal, time.time()
    )
    cluster_id, nodes = foundation.tree.cluster_id, context.engine().nodes()
    database.write(lambda c: register_nodes(c, cluster_id, nodes, time.time()))
    return context


def sign_in(api: Api) -> Api:
    """Give it a token of the first administrator's."""
    known = api.context.foundation.administrator
    granted = api.token(
        grantType="client_credentials",
        clientID=known["client_id"],
        clientSecret=known["client_secret"],
    )
    api.headers["Authorization"] = f"Bearer {granted.json()['accessToken']}"
    return api


@contextmanager
def _answering(application: Any, listener: socket.socket) -> Iterator[None]:
    config = uvicorn.Config(
        application, http="httptools", loop="uvloop", ws="none", lifespan="off", log_config=None
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()
        listener.close()
