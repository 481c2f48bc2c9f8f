"""Access keys, and user applications as they were called."""

from typing import Any

import pytest

from tests.api.people import Person, claims_of, new_user
from tests.api.serving import Api

PLACES = {"access-keys": "clientSecret", "user-applications": "secret"}


def listed(body: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = body["accessKeys"] if isinstance(body, dict) else body
    return found


def create(api: Api, person: Person, place: str, name: str = "laptop") -> dict[str, Any]:
    made = api.ask("POST", f"/api/v1/{place}", headers=person.headers, json={"name": name})
    assert made.status_code == 201
    body: dict[str, Any] = made.json()
    return {**body, "secret": body[PLACES[place]]}


def token(api: Api, key: dict[str, Any]) -> str | None:
    granted = api.token(
        grantType="client_credentials", clientID=key["clientId"], clientSecret=key["secret"]
    )
    return str(granted.json()["accessToken"]) if granted.status_code == 200 else None


def is_valid(api: Api, access_token: str) -> bool:
    headers = {"Authorization": f"Bearer {access_token}"}
    return api.ask("GET", "/api/v1/workloads", headers=headers).status_code != 401


@pytest.mark.parametrize("place", PLACES)
def test_a_key_acts_as_its_user(api: Api, place: str) -> None:
    person = new_user(api)
    key = create(api, person, place)
    found = token(api, key)
    assert found is not None
    assert claims_of(found)["email"] == person.email
    assert claims_of(found)["sub"] == person.id
    shown = api.ask("GET", f"/api/v1/{place}/{key['id']}", headers=person.headers)
    assert shown.json()["lastLogin"] is not None
    assert key["secret"] not in shown.text


@pytest.mark.parametrize("place", PLACES)
def test_a_new_secret_ends_the_old_one_and_its_tokens(api: Api, place: str) -> None:
    person = new_user(api)
    key = create(api, person, place)
    before = token(api, key)
    assert before is not None
    path = f"/api/v1/{place}/{key['id']}/secret"
    regenerated = api.ask("POST", path, headers=person.headers)
    assert regenerated.status_code == 200
    assert not is_valid(api, before)
    assert token(api, key) is None
    assert token(api, {**key, "secret": regenerated.json()["clientSecret"]})
    assert is_valid(api, person.access_token), "the user's own sign-in goes on"


@pytest.mark.parametrize("place", PLACES)
def test_a_deleted_key_is_out_at_once(api: Api, place: str) -> None:
    person = new_user(api)
    key = create(api, person, place)
    before = token(api, key)
    assert before is not None
    path = f"/api/v1/{place}/{key['id']}"
    assert api.ask("DELETE", path, headers=person.headers).status_code == 204
    assert not is_valid(api, before)
    assert api.ask("GET", path, headers=person.headers).status_code == 404


@pytest.mark.parametrize("place", PLACES)
def test_keys_are_their_users_own(api: Api, place: str) -> None:
    one, other = new_user(api), new_user(api)
    key = create(api, one, place)
    create(api, other, place)
    for method, part in (("GET", ""), ("DELETE", ""), ("POST", "/secret")):
        path = f"/api/v1/{place}/{key['id']}{part}"
        assert api.ask(method, path, headers=other.headers).status_code == 404
    own = listed(api.ask("GET", f"/api/v1/{place}", headers=other.headers).json())
    assert key["id"] not in {entry["id"] for entry in own}
    again = {"name": "laptop"}
    taken = api.ask("POST", f"/api/v1/{place}", headers=one.headers, json=again)
    assert taken.status_code == 409


@pytest.mark.parametrize("place", PLACES)
def test_an_administrator_finds_and_deletes_anyones(api: Api, place: str) -> None:
    person = new_user(api)
    key = create(api, person, place)
    before = token(api, key)
    assert before is not None
    base = f"/api/v1/administration/{place}"
    for params in ({"clientId": key["clientId"]}, {"createdBy": person.email}):
        found = listed(api.get(base, **params))
        assert [(entry["id"], entry["createdBy"]) for entry in found] == [(key["id"], person.email)]
    assert listed(api.get(base, clientId="other")) == []
    assert key["id"] in {entry["id"] for entry in listed(api.get(base))}
    assert api.ask("DELETE", f"{base}/{key['id']}").status_code == 204
    assert api.ask("DELETE", f"{base}/{key['id']}").status_code == 404
    assert not is_valid(api, before)


@pytest.mark.parametrize("place", PLACES)
def test_an_application_has_none(api: Api, place: str) -> None:
    for method, part in (("GET", ""), ("POST", "")):
        refused = api.ask(method, f"/api/v1/{place}{part}", json={"name": "laptop"})
        assert refused.status_code == 403
