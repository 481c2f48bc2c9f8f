"""Every role, at every place, for every operation that is served: allowed or refused as the table
beside the roles says."""

from collections.abc import Iterator

import pytest

from tests.api.permission_world import World, listed_ids, operations_where, world_over
from tests.conftest import store_in
from tools.suite_results import DATABASE_PROPERTY
from windlass.identity.operations import Where, operations
from windlass.identity.roles import Action, ResourceType, resource_kinds, roles

PLACES = (
    "tenant",
    "cluster",
    "department-a",
    "project-a",
    "project-beside",
    "department-b",
    "project-b",
)
SAMPLE = [(1, "tenant"), (2, "department-a"), (9, "project-a"), (16, "project-b"), (19, "tenant")]
NOT_COUNTED = {"GET /api/v1/workloads/live"}
# All kinds of assets are served by the same code: that it asks for the right permission is seen at
# one place inside and one outside.
ONE_CORE = "/api/v1/asset/"
PLACES_OF_ONE_CORE = ("project-a", "department-b")
# Who lacks a permission has it at no place: that is seen above, at, and beside what is asked for.
PLACES_OF_WHO_LACKS_IT = ("tenant", "project-a", "department-b")


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def world(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    root = tmp_path_factory.mktemp("permissions")
    with store_in(root, request.param, request) as url, world_over(root / "data", url) as made:
        yield made


@pytest.fixture(autouse=True)
def _record_database(request: pytest.FixtureRequest) -> None:
    if "world" in request.fixturenames:
        database = request.node.callspec.params["world"]
        request.node.user_properties.append((DATABASE_PROPERTY, database))


def is_within(path: str, outer: str) -> bool:
    return path == outer or path.startswith(f"{outer}/")


def may(role_id: int, permission: tuple[ResourceType, Action], scope: str, target: str) -> bool:
    """What the table of roles says, worked out anew."""
    if permission not in roles()[role_id].permissions:
        return False
    resource, action = permission
    shown_above = action is Action.READ and resource_kinds()[resource].is_read_on_the_way
    return is_within(target, scope) or (shown_above and is_within(scope, target))


def may_assign(role_id: int, given: int) -> bool:
    return given in roles()[role_id].assigns


def test_every_operation_has_a_row_and_no_row_is_left_over(world: World) -> None:
    served = {
        f"{method.upper()} {path}"
        for path, methods in world.document["paths"].items()
        for method in methods
    }
    assert served == set(operations())


def test_every_row_says_what_it_takes(world: World) -> None:
    for name, row in operations().items():
        assert (row.permission is None) == (row.where in (Where.OPEN, Where.SELF)), name
        described = name.partition(" ")[2]
        open_to_all = world.document["paths"][described][name.split()[0].lower()].get("security")
        assert (open_to_all == []) == (row.where is Where.OPEN), name


def test_every_role_may_do_at_every_place_what_the_table_says(world: World) -> None:
    triples = 0
    for role_id, place in walked(world):
        headers = world.caller(role_id, place)
        for operation in operations_where(Where.TENANT, Where.UNIT, Where.LIST):
            if not shows_something(role_id, place, operation):
                continue
            check(world, role_id, place, operation, headers)
            triples += 1
    assert triples > (9000 if world.database.is_sqlite else 300)


def shows_something(role_id: int, place: str, operation: str) -> bool:
    """Whether the answer there does not follow from those at other places."""
    if ONE_CORE in operation:
        return place in PLACES_OF_ONE_CORE
    lacks_it = operations()[operation].permission not in roles()[role_id].permissions
    return not lacks_it or place in PLACES_OF_WHO_LACKS_IT


def walked(world: World) -> list[tuple[int, str]]:
    if not world.database.is_sqlite:
        return SAMPLE
    return [(role_id, place) for role_id in roles() for place in PLACES]


def check(world: World, role_id: int, place: str, operation: str, headers: dict[str, str]) -> None:
    row = operations()[operation]
    assert row.permission is not None
    told = f"{roles()[role_id].name} at {place}: {operation}"
    scope = world.paths[place]
    answer = world.ask(operation, headers)
    if row.where is Where.LIST and row.permission[1] is Action.READ:
        check_list(world, role_id, scope, operation, answer.status, answer.json, told)
        return
    target = world.paths["tenant"] if row.where is Where.TENANT else world.target(operation)
    allowed = may(role_id, row.permission, scope, target)
    changes_rules = row.permission[0] is ResourceType.ACCESS_RULES
    if changes_rules and row.permission[1] is not Action.READ:
        allowed = allowed and may_assign(role_id, 9)
    if allowed:
        assert world.refusals == [], told
        assert answer.status == world.baseline(operation), (told, answer)
        return
    lacking = ":".join(row.permission)
    assert world.refusals == [(lacking, target)], (told, world.refusals, answer)
    known = is_within(target, scope) or is_within(scope, target)
    status = answer.status
    if row.where is Where.LIST:
        assert status == 200, told
        (failed,) = answer.json["failed"]
        status = failed["code"]
    assert status == 403 if known else status in (400, 404), (told, answer)


def check_list(
    world: World, role_id: int, scope: str, operation: str, status: int, body: object, told: str
) -> None:
    """A list shows what the caller may read, and hides the rest in silence."""
    assert world.refusals == [], told
    assert status == world.baseline(operation), (told, body)
    row = operations()[operation]
    assert row.permission is not None
    if operation in NOT_COUNTED:
        return
    objects = world.objects.get(operation) or world.objects[row.permission[0].value]
    visible = {key for key, path in objects.items() if may(role_id, row.permission, scope, path)}
    if isinstance(body, dict) and set(body) == {"count"}:
        assert body["count"] == len(visible), told
    else:
        assert listed_ids(body) == visible, told


def test_whoever_is_signed_in_may_ask_about_themselves(world: World) -> None:
    headers = world.caller(10, "project-b")
    for operation in operations_where(Where.SELF):
        world.ask(operation, headers)
        assert world.refusals == [], operation
