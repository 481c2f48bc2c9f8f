"""Tokens: every grant, however its keys are written, and nothing else."""

import base64
import json
from typing import Any

import pytest

from tests.api.serving import Api

GRANTS = {
    "client_credentials": {"clientID": "client_id", "clientSecret": "client_secret"},
    "app_token": {"appID": "client_id", "appSecret": "client_secret"},
    "password": {"username": "username", "password": "password"},
}


def credentials(api: Api, grant: str) -> dict[str, Any]:
    known = api.context.foundation.administrator
    return {"grantType": grant, **{key: known[name] for key, name in GRANTS[grant].items()}}


@pytest.mark.parametrize("grant", GRANTS)
def test_every_grant_gives_a_token_that_opens_the_api(api: Api, grant: str) -> None:
    granted = api.token(**credentials(api, grant))
    assert granted.status_code == 200
    token = granted.json()["accessToken"]
    shown = api.ask("GET", "/api/v1/workloads", headers={"Authorization": f"Bearer {token}"})
    assert shown.status_code == 200


@pytest.mark.parametrize(
    ("grant", "keys"),
    [
        ("app_token", ("GrantType", "AppId", "AppSecret")),
        ("app_token", ("granttype", "appid", "APPSECRET")),
        ("client_credentials", ("grantType", "clientId", "ClientSECRET")),
        ("password", ("GRANTTYPE", "userName", "PassWord")),
    ],
)
def test_keys_count_in_any_case(api: Api, grant: str, keys: tuple[str, ...]) -> None:
    body = dict(zip(keys, credentials(api, grant).values(), strict=True))
    assert api.token(**body).status_code == 200


def test_a_token_can_be_read_by_the_vendors_client(api: Api) -> None:
    token = api.token(**credentials(api, "app_token")).json()["accessToken"]
    _, payload, _ = token.split(".")
    assert set(payload).isdisjoint("-_"), "the client decodes with the standard alphabet"
    claims = json.loads(base64.b64decode(payload + "=="))
    assert claims["exp"] - claims["iat"] > 60


def test_unknown_keys_and_unused_credentials_are_ignored(api: Api) -> None:
    body = {**credentials(api, "password"), "clientID": "other", "refreshToken": "", "new": [1]}
    assert api.token(**body).status_code == 200


@pytest.mark.parametrize("grant", GRANTS)
@pytest.mark.parametrize("wrong", ["name", "secret"])
def test_wrong_credentials_are_401(api: Api, grant: str, wrong: str) -> None:
    name, secret = GRANTS[grant]
    body = credentials(api, grant)
    body[name if wrong == "name" else secret] += "x"
    assert api.token(**body).status_code == 401


def test_a_wrong_name_and_a_wrong_secret_are_refused_alike(api: Api) -> None:
    body = credentials(api, "password")
    answers = [api.token(**{**body, key: "wrong"}).json() for key in ("username", "password")]
    assert answers[0] == answers[1]


@pytest.mark.parametrize(
    "change",
    [
        {"grantType": None},
        {"grantType": "refresh_token"},
        {"grantType": ["password"]},
        {"grantType": {}},
        {"password": None},
        {"password": ""},
        {"password": 1},
        {"username": ["admin"]},
        {"username": "a\x00b"},
    ],
)
def test_a_request_of_the_wrong_form_is_400(api: Api, change: dict[str, Any]) -> None:
    refused = api.token(**{**credentials(api, "password"), **change})
    assert refused.status_code == 400
    named = next(iter(change))
    assert named.lower() in refused.json()["message"].lower()


HOSTILE_BODIES = [
    b"",
    b" ",
    b"null",
    b"[]",
    b'"text"',
    b"{",
    b'{"grantType": "password"',
    b'{"grantType": NaN}',
    b'{"grantType": 1e999}',
    b"\xff\xfe",
    b'{"grantType": "\\ud800"}',
    b'{"grantType": "password", "username": "\\ud800", "password": "x"}',
    b'{"grantType": "password", "grantType": "app_token"}',
    b"[" * 100_000,
    b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
    b'{"grantType": ' + b"9" * 5_000 + b"}",
    b"grantType=password&username=a&password=b",
]


@pytest.mark.parametrize("raw", HOSTILE_BODIES, ids=range(len(HOSTILE_BODIES)))
def test_a_hostile_body_is_400(api: Api, raw: bytes) -> None:
    refused = api.ask("POST", "/api/v1/token", headers={}, content=raw)
    assert refused.status_code == 400


def test_credentials_with_odd_characters_are_only_wrong(api: Api) -> None:
    for text in ("' OR 1=1 --", "%", "ä💥", "x" * 100_000):
        refused = api.token(grantType="password", username=text, password=text)
        assert refused.status_code == 401


def test_secrets_are_not_repeated_in_errors(api: Api) -> None:
    refused = api.token(grantType="client_credentials", clientID="x", clientSecret="s3cret-value")
    assert "s3cret-value" not in refused.text
