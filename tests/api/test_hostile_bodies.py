"""Bodies that nobody means well with, sent to every operation that takes one."""

import copy
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.api.in_process import Answer
from tests.api.permission_world import World, world_over

MEGABYTE = 1024 * 1024
NEVER_SOUND = {
    "empty": b"",
    "null": b"null",
    "a number": b"0",
    "a string": b'"x"',
    "cut off": b'{"name": "x"',
    "10 MB": b'{"name": "' + b"x" * (10 * MEGABYTE) + b'"}',
    "10 MB of brackets": b"[" * (10 * MEGABYTE),
    "1,000 deep": b'{"a":' * 1000 + b"1" + b"}" * 1000,
    "1,000 lists deep": b"[" * 1000 + b"]" * 1000,
    "a list of lists": b"[" + b"[]," * 20_000 + b"[]]",
    "100,000 empty items": b'{"spec":{"labels":[' + b"{}," * 99_999 + b'{}]},"resources":[{}]}',
    "key twice": b'{"name": "a", "name": "b"}',
    "key twice in a list": b'[{"gpu": null, "gpu": null}]',
    "NaN": b'{"name": NaN}',
    "Infinity": b'[{"gpu": {"deserved": Infinity}}]',
    "beyond doubles": b'[{"gpu": {"deserved": 1e999}}]',
    "5,000 digits": b'{"roleId": ' + b"9" * 5000 + b"}",
    "NUL": b'{"name": "a\\u0000b", "email": "a\\u0000b"}',
    "half a surrogate pair": b'{"name": "\\ud800"}',
    "half a pair as a key": b'{"\\udfff": 1}',
    "not UTF-8": b'{"name": "\xff\xfe"}',
    "overlong UTF-8": b'{"name": "\xc0\xaf"}',
    "a surrogate in UTF-8": b'{"name": "\xed\xa0\x80"}',
    "UTF-16": '{"name": "x"}'.encode("utf-16"),
    "byte order mark": b"\xef\xbb\xbf{}",
}
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
NEVER_A_FORM = {
    "empty": b"",
    "JSON": b'{"grant_type": "password"}',
    "10 MB": b"token=" + b"x" * (10 * MEGABYTE),
    "100,000 fields": b"a=1&" * 100_000,
    "field twice": b"&".join([b"grant_type=password&token=a&user_code=a"] * 2),
    "not UTF-8": b"grant_type=%ff%fe&token=%ff&user_code=%ff",
    "NUL": b"grant_type=password&username=a%00&password=b&token=a%00&user_code=a%00",
    "half a surrogate pair": b"grant_type=%ed%a0%80&token=%ed%a0%80&user_code=%ed%a0%80",
    "SQL": b"grant_type=password&username=' OR 1=1 --&password=x&token='&user_code=' OR 1=1 --",
    "a template": b"grant_type={{7*7}}&token={{7*7}}&user_code={{7*7}}&username=a&password=b",
}
FRAGMENTS = (
    "'; DROP TABLE workload; --",
    '" OR ""="',
    "x' UNION SELECT password_hash FROM user_account --",
    "{{7*7}}",
    "${jndi:ldap://x}",
    "<script>alert(1)</script>",
    "../../etc/passwd",
    "%00%0a%0d",
    "$(reboot)",
    "\u202egnp.exe",
    "a\u0301" * 50,
    "\ufeff",
    "\u200b",
    "𝒶𝒹𝓂𝒾𝓃",
    "İıſK",
    "😀" * 100,
    " ",
    "x" * 100_000,
)
NUMBERS = (-1, 0, -(2**31) - 1, 2**31, -(2**63), 2**63, 2**64, 10**400, 1e308, -1e308, 1e-320, 0.5)
OTHERS: tuple[Any, ...] = (None, True, [], {}, [[]], [None], {"": ""}, "1", 1)


@pytest.fixture(scope="module")
def world(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    root = tmp_path_factory.mktemp("hostile")
    store = shutil.copy(sqlite_template, root / "windlass.sqlite")
    with world_over(root / "data", f"sqlite:///{store}") as made:
        yield made


def with_bodies(world: World, media_type: str = JSON) -> list[str]:
    """Every operation that takes a body of that kind."""
    found = [
        f"{method.upper()} {path}"
        for path, methods in world.document["paths"].items()
        for method, operation in methods.items()
        if media_type in operation.get("requestBody", {}).get("content", {})
    ]
    assert len(found) > (25 if media_type == JSON else 2)
    return found


def bodies_read_apart(world: World) -> list[str]:
    """Of what one piece of code reads for every kind of asset, the first kind."""
    core, first = "/api/v1/asset/", "/api/v1/asset/compute"
    return [name for name in with_bodies(world) if core not in name or first in name]


def bodies_of_own_shapes(world: World) -> list[str]:
    """Updates of assets have the shapes of what creates them, but for three."""
    other = ("/compute/", "/pvc/", "/password/")
    return [
        name
        for name in with_bodies(world)
        if not name.startswith("PUT /api/v1/asset/") or any(part in name for part in other)
    ]


def send(world: World, operation: str, body: object) -> Answer:
    method, _, template = operation.partition(" ")
    return world.api.ask(method, world.address(template), world.administrator, body)


def check_refusal(answer: Answer, told: object) -> None:
    assert 400 <= answer.status < 500, told
    assert len(answer.body) < 64 * 1024, told
    assert answer.json["code"] == answer.status, told
    assert answer.message, told


@pytest.mark.parametrize("name", NEVER_SOUND)
def test_what_is_never_sound_is_refused_everywhere(world: World, name: str) -> None:
    for operation in bodies_read_apart(world):
        answer = send(world, operation, NEVER_SOUND[name])
        check_refusal(answer, (operation, name, answer.body[:300]))


@pytest.mark.parametrize("name", NEVER_A_FORM)
def test_what_is_no_sound_form_is_refused_by_all_that_take_one(world: World, name: str) -> None:
    for operation in with_bodies(world, FORM):
        method, _, template = operation.partition(" ")
        headers = {"content-type": FORM}
        answer = world.api.ask(method, template, headers, NEVER_A_FORM[name])
        told = (operation, name, answer.status, answer.body[:300])
        is_unknown_token = operation.endswith("/revoke") and answer.status == 200
        assert 400 <= answer.status < 500 or is_unknown_token, told
        assert len(answer.body) < 64 * 1024, told


def test_a_body_of_the_largest_size_is_refused_for_its_size(world: World) -> None:
    for operation in bodies_read_apart(world):
        assert send(world, operation, NEVER_SOUND["10 MB"]).status == 413, operation


def test_no_value_in_any_place_fails(world: World) -> None:
    tried = 0
    for operation in bodies_of_own_shapes(world):
        sound = world.body(operation)
        for place in places_of_own_shapes(operation, sound):
            for value in (*FRAGMENTS, *NUMBERS, *OTHERS):
                body = replaced(sound, place, value)
                answer = send(world, operation, json.dumps(body).encode())
                told = (operation, place, str(value)[:40], answer.status, answer.body[:300])
                tried += 1
                assert answer.status < 500, told
                if answer.status >= 400:
                    check_refusal(answer, told)
    assert tried > 2000
    listed = world.api.ask("GET", "/api/v1/workloads", world.administrator, None)
    assert len(listed.json["workloads"]) == 2, "all that was there, and nothing else"


def places(value: Any, place: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Where there is something in a body, in whole and in part."""
    if place:
        yield place
    members = dict(enumerate(value)) if isinstance(value, list) else value
    for key, member in members.items() if isinstance(members, dict) else ():
        yield from places(member, (*place, key))


def places_of_own_shapes(operation: str, sound: Any) -> Iterator[tuple[str | int, ...]]:
    """What stands beside the spec of an asset is read alike for every kind: of the first alone."""
    for place in places(sound):
        if place[0] != "meta" or "/api/v1/asset/" not in operation or "/compute" in operation:
            yield place


def replaced(body: Any, place: tuple[str | int, ...], value: object) -> Any:
    changed = copy.deepcopy(body)
    inner = changed
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    return changed
