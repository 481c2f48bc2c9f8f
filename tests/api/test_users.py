"""Users: made, listed, disabled and removed, and their passwords."""

from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from tests.api.people import Person, new_email, new_user, sign_in
from tests.api.serving import NOBODY, Api

USERS = "/api/v1/users"
OWN_PASSWORD = "/api/v1/me/password"
SECOND = "a better password"


def change_password(api: Api, headers: Mapping[str, str], current: str, new: str) -> httpx.Response:
    body = {"currentPassword": current, "newPassword": new}
    return api.ask("POST", OWN_PASSWORD, headers=headers, json=body)


def test_a_new_user_signs_in_with_the_password_told_once(api: Api) -> None:
    email = new_email()
    created = api.ask("POST", USERS, json={"email": email, "resetPassword": False})
    assert created.status_code == 201
    password = created.json()["tempPassword"]
    granted = api.token(grantType="password", username=email, password=password)
    assert granted.status_code == 200
    shown = api.get(f"{USERS}/{created.json()['id']}")
    assert shown["username"] == email
    assert shown["isLocal"] is True
    assert shown["lastLogin"] is not None
    assert shown["createdBy"] == api.context.foundation.administrator["client_id"]
    assert password not in str(api.get(USERS))


def test_a_temporary_password_is_good_for_choosing_another_and_nothing_else(api: Api) -> None:
    email = new_email()
    password = api.ask("POST", USERS, json={"email": email}).json()["tempPassword"]
    granted = api.token(grantType="password", username=email, password=password).json()
    assert granted["mustChangePassword"] is True
    assert "refreshToken" not in granted
    headers = {"Authorization": f"Bearer {granted['accessToken']}"}
    for path in ("/api/v1/workloads", USERS, "/api/v1/access-keys"):
        refused = api.ask("GET", path, headers=headers)
        assert refused.status_code == 403
        assert "temporary" in refused.json()["message"]
    assert change_password(api, headers, password, SECOND).status_code == 200
    assert api.token(grantType="password", username=email, password=password).status_code == 401
    person = sign_in(api, email, SECOND)
    assert api.ask("GET", "/api/v1/workloads", headers=person.headers).status_code == 200


def test_a_changed_password_ends_every_sign_in(api: Api) -> None:
    person = new_user(api)
    again = sign_in(api, person.email, person.password)
    assert change_password(api, person.headers, person.password, SECOND).status_code == 200
    for former in (person, again):
        refused = api.ask("GET", "/api/v1/workloads", headers=former.headers)
        assert refused.status_code == 401
        assert "revoked" in refused.json()["message"]
        assert former.refresh(api).status_code == 401
    assert sign_in(api, person.email, SECOND)


@pytest.mark.parametrize(
    ("new", "reason"),
    [("short", "8 to 1024"), ("x" * 1025, "at most 1024"), ("", "8 to 1024")],
)
def test_a_bad_password_is_refused_with_the_reason(api: Api, new: str, reason: str) -> None:
    person = new_user(api)
    refused = change_password(api, person.headers, person.password, new)
    assert refused.status_code == 400
    assert refused.json()["message"].startswith("newPassword: ")
    assert reason in refused.json()["message"]


def test_changing_needs_the_current_password_and_another_one(api: Api) -> None:
    person = new_user(api)
    for current, new, field in (
        ("wrong", SECOND, "currentPassword"),
        (person.password, person.password, "newPassword"),
        (person.password, person.email, "newPassword"),
    ):
        refused = change_password(api, person.headers, current, new)
        assert refused.status_code == 400
        assert refused.json()["message"].startswith(field)
    assert sign_in(api, person.email, person.password)


def test_an_application_has_no_password_to_change(api: Api) -> None:
    assert change_password(api, api.headers, "x", SECOND).status_code == 403


def test_a_reset_password_is_temporary_and_ends_sign_ins(api: Api) -> None:
    person = new_user(api)
    reset = api.ask("POST", f"{USERS}/{person.id}/password")
    assert reset.status_code == 200
    assert api.ask("GET", "/api/v1/workloads", headers=person.headers).status_code == 401
    password = reset.json()["tempPassword"]
    granted = api.token(grantType="password", username=person.email, password=password)
    assert granted.json()["mustChangePassword"] is True


def test_logging_out_ends_sign_ins_and_leaves_the_password(api: Api) -> None:
    person = new_user(api)
    assert api.ask("POST", f"{USERS}/{person.id}/logout").status_code == 200
    assert api.ask("GET", "/api/v1/workloads", headers=person.headers).status_code == 401
    assert person.refresh(api).status_code == 401
    assert sign_in(api, person.email, person.password)


def test_a_disabled_user_is_out_at_once_with_keys_and_all(api: Api) -> None:
    person = new_user(api)
    key = api.ask(
        "POST", "/api/v1/access-keys", headers=person.headers, json={"name": "laptop"}
    ).json()
    by_key = {
        "grantType": "client_credentials",
        "clientId": key["clientId"],
        "clientSecret": key["clientSecret"],
    }
    token = api.token(**by_key).json()["accessToken"]
    changed = api.ask("PATCH", f"{USERS}/{person.id}", json={"enabled": False})
    assert changed.json()["enabled"] is False
    for headers in (person.headers, {"Authorization": f"Bearer {token}"}):
        assert api.ask("GET", "/api/v1/workloads", headers=headers).status_code == 401
    assert api.token(**by_key).status_code == 401
    refused = api.token(grantType="password", username=person.email, password=person.password)
    assert refused.status_code == 401
    assert api.ask("PATCH", f"{USERS}/{person.id}", json={"enabled": True}).status_code == 200
    assert sign_in(api, person.email, person.password)
    assert api.ask("GET", "/api/v1/workloads", headers=person.headers).status_code == 401


def test_a_deleted_user_is_gone_and_the_name_is_free(api: Api) -> None:
    person = new_user(api)
    assert api.ask("DELETE", f"{USERS}/{person.id}").status_code == 204
    assert api.ask("GET", "/api/v1/workloads", headers=person.headers).status_code == 401
    assert api.ask("GET", f"{USERS}/{person.id}").status_code == 404
    assert api.ask("DELETE", f"{USERS}/{person.id}").status_code == 404
    again = api.ask("POST", USERS, json={"email": person.email})
    assert again.status_code == 201
    assert again.json()["id"] != person.id


def test_nobody_locks_themselves_out(api: Api) -> None:
    known = api.context.foundation.administrator
    me = sign_in(api, known["username"], known["password"])
    assert api.ask("DELETE", f"{USERS}/{me.id}", headers=me.headers).status_code == 409
    disabled = api.ask("PATCH", f"{USERS}/{me.id}", headers=me.headers, json={"enabled": False})
    assert disabled.status_code == 409


def test_a_name_is_taken_in_any_case(api: Api) -> None:
    person = new_user(api)
    assert api.ask("POST", USERS, json={"email": person.email.upper()}).status_code == 409
    assert sign_in(api, person.email.upper(), person.password).id == person.id


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"email": "nobody"},
        {"email": "a b@example.org"},
        {"email": "a@example.org\n"},
        {"email": 1},
        {"email": "a@b.co", "notify": True},
        {"email": "a@b.co", "resetPassword": "yes"},
        {"email": "a" * 250 + "@example.org"},
    ],
)
def test_a_wrong_body_is_400_and_creates_nobody(api: Api, body: dict[str, Any]) -> None:
    before = api.get(f"{USERS}/count")
    assert api.ask("POST", USERS, json=body).status_code == 400
    assert api.get(f"{USERS}/count") == before


@pytest.mark.parametrize("part", ["", "/logout", "/password"])
def test_an_unknown_user_is_404(api: Api, part: str) -> None:
    method = "POST" if part else "GET"
    assert api.ask(method, f"{USERS}/{NOBODY}{part}").status_code == 404


def test_lists_filter_sort_search_and_page(api: Api) -> None:
    people = [new_user(api, f"listed-{number}-") for number in range(3)]
    marks = sorted(person.email for person in people)
    found = api.get(USERS, filterBy="username=@listed-", sortBy="username", sortOrder="desc")
    assert [entry["username"] for entry in found if entry["username"] in marks] == marks[::-1]
    assert api.get(f"{USERS}/count", search="listed-")["count"] >= 3
    page = api.get(USERS, search="listed-", sortBy="creationTime", limit=1, offset=1)
    assert len(page) == 1
    assert marks[1] in str(api.get(USERS, filter=f"username=={marks[1]}"))
    assert api.get(USERS, filterBy="isLocal==false,username=@listed-") == []
    assert len(api.get(USERS, filterBy="isLocal==true,username=@listed-")) >= 3
    never = api.get(USERS, filterBy="lastLogin<=2001-01-01T00:00:00Z")
    assert never == []
    assert "isLocal" in api.refused(USERS, filterBy="isLocal==maybe")
    assert "sortBy" in api.refused(USERS, sortBy="isLocal")


def test_a_person_is_told_apart_from_another(api: Api) -> None:
    one, other = new_user(api), new_user(api)
    assert isinstance(one, Person)
    assert one.id != other.id
