"""Random requests made from the served description: whatever is sent, the answer is described."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
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

from tests.api.serving import Api

EXAMPLES = {GenerationMode.POSITIVE: 15, GenerationMode.NEGATIVE: 5}
# These wait a second for the gate, which is not there.
SLOW = ("/metrics", "/api/v1/platform")
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


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_no_request_fails_and_every_answer_is_described(api: Api, mode: GenerationMode) -> None:
    tried = 0
    for operation in operations(api):
        tried += exercise(api, operation, mode, {})
        if known := existing(api, operation):
            tried += exercise(api, operation, mode, known)
    assert tried > 10 * EXAMPLES[mode]


def exercise(
    api: Api, operation: Any, mode: GenerationMode, path_parameters: dict[str, str]
) -> int:
    """How many requests were tried."""
    strategy: st.SearchStrategy[Case] = operation.as_strategy(
        mode, path_parameters=path_parameters or None
    )
    tried = 0

    examples = 1 if operation.path in SLOW else EXAMPLES[mode]

    @settings(deterministic, max_examples=examples)
    @given(strategy)
    def ask(case: Case) -> None:
        nonlocal tried
        tried += 1
        answer = case.call(base_url=api.context.api_url, headers=api.headers, timeout=30)
        if operation.path == "/readyz":
            assert answer.status_code == 503, "there are no controllers"
            return
        case.validate_response(answer, checks=CHECKS)
        assert "x-request-id" in answer.headers

    try:
        ask()
    except Unsatisfiable:
        assert mode is GenerationMode.NEGATIVE, "nothing in it can be wrong"
    return tried


def operations(api: Api) -> Iterator[APIOperation]:
    """Every operation that the API describes."""
    schema = schemathesis.openapi.from_dict(api.get("/openapi.json"))
    for result in schema.get_all_operations():
        yield result.ok()


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
    return made


def add(api: Api, collection: str, body: dict[str, Any]) -> str:
    """The id of something new."""
    name = f"random-{uuid.uuid4().hex[:12]}"
    fields = {"name": name, "clusterId": api.context.tree.cluster_id, "labelValue": name, **body}
    answer = api.ask("POST", f"/api/v1/{collection}", json=fields)
    assert answer.status_code == 201, answer.text
    shown = answer.json()
    return str(shown.get("uuid") or shown["id"])
