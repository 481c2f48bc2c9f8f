"""Service accounts, and applications as they were called: one thing under two names."""

import pytest

from tests.api.people import new_user
from tests.api.serving import NOBODY, Api
from windlass.kit.ids import random_suffix

PLACES = {"/api/v1/service-accounts": "clientSecret", "/api/v1/apps": "secret"}


def new_name() -> str:
    return f"robot-{random_suffix(8)}"


def enter(api: Api, client_id: str, secret: str) -> dict[str, str] | None:
    granted = api.token(grantType="client_credentials", clientID=client_id, clientSecret=secret)
    if granted.status_code != 200:
        assert granted.status_code == 401
        return None
    return {"Authorization": f"Bearer {granted.json()['accessToken']}"}


def may_enter(api: Api, headers: dict[str, str]) -> bool:
    return api.ask("GET", "/api/v1/workloads", headers=headers).status_code != 401


@pytest.mark.parametrize("place", PLACES)
def test_a_secret_is_shown_once_and_opens_the_api(api: Api, place: str) -> None:
    name = new_name()
    created = api.ask("POST", place, json={"name": name})
    assert created.status_code == 201
    body = created.json()
    secret = body[PLACES[place]]
    assert body["clientId"] == name
    headers = enter(api, name, secret)
    assert headers is not None
    assert may_enter(api, headers)
    for other in PLACES:
        shown = api.get(f"{other}/{body['id']}")
        assert shown["lastLogin"] is not None
        assert shown in api.get(other)
        assert secret not in str(api.get(other))


@pytest.mark.parametrize("place", PLACES)
def test_a_new_secret_ends_the_old_one_and_its_tokens(api: Api, place: str) -> None:
    created = api.ask("POST", place, json={"name": new_name()}).json()
    secret = created[PLACES[place]]
    headers = enter(api, created["clientId"], secret)
    assert headers is not None
    new = api.ask("POST", f"{place}/{created['id']}/secret")
    assert new.status_code == 200
    assert not may_enter(api, headers)
    assert enter(api, created["clientId"], secret) is None
    assert enter(api, created["clientId"], new.json()[PLACES[place]])


@pytest.mark.parametrize("place", PLACES)
def test_a_disabled_one_is_out_at_once_until_it_is_enabled(api: Api, place: str) -> None:
    created = api.ask("POST", place, json={"name": new_name()}).json()
    secret = created[PLACES[place]]
    headers = enter(api, created["clientId"], secret)
    assert headers is not None
    one = f"{place}/{created['id']}"
    assert api.ask("PATCH", one, json={"enabled": False}).status_code == 200
    assert api.get(one)["enabled"] is False
    assert not may_enter(api, headers)
    assert enter(api, created["clientId"], secret) is None
    assert api.ask("PATCH", one, json={"enabled": True}).status_code == 200
    assert enter(api, created["clientId"], secret)
    assert not may_enter(api, headers)


@pytest.mark.parametrize("place", PLACES)
def test_a_deleted_one_is_gone(api: Api, place: str) -> None:
    created = api.ask("POST", place, json={"name": new_name()}).json()
    headers = enter(api, created["clientId"], created[PLACES[place]])
    assert headers is not None
    one = f"{place}/{created['id']}"
    assert api.ask("DELETE", one).status_code == 204
    assert not may_enter(api, headers)
    assert api.ask("GET", one).status_code == 404
    assert api.ask("POST", place, json={"name": created["name"]}).status_code == 201
    assert not may_enter(api, headers), "the next one of the name is another"


@pytest.mark.parametrize("place", PLACES)
def test_refusals(api: Api, place: str) -> None:
    name = new_name()
    assert api.ask("POST", place, json={"name": name}).status_code == 201
    assert api.ask("POST", place, json={"name": name}).status_code == 409
    for wrong in ({}, {"name": "A"}, {"name": "a"}, {"name": "a" * 64}, {"name": "ab\n"}):
        assert api.ask("POST", place, json=wrong).status_code == 400
    for method, part in (("GET", ""), ("DELETE", ""), ("POST", "/secret")):
        assert api.ask(method, f"{place}/{NOBODY}{part}").status_code == 404
    assert api.ask("PATCH", f"{place}/{NOBODY}", json={"enabled": True}).status_code == 404
    assert api.ask("PATCH", f"{place}/{NOBODY}", json={"enabled": "no"}).status_code == 400


def test_an_application_does_not_lock_itself_out(api: Api) -> None:
    own = api.context.foundation.administrator["client_id"]
    one = next(entry for entry in api.get("/api/v1/apps") if entry["name"] == own)
    assert api.ask("DELETE", f"/api/v1/apps/{one['id']}").status_code == 409
    path = f"/api/v1/apps/{one['id']}"
    assert api.ask("PATCH", path, json={"enabled": False}).status_code == 409


def test_the_oldest_clients_get_a_token(api: Api) -> None:
    created = api.ask("POST", "/api/v1/apps", json={"name": new_name()}).json()
    body = {"id": created["id"], "name": created["name"], "secret": created["secret"]}
    granted = api.ask("POST", "/v1/k8s/auth/oauth/apptoken", headers={}, json=body)
    assert granted.status_code == 200
    assert may_enter(api, {"Authorization": f"Bearer {granted.json()['access_token']}"})
    wrong = {**body, "secret": "x"}
    refused = api.ask("POST", "/v1/k8s/auth/oauth/apptoken", headers={}, json=wrong)
    assert refused.status_code == 401


def test_who_created_one_is_on_it(api: Api) -> None:
    known = api.context.foundation.administrator
    assert new_user(api).id
    created = api.ask("POST", "/api/v1/apps", json={"name": new_name()}).json()
    assert api.get(f"/api/v1/apps/{created['id']}")["createdBy"] == known["client_id"]
