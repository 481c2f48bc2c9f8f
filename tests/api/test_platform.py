"""What the platform tells of itself: health, readiness, counters, its own description."""

from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families

from tests.api.serving import SPEC, WORKLOADS, Api
from tests.contract.published_api import DOCUMENTS, published_operations
from windlass.app.context import LEASE
from windlass.control.lease import Holder, Lease
from windlass.kit.clock import SystemClock

# Of the inference API, what has issues of its own: metrics and rolling updates.
NOT_YET = {
    "PATCH /api/v1/workloads/inferences/{}",
    "GET /api/v1/workloads/inferences/{}/metrics",
    "GET /api/v1/workloads/inferences/{}/pods/{}/metrics",
}


def test_is_healthy_without_anything_else(api: Api) -> None:
    assert api.get("/healthz") == {"status": "ok"}


def test_is_ready_only_while_controllers_run(api: Api) -> None:
    waiting = api.ask("GET", "/readyz")
    assert waiting.status_code == 503
    assert "controllers" in waiting.json()["message"]

    lease = Lease(api.database, SystemClock(), Holder.this_process(), LEASE)
    epoch = lease.acquire()
    assert epoch is not None
    try:
        assert api.get("/readyz") == {"status": "ok"}
    finally:
        lease.release(epoch)


def test_tells_prometheus_that_the_gate_is_down(api: Api) -> None:
    answer = api.ask("GET", "/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    families = {family.name: family for family in text_string_to_metric_families(answer.text)}
    assert families["windlass_gate_up"].samples[0].value == 0


def test_shows_itself(api: Api) -> None:
    shown = api.get("/api/v1/platform")
    assert shown["clusterId"] == api.context.tree.cluster_id
    assert shown["gateway"]["gate"] == "down"
    assert shown["gateway"]["internalUrl"] == api.context.internal_url
    devices = shown["engine"]["devices"]
    assert [device["simulated"] for device in devices] == [True, True]
    assert shown["database"] == ("sqlite" if api.database.is_sqlite else "postgresql")


def test_describes_itself_without_a_dangling_reference(api: Api) -> None:
    document = api.get("/openapi.json")
    assert document["openapi"].startswith("3.1")
    references = list(references_in(document))
    assert references
    for reference in references:
        assert resolve(document, reference) is not None


def test_every_schema_in_the_description_is_one(api_on_sqlite: Api) -> None:
    """On one store: the document knows of none."""
    for schema in schemas_in(api_on_sqlite.get("/openapi.json")):
        jsonschema_rs.meta.validate(schema)


def test_describes_every_path_parameter_and_an_error_for_each_operation(api: Api) -> None:
    document = api.get("/openapi.json")
    for path, methods in document["paths"].items():
        named = {part[1:-1] for part in path.split("/") if part.startswith("{")}
        for method, operation in methods.items():
            where = f"{method} {path}"
            parameters = operation.get("parameters", [])
            assert {p["name"] for p in parameters if p["in"] == "path"} == named, where
            assert operation["summary"], where
            assert any(status[0] in "23" for status in operation["responses"]), where


def test_every_body_has_an_example_that_fits_its_schema(api_on_sqlite: Api) -> None:
    """On one store: the document knows of none."""
    document = api_on_sqlite.get("/openapi.json")
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            for content in operation.get("requestBody", {}).get("content", {}).values():
                assert content["example"] is not None, f"{method} {path} has no example"
                schema = {**content["schema"], "components": document["components"]}
                problems = list(jsonschema_rs.iter_errors(schema, content["example"]))
                assert problems == [], f"{method} {path}"


def test_serves_every_published_operation_but_those_of_later_issues(api: Api) -> None:
    served = {
        f"{method.upper()} {shape_of(path)}"
        for path, methods in api.get("/openapi.json")["paths"].items()
        for method in methods
    }
    published = {
        f"{method} {shape_of(path)}"
        for document in DOCUMENTS
        for method, _, path in (item.partition(" ") for item in published_operations(document))
    }
    assert published - NOT_YET <= served


def test_the_described_body_takes_what_the_api_takes(api: Api) -> None:
    document = api.get("/openapi.json")
    operation = document["paths"]["/api/v1/workloads/inferences"]["post"]
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    validator = jsonschema_rs.Draft202012Validator({**schema, "components": document["components"]})
    body = api.creation("described", {**SPEC, "args": "--x", "compute": {"gpuDevicesRequest": 1}})
    assert list(validator.iter_errors(body)) == []
    assert list(validator.iter_errors({**body, "name": 1}))


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.yaml"])
def test_serves_no_pages_that_load_from_elsewhere(api: Api, path: str) -> None:
    assert api.ask("GET", path).status_code == 404


def test_counts_requests_by_method_and_status(api: Api) -> None:
    labels = {"method": "GET", "status": "400"}
    name = "windlass_http_requests_total"
    before = REGISTRY.get_sample_value(name, labels) or 0
    api.ask("GET", f"{WORKLOADS}?limit=x")
    assert REGISTRY.get_sample_value(name, labels) == before + 1


def shape_of(path: str) -> str:
    return "/".join("{}" if part.startswith("{") else part for part in path.split("/"))


def references_in(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for member in value.values():
            yield from references_in(member)
    elif isinstance(value, list):
        for entry in value:
            yield from references_in(entry)


def resolve(document: Any, reference: str) -> Any:
    assert reference.startswith("#/"), reference
    for key in reference.removeprefix("#/").split("/"):
        document = document[key]
    return document


def schemas_in(document: Any) -> Iterator[Any]:
    yield from document["components"]["schemas"].values()
    for methods in document["paths"].values():
        for operation in methods.values():
            for part in (operation.get("requestBody", {}), *operation["responses"].values()):
                for content in part.get("content", {}).values():
                    yield content.get("schema", {})
