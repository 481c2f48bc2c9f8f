"""Whoever loses their rights is out: at the API at once, at the gateway within two seconds."""

import json
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.end_to_end.platforms import Answer, Platform, eventually, fetch

AT_THE_GATEWAY_SECONDS = 2.0
PASSWORD = "another password"


@pytest.fixture(scope="module")
def closed(platform: Platform) -> Iterator[str]:
    """The name of a workload for signed-in callers."""
    name = f"closed-{uuid.uuid4().hex[:6]}"
    spec = {
        "image": "host/canary",
        "servingPort": {"container": 8000, "authorizationType": "authenticatedUsers"},
    }
    created = platform.deploy(name, spec)
    yield name
    platform.delete(created["workloadId"])


class Session:
    """Somebody who is signed in."""

    def __init__(self, platform: Platform, **credentials: str) -> None:
        self._platform = platform
        answer = call(platform, "POST", "/api/v1/token", credentials)
        assert answer.status == 200, answer.body
        self.granted = answer.json()
        self.headers = {"Authorization": f"Bearer {self.granted['accessToken']}"}

    def is_valid(self) -> bool:
        """At the API."""
        return call(self._platform, "GET", "/api/v1/workloads", headers=self.headers).status != 401

    def enters(self, workload: str) -> int:
        """The status at the gateway."""
        return self._platform.ask(workload, headers=self.headers).status

    def loses(self, workload: str, act: Callable[[], Answer]) -> float:
        """Seconds from the answer to `act` until the gateway refuses."""
        assert self.enters(workload) == 200
        assert act().status < 300
        answered = time.monotonic()
        assert not self.is_valid()
        eventually(lambda: self.enters(workload) == 401, "a refusal at the gateway")
        return time.monotonic() - answered


def call(
    platform: Platform, method: str, path: str, body: Any = None, headers: Any = None
) -> Answer:
    raw = None if body is None else json.dumps(body).encode()
    sent = {"Content-Type": "application/json", **(headers or {})}
    return fetch(f"{platform.administrator['url']}{path}", method, raw, sent)


def new_user(platform: Platform) -> tuple[str, Session, dict[str, str]]:
    email = f"{uuid.uuid4().hex[:8]}@example.org"
    body = {"email": email, "resetPassword": False}
    created = platform.call("POST", "/api/v1/users", body).json()
    credentials = {
        "grantType": "password",
        "username": email,
        "password": created["tempPassword"],
    }
    return created["id"], Session(platform, **credentials), credentials


def test_a_disabled_user_is_out_everywhere(platform: Platform, closed: str) -> None:
    user_id, session, credentials = new_user(platform)
    path = f"/api/v1/users/{user_id}"
    took = session.loses(closed, lambda: platform.call("PATCH", path, {"enabled": False}))
    assert took < AT_THE_GATEWAY_SECONDS
    assert platform.call("PATCH", path, {"enabled": True}).status == 200
    again = Session(platform, **credentials)
    assert again.enters(closed) == 200
    took = again.loses(closed, lambda: platform.call("DELETE", path))
    assert took < AT_THE_GATEWAY_SECONDS


def test_a_changed_password_and_a_sign_out_end_tokens(platform: Platform, closed: str) -> None:
    _, session, credentials = new_user(platform)
    form = urlencode({"token": session.granted["accessToken"]}).encode()
    url = f"{platform.administrator['url']}/api/v2/token/revoke"
    assert session.loses(closed, lambda: fetch(url, "POST", form)) < AT_THE_GATEWAY_SECONDS
    other = Session(platform, **credentials)
    change = {"currentPassword": credentials["password"], "newPassword": PASSWORD}

    def change_password() -> Answer:
        return call(platform, "POST", "/api/v1/me/password", change, other.headers)

    assert other.loses(closed, change_password) < AT_THE_GATEWAY_SECONDS
    assert Session(platform, **{**credentials, "password": PASSWORD}).enters(closed) == 200


def test_a_temporary_password_does_not_open_the_gateway(platform: Platform, closed: str) -> None:
    email = f"{uuid.uuid4().hex[:8]}@example.org"
    created = platform.call("POST", "/api/v1/users", {"email": email}).json()
    session = Session(
        platform, grantType="password", username=email, password=created["tempPassword"]
    )
    assert session.enters(closed) in (401, 403)


def test_a_new_secret_ends_an_applications_tokens(platform: Platform, closed: str) -> None:
    name = f"robot-{uuid.uuid4().hex[:8]}"
    made = platform.call("POST", "/api/v1/service-accounts", {"name": name}).json()
    session = Session(
        platform,
        grantType="client_credentials",
        clientID=made["clientId"],
        clientSecret=made["clientSecret"],
    )
    path = f"/api/v1/service-accounts/{made['id']}/secret"
    assert session.loses(closed, lambda: platform.call("POST", path)) < AT_THE_GATEWAY_SECONDS
