"""The audit log, for every operation that is served: refusals are in it, and secrets are not."""

import copy
import json
import re
import shutil
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import structlog
from sqlalchemy import Row, select

from tests.api.in_process import Answer
from tests.api.permission_world import PLANTED_USER, World, headers_of, world_over
from tests.api.serving import CHANGES, CHANGES_NOTHING
from windlass.audit.tables import audit_record
from windlass.identity.operations import Where, operations
from windlass.identity.sign_in.service import UNKNOWN

NOBODY = "nobody@example.org"
SECRET = "hunter2-which-nobody-may-read"
SECRET_FIELD = re.compile(r"password|secret|token|api_key|^code|device_code", re.IGNORECASE)
NO_SECRET = {"existingSecretName", "token_type_hint", "resetPassword"}
# In these, names say what is secret.
VALUES = ("environmentVariables", "keyValuePairs")
Place = tuple[str | int, ...]


@pytest.fixture(scope="module")
def world(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    root = tmp_path_factory.mktemp("audited")
    store = shutil.copy(sqlite_template, root / "windlass.sqlite")
    with world_over(root / "data", f"sqlite:///{store}", with_records=True) as made:
        yield made


def changes(world: World) -> list[str]:
    """Every operation of the served description that may change something."""
    found = [
        f"{method.upper()} {path}"
        for path, methods in world.document["paths"].items()
        for method in methods
        if method.upper() in CHANGES and path not in CHANGES_NOTHING
    ]
    assert len(found) > 80
    return found


def records(world: World) -> Sequence[Row[Any]]:
    with world.database.read() as connection:
        return connection.execute(select(audit_record).order_by(audit_record.c.at)).all()


def test_every_change_that_is_refused_is_on_record(world: World) -> None:
    nobody = headers_of(world.authority, world.context.tree.tenant_id, NOBODY)
    before = {row.id for row in records(world)}
    for operation in changes(world):
        row = operations()[operation]
        with world.database.undone():
            answer = world.ask(operation, {} if row.where is Where.OPEN else nobody)
            new = [found for found in records(world) if found.id not in before]
        if row.where is Where.OPEN and answer.status == 200:
            assert new == [], (operation, "ends no token that there is")
            continue
        if row.where is Where.SELF and answer.status < 300:
            assert {found.result for found in new} == {"Succeeded"}, operation
            continue
        assert {found.result for found in new} == {"Failed"}, (operation, answer)
        for found in new:
            check_refusal(world, operation, answer, found)


def check_refusal(world: World, operation: str, answer: Answer, found: Row[Any]) -> None:
    row = operations()[operation]
    method, _, template = operation.partition(" ")
    status = answer.json["failed"][0]["code"] if answer.status == 200 else answer.status
    path = world.address(template).partition("?")[0]
    assert (found.action, found.entity_type) == tuple(row.described), operation
    assert (found.http_method, found.http_status_code) == (method, status), operation
    assert found.url == f"http://127.0.0.1:80{path}", operation
    assert found.source_address == "127.0.0.1", operation
    assert found.subject == (claimed(world, operation) or NOBODY), operation
    if row.where in (Where.TENANT, Where.UNIT):
        assert row.permission is not None
        assert found.details["permission"] == ":".join(row.permission), operation
        assert found.scope_path, operation


def claimed(world: World, operation: str) -> str | None:
    """Who a sign-in says it is, if anybody has that name."""
    if operations()[operation].where is not Where.OPEN:
        return None
    example = example_of(world, operation)
    names = ("username", "clientID", "client_id", "name")
    claim = next(str(example[name]) for name in names if name in example)
    return claim if claim == PLANTED_USER else UNKNOWN


def example_of(world: World, operation: str) -> Any:
    method, _, template = operation.partition(" ")
    (content,) = world.document["paths"][template][method.lower()]["requestBody"][
        "content"
    ].values()
    return content["example"]


def test_no_secret_comes_out_again(world: World) -> None:
    """Not in answers to what is wrong, not in the audit log, and not in the log."""
    tried = 0

    for operation in changes(world):
        method, _, template = operation.partition(" ")
        described = world.document["paths"][template][method.lower()].get("requestBody")
        if described is None:
            continue
        ((media_type, content),) = described["content"].items()
        for place in secret_places(content["schema"]):
            for value in values_with_secrets(media_type):
                body = with_value(content["example"], place, value)
                tried += 1
                check_silence(world, operation, place, body, media_type)
    assert tried > 100


def check_silence(world: World, operation: str, place: Place, body: Any, media_type: str) -> None:
    method, _, template = operation.partition(" ")
    is_form = media_type != "application/json"
    sent = urlencode(body).encode() if is_form else json.dumps(body).encode()
    path = world.address(template)
    path += f"{'&' if '?' in path else '?'}password={SECRET}"
    with structlog.testing.capture_logs() as logged, world.database.undone():
        answer = world.api.ask(
            method, path, {**world.administrator, "content-type": media_type}, sent
        )
        kept = [row._mapping for row in records(world)]
    told = (operation, place, answer.status, answer.body[:500])
    # What a workload is told in the clear it shows to those who may see it.
    if answer.status >= 400 or VALUES[0] not in place:
        assert SECRET not in answer.body.decode(), told
    assert SECRET not in str(kept), told
    assert SECRET not in str(logged), told


def values_with_secrets(media_type: str) -> list[Any]:
    texts = [SECRET, f"{SECRET}\0", f"{SECRET}\n{SECRET}" * 500]
    return texts if media_type != "application/json" else [*texts, [SECRET], {SECRET: SECRET}]


def secret_places(schema: Any, place: Place = ()) -> Iterator[Place]:
    """Where there may be a secret in a body of that schema."""
    if not isinstance(schema, dict):
        return
    for name, member in schema.get("properties", {}).items():
        is_value = name == "value" and any(step in VALUES for step in place)
        if is_value or (SECRET_FIELD.search(name) and name not in NO_SECRET):
            yield (*place, name)
        yield from secret_places(member, (*place, name))
    yield from secret_places(schema.get("items"), (*place, 0))
    for key in ("anyOf", "allOf", "oneOf"):
        for alternative in schema.get(key, ()):
            yield from secret_places(alternative, place)


def with_value(example: Any, place: Place, value: Any) -> Any:
    """The example with that value there, and with all that leads to it."""
    body = copy.deepcopy(example)
    inner = body
    for step, following in pairwise(place):
        empty: Any = [{}] if isinstance(following, int) else {}
        if isinstance(inner, list):
            inner = inner[0]
            continue
        if not inner.get(step):
            inner[step] = empty
        inner = inner[step]
    if isinstance(inner, list):
        inner = inner[0]
    inner[place[-1]] = value
    return body
