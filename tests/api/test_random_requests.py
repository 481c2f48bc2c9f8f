"""Random requests made from the served description: whatever is sent, the answer is described."""

import itertools
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import APIOperation, Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.api.serving import Api, make_quick, serving, sign_in
from tests.conftest import store_in
from tools.suite_results import DATABASE_PROPERTY
from windlass.assets.kind import Kind as AssetKind
from windlass.assets.kinds import DATA_VOLUME, ENVIRONMENT, KINDS, WORKLOAD_TEMPLATE

# There are no controllers, gate or container engine here to ask.
WITHOUT_PARTS = (
    "/readyz",
    "/api/v1/workloads/live",
    "/api/v1/platform/images",
    "/api/v1/platform/images/prune",
)
EMPTY = 40
"""More ways than there are of which no request can be made."""
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
deterministic = settings(
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def own_api(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Api]:
    """An API of its own: random requests delete and revoke whatever they come upon."""
    root = tmp_path_factory.mktemp("random")
    with pytest.MonkeyPatch.context() as patched, store_in(root, request.param, request) as url:
        make_quick(patched)
        with serving(root / "data", url) as served:
            yield served


@pytest.fixture(autouse=True)
def _record_own_database(request: pytest.FixtureRequest) -> None:
    database = request.node.callspec.params["own_api"]
    request.node.user_properties.append((DATABASE_PROPERTY, database))


def test_no_request_fails_and_every_answer_is_described(own_api: Api) -> None:
    wanted = 2000 if own_api.database.is_sqlite else 300
    assert exercise_all(own_api, wanted) >= wanted


@pytest.mark.long
def test_no_request_of_very_many_fails(own_api: Api) -> None:
    wanted = 20_000 if own_api.database.is_sqlite else 2000
    assert exercise_all(own_api, wanted) >= wanted


@dataclass(frozen=True)
class Kind:
    """One way to make requests of an operation."""

    operation: APIOperation
    mode: GenerationMode
    with_known_ids: bool

    @property
    def may_end_the_sign_in(self) -> bool:
        """Whether what asks may be signed out, disabled or gone afterwards."""
        return str(self.operation.method).upper() != "GET"


def exercise_all(api: Api, wanted: int) -> int:
    """Try every operation in every way, until about as many requests as wanted were made."""
    every = sorted(kinds_of(api), key=lambda kind: variety(kind.operation))
    # Where that are fewer than there are ways, those are taken that lie evenly among all.
    kinds = [every[int(place)] for place in spread(len(every), most=wanted + EMPTY)]
    tried = 0
    for number, kind in enumerate(kinds):
        if number == 0 or kinds[number - 1].may_end_the_sign_in:
            sign_in(api)
        # Some have fewer different requests than are asked for: those after them make up for it.
        share = max(1, -((tried - wanted) // (len(kinds) - number)))
        tried += exercise(api, kind, share)
    return tried


def spread(count: int, most: int) -> Iterator[float]:
    """Places from 0 to the count, at most so many, as far from each other as can be."""
    step = max(1.0, count / most)
    return itertools.takewhile(lambda place: place < count, itertools.count(0, step))


def variety(operation: APIOperation) -> int:
    """First those of which there are but few different requests."""
    return len(list(operation.iter_parameters())) + 10 * len(list(operation.body))


def kinds_of(api: Api) -> Iterator[Kind]:
    schema = schemathesis.openapi.from_dict(api.document)
    for result in schema.get_all_operations():
        operation = result.ok()
        for mode in GenerationMode:
            yield Kind(operation, mode, with_known_ids=False)
            if "{" in operation.path:
                yield Kind(operation, mode, with_known_ids=True)


def exercise(api: Api, kind: Kind, examples: int) -> int:
    """How many requests were tried."""
    operation = kind.operation
    known = existing(api, operation) if kind.with_known_ids else {}
    if kind.with_known_ids and not known:
        return 0
    strategy: st.SearchStrategy[Case] = operation.as_strategy(
        kind.mode, path_parameters=known or None
    )
    tried = 0
    session = requests.Session()
    # It would look for proxies and passwords before each request.
    session.trust_env = False

    @settings(deterministic, max_examples=examples)
    @given(strategy)
    def ask(case: Case) -> None:
        nonlocal tried
        tried += 1
        answer = case.call(
            base_url=api.context.api_url, session=session, headers=api.headers, timeout=60
        )
        if operation.path in WITHOUT_PARTS and answer.status_code == 503:
            return
        case.validate_response(answer, checks=CHECKS)
        assert "x-request-id" in answer.headers

    with session:
        try:
            ask()
        except Unsatisfiable:
            assert kind.mode is GenerationMode.NEGATIVE, "nothing in it can be wrong"
    return tried


def existing(api: Api, operation: Any) -> dict[str, str]:
    """Parameters of the path that lead to something, of this operation's own: it may remove it."""
    path = operation.path
    made: dict[str, str] = {}
    if "{workload_id}" in path:
        made["workload_id"] = api.create("random", useGivenNameAsPrefix=True)["workloadId"]
    for name, collection, body in (
        ("cluster_id", "clusters", {}),
        ("department_id", "org-unit/departments", {"resources": []}),
        ("project_id", "org-unit/projects", {"resources": []}),
        ("node_pool_id", "node-pools", {"labelKey": "random"}),
    ):
        if f"{{{name}}}" in path:
            made[name] = add(api, collection, body)
    for name, collection in (("serviceAccountId", "service-accounts"), ("appId", "apps")):
        if f"{{{name}}}" in path:
            made[name] = add(api, collection, {})
    if "{userId}" in path:
        made["userId"] = add(api, "users", {"email": f"{uuid.uuid4()}@example.org"})
    for kind in KINDS:
        if f"{{{kind.parameter}}}" in path:
            made[kind.parameter] = add_asset(api, kind)
    if "{accessRuleId}" in path:
        rule = api.give(f"{uuid.uuid4()}@example.org", 4, "cluster", api.context.tree.cluster_id)
        made["accessRuleId"] = str(rule["id"])
    return made


def add(api: Api, collection: str, body: dict[str, Any]) -> str:
    """The id of something new."""
    name = f"random-{uuid.uuid4().hex[:12]}"
    fields = {"name": name, "clusterId": api.context.tree.cluster_id, "labelValue": name, **body}
    answer = api.ask("POST", f"/api/v1/{collection}", json=fields)
    assert answer.status_code == 201, answer.text
    shown = answer.json()
    return str(shown.get("uuid") or shown["id"])


def add_asset(api: Api, kind: AssetKind) -> str:
    """The id of a new asset of that kind."""
    if kind is DATA_VOLUME:
        name = f"random-{uuid.uuid4().hex[:12]}"
        claim = add_claim(api)
        body = {"projectId": api.context.tree.project_id, "originPvcName": claim, "name": name}
        return add(api, "datavolumes", body)
    meta = {"name": f"random-{uuid.uuid4().hex[:12]}", "scope": "tenant"}
    answer = api.ask("POST", kind.path, json={"meta": meta, "spec": sound_spec(api, kind)})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["meta"]["id"])


def sound_spec(api: Api, kind: AssetKind) -> dict[str, Any]:
    """That of the example, with references to what is there."""
    operation = api.document["paths"][kind.path]["post"]
    spec = dict(operation["requestBody"]["content"]["application/json"]["example"]["spec"])
    if "credentialAssetId" in spec:
        secret = next(other for other in KINDS if other.name == "genericSecret")
        spec["credentialAssetId"] = add_asset(api, secret)
    if kind is WORKLOAD_TEMPLATE:
        spec["assets"] = {"environment": add_asset(api, ENVIRONMENT)}
    return spec


def add_claim(api: Api) -> str:
    """The name of a new volume claim."""
    meta = {"name": f"random-{uuid.uuid4().hex[:12]}", "scope": "tenant"}
    body = {"meta": meta, "spec": {"path": "/data", "claimInfo": {"size": "1Gi"}}}
    answer = api.ask("POST", "/api/v1/asset/datasource/pvc", json=body)
    assert answer.status_code == 202, answer.text
    return str(meta["name"])
