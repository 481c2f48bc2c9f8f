"""Signing in with an identity provider: a real one, in a process of its own."""

import base64
import hashlib
import secrets
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest

from tests.api.identity_provider import Browser, Provider, running_provider
from tests.api.people import claims_of, new_user
from tests.api.serving import Api

IDPS = "/api/v1/idps"
OURS = "http://127.0.0.1:8400/callback"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with running_provider() as running:
        yield running


@pytest.fixture
def alias(api: Api, provider: Provider) -> Iterator[str]:
    """A provider that the platform knows, for one test."""
    created = api.ask("POST", IDPS, json=provider.creation())
    assert created.status_code == 201, created.text
    alias = str(created.json()["alias"])
    yield alias
    api.ask("DELETE", f"{IDPS}/{alias}")
    for user in api.get("/api/v1/users", filterBy="isLocal==false"):
        api.ask("DELETE", f"/api/v1/users/{user['id']}")


class Program:
    """Sends a browser, and exchanges what comes back."""

    def __init__(self, api: Api, alias: str) -> None:
        self._api = api
        self._verifier = secrets.token_urlsafe(48)
        digest = hashlib.sha256(self._verifier.encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        self.question = {
            "response_type": "code",
            "redirect_uri": OURS,
            "state": "my state",
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            "provider": alias,
        }

    def begin(self) -> httpx.Response:
        return self._api.client.get("/api/v2/authorize", params=self.question)

    def come_back(self, sub: str) -> httpx.Response:
        """Sign in at the provider, and follow back to the platform."""
        browser = Browser()
        begun = self.begin()
        assert begun.status_code == 302, begun.text
        return browser.get(browser.sign_in_at_provider(begun.headers["location"], sub))

    def exchange(self, code: str, **changes: str) -> httpx.Response:
        fields = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": OURS,
            "code_verifier": self._verifier,
            **changes,
        }
        return self._api.ask("POST", "/api/v2/token", headers=FORM, content=urlencode(fields))

    def sign_in(self, sub: str) -> dict[str, Any]:
        """All of it."""
        granted = self.exchange(code_in(self.come_back(sub)))
        assert granted.status_code == 200, granted.text
        body: dict[str, Any] = granted.json()
        return body


def code_in(back: httpx.Response) -> str:
    assert back.status_code == 302, back.text
    location = urlsplit(back.headers["location"])
    assert f"{location.scheme}://{location.netloc}{location.path}" == OURS
    answer = parse_qs(location.query)
    assert answer["state"] == ["my state"]
    return answer["code"][0]


def test_users_groups_and_numbers_come_from_the_claims(api: Api, alias: str) -> None:
    granted = Program(api, alias).sign_in("alice")
    claims: dict[str, Any] = dict(claims_of(granted["access_token"]))
    assert claims["email"] == "alice@example.org"
    assert claims["groups"] == ["research", "Größe >?~"]
    assert (claims["uid"], claims["gid"], claims["supplementary_gids"]) == (4242, 4300, [7, 8])
    shown = api.get(f"/api/v1/users/{claims['sub']}")
    assert shown["isLocal"] is False
    assert shown["groups"] == ["research", "Größe >?~"]
    again = Program(api, alias).sign_in("alice")
    assert claims_of(again["access_token"])["sub"] == claims["sub"]
    refreshed = api.token(grantType="refresh_token", refreshToken=again["refresh_token"])
    assert refreshed.status_code == 200


def test_a_group_gives_what_its_access_rules_say(api: Api, alias: str) -> None:
    token = Program(api, alias).sign_in("alice")["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    assert api.ask("GET", "/api/v1/users", headers=headers).status_code == 403
    tenant = str(api.context.tree.tenant_id)
    viewer = next(
        role["id"] for role in api.get("/api/v1/authorization/roles") if role["name"] == "Viewer"
    )
    rule = {
        "subjectId": "research",
        "subjectType": "group",
        "roleId": viewer,
        "scopeType": "tenant",
        "scopeId": tenant,
    }
    made = api.ask("POST", "/api/v1/authorization/access-rules", json=rule)
    assert made.status_code == 201, made.text
    seen = api.ask("GET", "/api/v1/org-unit/projects", headers=headers).json()["projects"]
    assert seen, "the group sees the tenant's projects"
    bob = Program(api, alias).sign_in("bob")["access_token"]
    other = {"Authorization": f"Bearer {bob}"}
    unseen = api.ask("GET", "/api/v1/org-unit/projects", headers=other).json()["projects"]
    assert unseen == []
    api.ask("DELETE", f"/api/v1/authorization/access-rules/{made.json()['id']}")


def test_a_change_of_groups_ends_the_tokens_that_tell_the_former_ones(
    api: Api, alias: str, provider: Provider
) -> None:
    first = Program(api, alias).sign_in("bob")
    provider.change_user(sub="bob", email="bob@example.org", groups=["sales", "leads"])
    second = Program(api, alias).sign_in("bob")
    provider.change_user(sub="bob", email="bob@example.org", groups=["sales"])
    former = {"Authorization": f"Bearer {first['access_token']}"}
    assert api.ask("GET", "/api/v1/workloads", headers=former).status_code == 401
    claims: dict[str, Any] = dict(claims_of(second["access_token"]))
    assert claims["groups"] == ["sales", "leads"]


def test_mappers_say_which_claim_is_which(api: Api, alias: str, provider: Provider) -> None:
    provider.change_user(sub="carol", email="c@example.org", TEAMS="red, blue", uid="x")
    mappers = {"alias": alias, "groups": "teams", "uid": "number"}
    changed = api.ask("PUT", f"{IDPS}/{alias}/mappers", json=mappers)
    assert changed.status_code == 202
    shown = api.get(f"{IDPS}/{alias}/mappers")
    assert (shown["groups"], shown["uid"], shown["email"]) == ("teams", "number", "email")
    granted = Program(api, alias).sign_in("carol")
    claims: dict[str, Any] = dict(claims_of(granted["access_token"]))
    assert claims["groups"] == ["red", "blue"]
    assert claims["uid"] is None


@pytest.mark.parametrize(
    ("sub", "reason"), [("nomail", "email"), ("imposter", "another account of the name")]
)
def test_who_is_not_welcome_is_told_why(api: Api, alias: str, sub: str, reason: str) -> None:
    back = Program(api, alias).come_back(sub)
    assert back.status_code == 403
    assert reason in back.text
    assert "location" not in back.headers


def test_a_mandatory_claim_keeps_others_out(api: Api, alias: str, provider: Provider) -> None:
    body = provider.creation(mandatoryClaim={"claim": "groups", "values": ["sales"]})
    assert api.ask("PUT", f"{IDPS}/{alias}", json=body).status_code == 200
    assert Program(api, alias).sign_in("bob")
    assert Program(api, alias).come_back("alice").status_code == 403


def test_a_disabled_user_stays_out(api: Api, alias: str) -> None:
    granted = Program(api, alias).sign_in("bob")
    user_id = claims_of(granted["access_token"])["sub"]
    api.ask("PATCH", f"/api/v1/users/{user_id}", json={"enabled": False})
    assert "disabled" in Program(api, alias).come_back("bob").text
    assert api.ask("POST", f"/api/v1/users/{user_id}/password").status_code == 400


def test_a_code_counts_once_for_whom_it_was_made(api: Api, alias: str) -> None:
    for changes in (
        {"code_verifier": secrets.token_urlsafe(48)},
        {"redirect_uri": "http://127.0.0.1:1/"},
    ):
        program = Program(api, alias)
        refused = program.exchange(code_in(program.come_back("bob")), **changes)
        assert refused.status_code == 400
        assert refused.json()["error"] == "invalid_grant"
    program = Program(api, alias)
    code = code_in(program.come_back("bob"))
    assert program.exchange("other").status_code == 400
    assert program.exchange(code).status_code == 200
    assert program.exchange(code).status_code == 400


def test_a_state_counts_once(api: Api, alias: str) -> None:
    browser, program = Browser(), Program(api, alias)
    address = browser.sign_in_at_provider(program.begin().headers["location"], "bob")
    assert browser.get(address).status_code == 302
    assert browser.get(address).status_code == 400
    forged = f"{address.partition('?')[0]}?state=x&code=y"
    assert browser.get(forged).status_code == 400


def test_a_refusal_at_the_provider_goes_back_to_the_program(api: Api, alias: str) -> None:
    begun = Program(api, alias).begin()
    state = parse_qs(urlsplit(begun.headers["location"]).query)["state"][0]
    address = f"/sign-in/{alias}/callback"
    back = api.client.get(address, params={"state": state, "error": "access_denied"})
    assert back.status_code == 302
    assert "error=access_denied" in back.headers["location"]


@pytest.mark.parametrize(
    "changes",
    [
        {"redirect_uri": "https://evil.example.org/"},
        {"redirect_uri": "http://127.0.0.1.example.org/"},
        {"redirect_uri": "javascript:alert(1)"},
        {"redirect_uri": ""},
        {"code_challenge": "short"},
        {"code_challenge_method": "plain"},
        {"response_type": "token"},
        {"provider": "unknown"},
        {"state": "a\x00b"},
    ],
)
def test_a_wrong_question_is_refused(api: Api, alias: str, changes: dict[str, str]) -> None:
    program = Program(api, alias)
    program.question.update(changes)
    refused = program.begin()
    assert refused.status_code in (400, 404)
    assert refused.json()["message"]


def test_a_providers_own_token_can_be_exchanged(api: Api, alias: str, provider: Provider) -> None:
    given = provider.id_token("alice")
    exchanged = api.token(grantType="external_token_exchange", externalToken=given)
    assert exchanged.status_code == 200, exchanged.text
    assert claims_of(exchanged.json()["accessToken"])["email"] == "alice@example.org"
    forged = given[:-4] + "AAAA"
    assert alias
    refused = api.token(grantType="external_token_exchange", externalToken=forged)
    assert refused.status_code == 401


def test_a_device_signs_in_by_a_provider(api: Api, alias: str) -> None:
    codes = api.client.post("/api/v2/device").json()
    browser = Browser()
    page = browser.get(codes["verification_uri_complete"])
    assert alias in page.text
    sent = browser.get(
        f"{api.context.api_url}/device/provider?user_code={codes['user_code']}&provider={alias}"
    )
    address = browser.sign_in_at_provider(sent.headers["location"], "alice")
    assert Browser().get(address).status_code == 400, "another browser, which has no cookie"
    assert device_token(api, codes).json()["error"] == "authorization_pending"

    codes = api.client.post("/api/v2/device").json()
    sent = browser.get(
        f"{api.context.api_url}/device/provider?user_code={codes['user_code']}&provider={alias}"
    )
    address = browser.sign_in_at_provider(sent.headers["location"], "alice")
    assert browser.get(address).status_code == 200
    granted = device_token(api, codes)
    assert granted.status_code == 200, granted.text
    assert claims_of(granted.json()["access_token"])["email"] == "alice@example.org"


def test_a_device_signs_in_by_a_password(api: Api) -> None:
    person = new_user(api)
    codes = api.client.post("/api/v2/device").json()
    assert device_token(api, codes).json()["error"] == "authorization_pending"
    assert device_token(api, codes).json()["error"] == "slow_down"
    typed = codes["user_code"].lower().replace("-", " ")
    fields = {"user_code": typed, "username": person.email, "password": "wrong"}
    wrong = api.client.post("/device", data=fields)
    assert wrong.status_code == 401
    assert "wrong" in wrong.text
    right = api.client.post("/device", data={**fields, "password": person.password})
    assert right.status_code == 200, right.text
    granted = device_token(api, codes)
    assert granted.status_code == 200
    assert claims_of(granted.json()["access_token"])["sub"] == person.id
    assert device_token(api, codes).json()["error"] == "expired_token"
    unknown = api.client.post(
        "/device", data={**fields, "user_code": "BBBB-BBBB", "password": person.password}
    )
    assert unknown.status_code == 404


def device_token(api: Api, codes: dict[str, Any]) -> httpx.Response:
    fields = {
        "grant_type": "urn:ietf:params:oauth:grant-type:device_code",
        "device_code": codes["device_code"],
    }
    # Its errors are of RFC 8628, which the published list does not know.
    return api.client.post("/api/v2/token", data=fields)


def test_a_provider_is_shown_without_its_secret(api: Api, alias: str) -> None:
    shown = api.get(f"{IDPS}/{alias}")
    assert shown["redirectUri"].endswith(f"/sign-in/{alias}/callback")
    assert "s3cret-of-ours" not in str(shown) + str(api.get(IDPS))
    assert [entry["alias"] for entry in api.get(IDPS)] == [alias]


def test_what_is_shown_can_be_sent_back(api: Api, alias: str) -> None:
    shown = api.get(f"{IDPS}/{alias}")
    body = {"type": shown["type"], "oidcData": shown["oidcData"], "mappers": shown["mappers"]}
    assert api.ask("PUT", f"{IDPS}/{alias}", json=body).status_code == 200
    assert Program(api, alias).sign_in("bob"), "with the secret that it had"


def test_removing_a_provider_ends_what_its_users_were_given(
    api: Api, alias: str, provider: Provider
) -> None:
    token = Program(api, alias).sign_in("bob")["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    assert api.ask("GET", "/api/v1/workloads", headers=headers).status_code == 200
    assert api.ask("DELETE", f"{IDPS}/{alias}").status_code == 200
    assert api.ask("GET", "/api/v1/workloads", headers=headers).status_code == 401
    assert api.ask("GET", f"{IDPS}/{alias}").status_code == 404
    again = {**provider.creation(), "name": alias}
    assert api.ask("POST", IDPS, json=again).status_code == 201


@pytest.mark.parametrize(
    "change",
    [
        {"type": "saml"},
        {"type": "openshift-v4"},
        {"oidcData": None},
        {"name": "Not An Alias"},
        {"oidcData": {"clientId": "x", "clientSecret": "y", "discoverDocumentUrl": "ftp://x"}},
        {
            "oidcData": {
                "clientId": "x",
                "clientSecret": "y",
                "discoverDocumentUrl": "http://127.0.0.1:9/",
            }
        },
    ],
)
def test_a_provider_that_cannot_work_is_refused(
    api: Api, provider: Provider, change: dict[str, Any]
) -> None:
    refused = api.ask("POST", IDPS, json={**provider.creation(), **change})
    assert refused.status_code == 400
    assert api.get(IDPS) == []
