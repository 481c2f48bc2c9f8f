"""Users for tests: each with a name of its own."""

import base64
import itertools
import json
import uuid
from dataclasses import dataclass

import httpx

from tests.api.serving import Api

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Person:
    """A user who signed in."""

    id: str
    email: str
    password: str
    access_token: str
    refresh_token: str

    @property
    def headers(self) -> dict[str, str]:
        """What their requests carry."""
        return {"Authorization": f"Bearer {self.access_token}"}

    def refresh(self, api: Api) -> httpx.Response:
        """Ask for the next token."""
        return api.token(grantType="refresh_token", refreshToken=self.refresh_token)


def new_email(prefix: str = "user-") -> str:
    return f"{prefix}{next(_numbers)}-{uuid.uuid4().hex[:8]}@example.org"


def new_user(api: Api, prefix: str = "user-") -> Person:
    """A user whose password is their own, signed in."""
    email = new_email(prefix)
    created = api.ask("POST", "/api/v1/users", json={"email": email, "resetPassword": False})
    return sign_in(api, email, created.json()["tempPassword"])


def sign_in(api: Api, email: str, password: str) -> Person:
    granted = api.token(grantType="password", username=email, password=password)
    assert granted.status_code == 200, granted.text
    body = granted.json()
    claims = claims_of(body["accessToken"])
    return Person(claims["sub"], email, password, body["accessToken"], body["refreshToken"])


def claims_of(token: str) -> dict[str, str]:
    """What a token says, read as the vendor's client does."""
    found: dict[str, str] = json.loads(base64.b64decode(token.split(".")[1] + "=="))
    return found
