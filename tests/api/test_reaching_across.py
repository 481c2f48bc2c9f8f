"""Whoever may do everything in one department reaches nothing in another: not by its ids in paths
and bodies, not by filters, and not by telling from an answer that there is something."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.api.permission_world import PARAMETERS, World, operations_where, world_over
from windlass.assets.kinds import KINDS
from windlass.identity.operations import Where
from windlass.identity.roles import SYSTEM_ADMINISTRATOR

HIDDEN = ("department", "project", "workload", "pod", "rule", *(kind.word for kind in KINDS))
FIELDS = (
    "name",
    "clusterId",
    "projectId",
    "projectName",
    "departmentId",
    "departmentName",
    "parentId",
    "parentName",
    "scopeId",
    "scopeName",
    "subjectId",
    "submittedBy",
)


@pytest.fixture(scope="module")
def world(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    root = tmp_path_factory.mktemp("across")
    store = shutil.copy(sqlite_template, root / "windlass.sqlite")
    with world_over(root / "data", f"sqlite:///{store}") as made:
        # What there is not, to compare with what must not be seen.
        made.ids |= {
            "department-x": "4599998",
            "project-x": "4599999",
            "workload-x": "00000000-1111-4222-8333-444444444444",
            "pod-x": "00000000-1111-4222-8333-555555555555",
            "rule-x": "1999999999",
            **{
                f"{kind.word}-x": f"00000000-1111-4222-8333-{number:012}"
                for number, kind in enumerate(KINDS)
            },
        }
        yield made


@pytest.fixture
def neighbour(world: World) -> dict[str, str]:
    """Somebody who may do everything in department A."""
    return world.caller(SYSTEM_ADMINISTRATOR, "department-a")


def across(world: World) -> list[str]:
    """The operations on what is in a department."""
    inside = world.paths["department-b"]
    found = [op for op in operations_where(Where.UNIT) if world.target(op, "b").startswith(inside)]
    assert len(found) > 20
    return found


def masked(world: World, text: str, wing: str) -> str:
    """The text with a wing's ids taken out."""
    # The longest first: the number of a rule may stand in the id of something else.
    for what in sorted(HIDDEN, key=lambda what: -len(world.ids[f"{what}-{wing}"])):
        text = text.replace(world.ids[f"{what}-{wing}"], f"<{what}>")
    return text


def test_at_home_the_neighbour_may_do_everything(world: World, neighbour: dict[str, str]) -> None:
    for operation in across(world):
        answer = world.ask(operation, neighbour, "a")
        assert world.refusals == [], operation
        assert answer.status == world.baseline(operation), (operation, answer)


def test_what_is_next_door_is_answered_like_what_is_nowhere(
    world: World, neighbour: dict[str, str]
) -> None:
    for operation in across(world):
        seen = world.ask(operation, neighbour, "b")
        assert seen.status in (400, 404), (operation, seen)
        assert len(world.refusals) == 1, (operation, "was refused for another reason")
        missing = world.ask(operation, neighbour, "x")
        assert world.refusals == [], operation
        assert seen.status == missing.status, (operation, seen, missing)
        assert masked(world, seen.message, "b") == masked(world, missing.message, "x"), operation


def test_ids_in_upper_case_tell_no_more(world: World, neighbour: dict[str, str]) -> None:
    for wing in "bx":
        world.ids[f"kept-{wing}"] = world.ids[f"workload-{wing}"]
        world.ids[f"workload-{wing}"] = world.ids[f"workload-{wing}"].upper()
    try:
        for operation in across(world):
            if "{workload_id}" in operation:
                seen = world.ask(operation, neighbour, "b")
                missing = world.ask(operation, neighbour, "x")
                told = masked(world, seen.message, "b"), masked(world, missing.message, "x")
                assert told[0] == told[1], operation
    finally:
        for wing in "bx":
            world.ids[f"workload-{wing}"] = world.ids.pop(f"kept-{wing}")


def test_what_is_inside_is_not_reached_through_what_is_ones_own(
    world: World, neighbour: dict[str, str]
) -> None:
    for operation in across(world):
        _, _, template = operation.partition(" ")
        named = [name for name in PARAMETERS if f"{{{name}}}" in template]
        if len(named) < 2:
            continue
        inner = f"{PARAMETERS[named[-1]]}-b"
        own, world.ids[f"{inner[:-1]}a"] = world.ids[f"{inner[:-1]}a"], world.ids[inner]
        try:
            assert world.ask(operation, neighbour, "a").status == 404, operation
        finally:
            world.ids[f"{inner[:-1]}a"] = own


def test_every_id_in_a_body_is_looked_at(world: World, neighbour: dict[str, str]) -> None:
    for operation in across(world):
        body = world.body(operation, "b")
        if not isinstance(body, dict):
            continue
        for key, value in body.items():
            if value not in (world.ids["project-b"], world.ids["department-b"]):
                continue
            method, _, template = operation.partition(" ")
            mixed = {**dict(world.body(operation, "a") or {}), key: value}  # type: ignore[call-overload]
            answer = world.api.ask(method, world.address(template, "a"), neighbour, mixed)
            assert answer.status in (400, 404), (operation, key, answer)


def test_a_batch_does_what_is_next_door_for_nobody(world: World, neighbour: dict[str, str]) -> None:
    ids = [world.ids["rule-b"], world.ids["rule-x"], world.ids["rule-a"]]
    path = "/api/v1/authorization/access-rules/batch"
    answer = world.api.ask("POST", path, neighbour, {"ids": ids, "action": "delete"}).json
    assert len(answer["succeeded"]) == 1
    (next_door, nowhere) = answer["failed"]
    assert next_door["code"] == nowhere["code"] == 404
    assert masked(world, next_door["message"], "b") == masked(world, nowhere["message"], "x")


def test_no_list_shows_what_is_next_door_however_it_is_asked(
    world: World, neighbour: dict[str, str]
) -> None:
    names = ["work-b", "served-b", "wing-b", "somebody-b@example.org"]
    wanted = [*(world.ids[f"{what}-b"] for what in HIDDEN), *names]
    telling = [*(text for text in wanted if len(text) > 5), f'"id":{world.ids["rule-b"]},']
    encoded = tuple(quote(name, safe="") for name in names)
    asked = 0
    for operation in operations_where(Where.LIST):
        method, _, template = operation.partition(" ")
        if method != "GET" or template == "/api/v1/workloads/live":
            continue
        described = world.document["paths"][template]["get"].get("parameters", [])
        parameters = [item["name"] for item in described if item["in"] == "query"]
        # All kinds of assets are narrowed by the same code: the first is asked in every way.
        if template in {kind.path for kind in KINDS[1:]}:
            parameters = []
        for query in queries(parameters, wanted):
            answer = world.api.ask(method, f"{template}?{query}", neighbour, None)
            asked += 1
            assert answer.status in (200, 400), (operation, query, answer)
            if answer.status == 400:
                continue
            narrows = query.startswith(("filterBy=", "search="))
            if template.endswith("/count") and narrows and query.endswith(encoded):
                assert answer.json == {"count": 0}, (operation, query)
            shown = answer.body.decode()
            assert not [text for text in telling if text in shown], (operation, query, shown)
    assert asked > 500


def queries(parameters: list[str], wanted: list[str]) -> Iterator[str]:
    for name in parameters:
        for value in wanted:
            texts = [value]
            if name == "filterBy":
                texts = [f"{field}{sign}{value}" for field in FIELDS for sign in ("==", "=@")]
            for text in texts:
                yield f"{name}={quote(text, safe='')}"
    yield from ("limit=500", "limit=500&deleted=true", "limit=500&includeDeleted=true")
