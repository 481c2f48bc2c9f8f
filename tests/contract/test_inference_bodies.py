"""Random bodies made from the published schema: nothing but a clean answer, and no wrong value."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from tests.contract.published_api import (
    INFERENCES,
    NEIGHBOURS,
    json_schema,
    leaf_schemas,
    schema_problems,
    value_problems,
)
from tests.contract.published_bodies import instances
from windlass.kit.bodies import validate
from windlass.kit.errors import BadRequest
from windlass.workloads.field_support import EngineKind
from windlass.workloads.inferences.desired import desired_of, desired_of_stored
from windlass.workloads.inferences.reading import read_creation
from windlass.workloads.inferences.rules import spec_errors
from windlass.workloads.inferences.schemas import InferenceCreationRequest

REQUEST = "InferenceCreationRequest"
SCHEMA = json_schema(NEIGHBOURS, REQUEST)
DOCUMENTS = (INFERENCES, NEIGHBOURS)
quickly = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


@quickly
@given(instances(SCHEMA, noise=0.1))
def test_any_body_is_taken_or_refused_and_nothing_else(body: Any) -> None:
    with contextlib.suppress(BadRequest):
        read_creation(json.dumps(body).encode(), "application/json", EngineKind.PROCESS)


@quickly
@given(instances(SCHEMA, noise=0.03))
def test_no_wrong_value_passes(body: Any) -> None:
    creation, _ = validate(InferenceCreationRequest, body)
    if creation is None:
        return
    for path, value in leaves(creation.submitted()):
        assert any(fits(document, path, value) for document in DOCUMENTS), (path, value)


@quickly
@given(instances(SCHEMA))
def test_what_is_taken_is_an_answer_as_published_and_means_something(body: Any) -> None:
    creation, _ = validate(InferenceCreationRequest, body)
    if creation is None or creation.spec is None or spec_errors(creation.spec):
        return
    assert not list(schema_problems(NEIGHBOURS, REQUEST, creation.submitted()))
    assert desired_of(creation.spec) == desired_of_stored(creation.spec.submitted())


def leaves(value: Any, path: str = "") -> list[tuple[str, Any]]:
    """The single values of a body, by path without places in lists."""
    if isinstance(value, dict):
        members = ((f"{path}.{name}".lstrip("."), member) for name, member in value.items())
        return [leaf for name, member in members for leaf in leaves(member, name)]
    if isinstance(value, list):
        return [leaf for entry in value for leaf in leaves(entry, f"{path}[]")]
    return [(path, value)]


def fits(document: str, path: str, value: Any) -> bool:
    schema = leaf_schemas(document, REQUEST).get(path)
    return schema is not None and not list(value_problems(document, schema, value))


@pytest.mark.parametrize("document", DOCUMENTS)
def test_the_check_of_values_finds_wrong_ones(document: str) -> None:
    assert not fits(document, "spec.compute.gpuDevicesRequest", "1")
    assert not fits(document, "spec.compute.gpuRequestType", "whole")
    assert fits(document, "spec.compute.gpuDevicesRequest", 1)
