"""Tokens as OAuth 2.0 has them: their form, refreshing, signing out, and the keys that verify."""

import base64
import json
from urllib.parse import urlencode

import httpx
import jwt
import pytest

from tests.api.people import claims_of, new_user
from tests.api.serving import Api

TOKEN = "/api/v2/token"
REVOKE = "/api/v2/token/revoke"


def form(api: Api, path: str = TOKEN, basic: str = "", **fields: str) -> httpx.Response:
    """Send a form."""
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    if basic:
        headers["Authorization"] = f"Basic {base64.b64encode(basic.encode()).decode()}"
    return api.ask("POST", path, headers=headers, content=urlencode(fields))


def administrator(api: Api) -> dict[str, str]:
    known = api.context.foundation.administrator
    return {
        "grant_type": "client_credentials",
        "client_id": known["client_id"],
        "client_secret": known["client_secret"],
    }


def is_valid(api: Api, token: str) -> bool:
    headers = {"Authorization": f"Bearer {token}"}
    return api.ask("GET", "/api/v1/workloads", headers=headers).status_code == 200


def test_a_client_is_named_in_the_form_or_in_the_header(api: Api) -> None:
    known = administrator(api)
    basic = f"{known['client_id']}:{known['client_secret']}"
    for granted in (
        form(api, **known),
        form(api, basic=basic, grant_type="client_credentials"),
    ):
        assert granted.status_code == 200
        body = granted.json()
        assert body["token_type"] == "Bearer"
        assert body["expires_in"] == 3600
        assert "refresh_token" not in body, "the client can ask again"
        assert granted.headers["cache-control"] == "no-store"
        assert is_valid(api, body["access_token"])


def test_refreshing_goes_on_with_one_session(api: Api) -> None:
    person = new_user(api)
    first = form(api, grant_type="refresh_token", refresh_token=person.refresh_token).json()
    second = api.token(grantType="refresh_token", refreshToken=first["refresh_token"]).json()
    sessions = {
        claims_of(token)["sid"]
        for token in (person.access_token, first["access_token"], second["accessToken"])
    }
    assert len(sessions) == 1
    assert is_valid(api, second["accessToken"])
    assert is_valid(api, person.access_token), "until it ends by itself"


def test_a_refresh_token_that_was_used_before_ends_its_session(api: Api) -> None:
    person = new_user(api)
    other = new_user(api)
    following = person.refresh(api).json()
    assert person.refresh(api).status_code == 401
    assert not is_valid(api, following["accessToken"])
    lost = api.token(grantType="refresh_token", refreshToken=following["refreshToken"])
    assert lost.status_code == 401
    assert is_valid(api, other.access_token)


@pytest.mark.parametrize("kind", ["access", "refresh"])
def test_signing_out_ends_this_sign_in_and_no_other(api: Api, kind: str) -> None:
    person = new_user(api)
    elsewhere = api.token(
        grantType="password", username=person.email, password=person.password
    ).json()
    token = person.access_token if kind == "access" else person.refresh_token
    assert form(api, REVOKE, token=token).status_code == 200
    assert not is_valid(api, person.access_token)
    assert person.refresh(api).status_code == 401
    assert is_valid(api, elsewhere["accessToken"])


@pytest.mark.parametrize(
    ("fields", "status", "error"),
    [
        ({}, 400, "unsupported_grant_type"),
        ({"grant_type": "magic"}, 400, "unsupported_grant_type"),
        ({"grant_type": "password", "username": "a@b.co"}, 400, "invalid_request"),
        ({"grant_type": "password", "username": "a@b.co", "password": "x"}, 400, "invalid_grant"),
        ({"grant_type": "refresh_token", "refresh_token": "x.y"}, 400, "invalid_grant"),
        (
            {"grant_type": "client_credentials", "client_id": "x", "client_secret": "y"},
            401,
            "invalid_client",
        ),
    ],
)
def test_refusals_are_those_of_the_standard(
    api: Api, fields: dict[str, str], status: int, error: str
) -> None:
    refused = form(api, **fields)
    assert refused.status_code == status
    assert refused.json()["error"] == error


@pytest.mark.parametrize(
    "raw",
    [b"grant_type=password&grant_type=password", b"\xff", b"%ff=1", b"x" * 100, b"a=1&" * 100],
)
def test_a_body_that_is_no_form_is_refused(api: Api, raw: bytes) -> None:
    refused = api.ask("POST", TOKEN, headers={}, content=raw)
    assert refused.status_code == 400
    assert refused.json()["error"] in ("invalid_request", "unsupported_grant_type")


def test_a_token_nobody_knows_needs_no_ending(api: Api) -> None:
    sent = api.client.post(REVOKE, content="token=unknown")
    assert sent.status_code == 200
    assert form(api, REVOKE).status_code == 400


def test_the_published_keys_verify_a_token(api: Api) -> None:
    answer = api.ask("GET", "/.well-known/jwks.json", headers={})
    keys = jwt.PyJWKSet.from_json(answer.text)
    token = api.headers["Authorization"].partition(" ")[2]
    key = keys[jwt.get_unverified_header(token)["kid"]]
    claims = jwt.decode(token, key.key, algorithms=["RS256"], audience="windlass")
    assert claims["iss"] == api.context.authority(api.database).issuer
    assert all(set(json.loads(answer.text)["keys"][0]).isdisjoint("dpq") for _ in "1")


def test_wrong_passwords_are_throttled_and_the_owner_still_gets_in(api: Api) -> None:
    person = new_user(api)
    stranger = {"grantType": "password", "username": "nobody@example.org", "password": "x"}
    refused = [api.token(**stranger)]
    # Each waits twice as long as the one before it: no machine is too slow to see it.
    while refused[-1].status_code == 401:
        assert len(refused) < 12
        refused.append(api.token(**stranger))
    assert len(refused) > 5
    assert refused[-1].status_code == 429
    assert int(refused[-1].headers["retry-after"]) >= 1
    for _ in range(8):
        assert api.token(
            grantType="password", username=person.email, password="wrong"
        ).status_code in (401, 429)
    again = api.token(grantType="password", username=person.email, password=person.password)
    assert again.status_code == 200
