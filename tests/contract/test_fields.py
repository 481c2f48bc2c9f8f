"""Every published field is listed, every refusal is given, and the page about it is fresh."""

import ast
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.contract.published_api import INFERENCES, NEIGHBOURS, Schema, leaf_schemas
from tests.contract.published_bodies import UUID, example, with_value
from windlass.kit.errors import BadRequest
from windlass.workloads.field_report import TESTS, published_tables, report
from windlass.workloads.field_support import EngineKind, Support, Treatment
from windlass.workloads.inferences.fields import field_table
from windlass.workloads.inferences.reading import read_creation

ROOT = Path(__file__).parent.parent.parent
REQUEST = "InferenceCreationRequest"
OURS: dict[str, Schema] = {
    "assets.compute": {"type": "string", "format": "uuid"},
    "assets.environment": {"type": "string", "format": "uuid"},
    "assets.datasources[].id": {"type": "string", "format": "uuid"},
    "assets.datasources[].kind": {"type": "string"},
}
"""What an inference may be made from, which the published body says of templates alone."""
LEAVES: dict[str, Schema] = {
    **leaf_schemas(INFERENCES, REQUEST),
    **leaf_schemas(NEIGHBOURS, REQUEST),
    **OURS,
}
LEAST = {
    "name": "digits",
    "projectId": "1",
    "clusterId": UUID,
    "spec": {"image": "host/digits", "servingPort": {"container": 8000}},
}


def refusals(engine: EngineKind) -> Iterator[Any]:
    for path, facts in field_table().fields.items():
        support = facts.support[engine]
        if support.refusal:
            yield pytest.param(engine, path, example(LEAVES[path], facts.neutral), id=path)
        for value, other in support.unless.items():
            if other.refusal:
                yield pytest.param(engine, path, value, id=f"{path}={value}")


def problems(body: dict[str, Any], engine: EngineKind = EngineKind.PROCESS) -> dict[str, list[str]]:
    """What the caller is told, by path; nothing where the body is taken."""
    found: dict[str, list[str]] = {}
    try:
        read_creation(json.dumps(body).encode(), "application/json", engine)
    except BadRequest as error:
        for line in [error.message, *(error.details or "").splitlines()]:
            path, problem = line.split(": ", 1)
            found.setdefault(path, []).append(problem)
    return found


def test_every_published_leaf_is_listed_and_none_but_ours_beside() -> None:
    assert set(field_table().fields) == set(LEAVES)


def test_every_field_says_what_every_engine_does() -> None:
    for facts in field_table().fields.values():
        assert set(facts.support) == set(EngineKind), facts.path


@pytest.mark.parametrize(
    ("engine", "path", "value"),
    [case for engine in EngineKind for case in refusals(engine)],
)
def test_every_refusal_is_given_at_its_path(engine: EngineKind, path: str, value: object) -> None:
    reason = field_table().fields[path].support[engine].of_value(value).refusal
    found = problems(with_value(LEAST, path, value), engine)
    assert reason in found[path.replace("[]", "[0]")]


@pytest.mark.parametrize(
    ("path", "neutral"),
    [
        (facts.path, facts.neutral)
        for facts in field_table().fields.values()
        if facts.neutral is not None
    ],
)
def test_values_that_ask_for_nothing_are_not_refused(path: str, neutral: object) -> None:
    found = problems(with_value(LEAST, path, neutral))
    assert field_table().fields[path].support[EngineKind.PROCESS].refusal not in found.get(
        path.replace("[]", "[0]"), []
    )


@pytest.mark.parametrize(
    "path", [path for path in LEAVES if path.startswith("spec.") and not path.endswith("[]")]
)
def test_null_counts_as_absent(path: str) -> None:
    parent, _, _ = path.rpartition(".")
    absent = with_value(LEAST, f"{parent}.fieldOfNoVersion", 1)
    if path in ("spec.image", "spec.servingPort.container"):
        del absent["spec"]["servingPort" if "Port" in path else "image"]
    assert problems(with_value(LEAST, path, None)) == problems(absent)


def test_every_honoured_field_names_a_test_that_exists() -> None:
    functions = {
        node.name
        for file in (ROOT / TESTS).glob("test_*.py")
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef)
    }
    assert honoured_by() <= functions


def test_the_page_about_fields_is_fresh() -> None:
    assert (ROOT / "docs" / "fields.md").read_text("utf-8") == report(published_tables()), (
        "run: python -m windlass.workloads.field_report docs/fields.md"
    )


def honoured_by() -> set[str]:
    return {
        support.text
        for facts in field_table().fields.values()
        for support in _all(facts.support.values())
        if support.treatment is Treatment.HONOURED
    }


def _all(supports: Any) -> Iterator[Support]:
    for support in supports:
        yield support
        yield from _all(support.unless.values())
