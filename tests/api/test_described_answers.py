"""The served description: whole, in our own words, with examples; and every refusal is as it says.

Every test of this folder holds its answers against it, too."""

import re
import shutil
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

from tests.api.description import Description
from tests.api.permission_world import PARAMETERS, World, headers_of, world_over
from tests.api.serving import NOBODY
from windlass.identity.operations import Where, operations

JSON = "application/json"


@pytest.fixture(scope="module")
def world(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    root = tmp_path_factory.mktemp("described")
    store = shutil.copy(sqlite_template, root / "windlass.sqlite")
    with world_over(root / "data", f"sqlite:///{store}") as made:
        yield made


def data_file(name: str) -> Mapping[Any, Any]:
    """One of those that the description is made of."""
    found = resources.files("windlass.app.openapi").joinpath(f"{name}.yaml").read_text()
    read: Mapping[Any, Any] = yaml.safe_load(found)
    return read


def described(document: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def fields(schema: Any, parent: str) -> Iterator[tuple[str, str, Any]]:
    """Every field of a schema, with what it is in."""
    if not isinstance(schema, dict):
        return
    for name, member in schema.get("properties", {}).items():
        yield parent, name, member
        yield from fields(member, name)
    for key in ("items", "additionalProperties"):
        yield from fields(schema.get(key), parent)
    for key in ("anyOf", "allOf", "oneOf"):
        for alternative in schema.get(key, ()):
            yield from fields(alternative, parent)


def all_fields(document: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    for name, schema in document["components"]["schemas"].items():
        yield from fields(schema, name)
    for _, operation in described(document):
        for holder in (operation.get("requestBody", {}), *operation["responses"].values()):
            for content in holder.get("content", {}).values():
                yield from fields(content["schema"], "")


def test_every_operation_says_what_it_does_takes_and_answers(world: World) -> None:
    for name, operation in described(world.document):
        assert operation["summary"], name
        assert operation["description"], name
        for parameter in operation.get("parameters", ()):
            assert parameter.get("description"), (name, parameter["name"])
        done = [status for status in operation["responses"] if status[0] in "23"]
        assert done, name
        for status, answer in operation["responses"].items():
            assert answer["description"] not in ("", "Successful Response"), (name, status)
            check_content(world.document, name, status, answer.get("content"))


def check_content(document: Mapping[str, Any], name: str, status: str, content: Any) -> None:
    if content is None:
        told = data_file("answers").get(name, {}).get(int(status))
        assert told == "nothing" or status == "204", (
            f"{name} does not say what it answers: give it a row in app/openapi/answers.yaml"
        )
    elif JSON in content:
        schema = content[JSON]["schema"]
        named = document["components"]["schemas"].get(schema.get("$ref", "").rpartition("/")[2])
        assert named or schema.get("properties"), (
            f"{name} does not say what it answers: give it a row in app/openapi/answers.yaml"
        )
        assert named is None or named["description"], name
    else:
        assert all(each["schema"]["type"] == "string" for each in content.values()), name


def test_every_field_says_what_it_means(world: World) -> None:
    silent = {
        f"{parent}.{name}"
        for parent, name, schema in all_fields(world.document)
        if not schema.get("description")
    }
    assert not silent, "app/openapi/words.yaml lacks them"


def test_no_words_examples_or_answers_are_left_over(world: World) -> None:
    named: set[str] = set()
    for parent, name, _ in all_fields(world.document):
        named |= {name, f"{parent}.{name}"}
    for _, operation in described(world.document):
        named |= {f"{item['in']}.{item['name']}" for item in operation.get("parameters", ())}
    assert set(data_file("words")) <= named
    served = {name for name, _ in described(world.document)}
    assert set(data_file("answers")) <= served
    assert set(data_file("bodies")) <= served
    schemas = set(world.document["components"]["schemas"])
    assert set(data_file("examples")) <= schemas
    referred = set(re.findall(r"#/components/schemas/(\w+)", str(world.document)))
    assert schemas == referred


def test_every_example_is_what_it_is_an_example_of(world: World) -> None:
    description = Description(world.document)
    for name, operation in described(world.document):
        for content in operation.get("requestBody", {}).get("content", {}).values():
            found = list(jsonschema_rs.iter_errors(content["schema"], content["example"]))
            assert not found, (name, found)
        for status, answer in operation["responses"].items():
            if JSON in answer.get("content", {}):
                content = answer["content"][JSON]
                problems = list(description.example_problems(content["schema"], content["example"]))
                assert not problems, (name, status, problems)
                if int(status) >= 400 and "code" in content["example"]:
                    assert content["example"]["code"] == int(status)


def test_every_refusal_is_as_described(world: World) -> None:
    """Of strangers, of users who may do nothing, of what there is not, and of nonsense."""
    nobody = headers_of(world.authority, world.context.tree.tenant_id, "nobody@example.org")
    seen: dict[str, set[int]] = {}
    for name, row in operations().items():
        method, _, template = name.partition(" ")
        nowhere = re.sub(r"{\w+}", NOBODY, template)
        statuses = seen.setdefault(name, set())
        for path, headers, body in (
            (world.address(template), {}, world.body(name)),
            (world.address(template), nobody, world.body(name)),
            (nowhere, world.administrator, world.body(name)),
            (f"{nowhere}?limit=x&start=x&filterBy=x&sortBy=x", world.administrator, b"{"),
            (world.address(template), world.administrator, b"x" * 2_000_000),
        ):
            # The description is looked at wherever requests are made in this process.
            statuses.add(world.api.ask(method, path, headers, body).status)
        if row.where is not Where.OPEN:
            assert 401 in statuses, name
        if row.where is Where.TENANT:
            assert 403 in statuses, name
        if row.where is Where.UNIT:
            assert statuses & {400, 403, 404}, name
        if "requestBody" in world.document["paths"][template][method.lower()]:
            assert 413 in statuses, name


def test_every_parameter_of_a_path_is_known_to_the_tests(world: World) -> None:
    named = {name for path in world.document["paths"] for name in re.findall(r"{(\w+)}", path)}
    assert named <= set(PARAMETERS)
