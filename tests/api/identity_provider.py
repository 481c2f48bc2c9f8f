"""A real OpenID provider, as a process of its own, and a browser that signs in there."""

import json
import re
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx

_PATIENCE_SECONDS = 60.0
USERS: tuple[dict[str, Any], ...] = (
    {
        "sub": "alice",
        "email": "alice@example.org",
        "groups": ["research", "Größe >?~"],
        "uid": 4242,
        "gid": "4300",
        "supplementarygroups": "7,8",
    },
    {"sub": "bob", "email": "bob@example.org", "groups": ["sales"]},
    {"sub": "nomail", "groups": ["research"]},
    {"sub": "imposter", "email": "admin@windlass.local", "groups": ["research"]},
)


@dataclass(frozen=True)
class Provider:
    """Where it is."""

    url: str

    @property
    def discovery_url(self) -> str:
        return f"{self.url}/.well-known/openid-configuration"

    def creation(self, **oidc_data: Any) -> dict[str, Any]:
        """The body with which the platform is told of it."""
        return {
            "name": f"corp-{secrets.token_hex(4)}",
            "type": "oidc",
            "oidcData": {
                "clientId": "windlass",
                "clientSecret": "s3cret-of-ours",
                "discoverDocumentUrl": self.discovery_url,
                **oidc_data,
            },
        }

    def id_token(self, sub: str) -> str:
        """What it says of a user to another program that it knows."""
        redirect = "http://127.0.0.1:9/"
        question = {
            "client_id": "windlass",
            "redirect_uri": redirect,
            "response_type": "code",
            "scope": "openid email profile",
        }
        address = f"{self.url}/oauth2/authorize?{urlencode(question)}"
        answer = parse_qs(urlsplit(Browser().sign_in_at_provider(address, sub)).query)
        granted = httpx.post(
            f"{self.url}/oauth2/token",
            data={
                "grant_type": "authorization_code",
                "code": answer["code"][0],
                "redirect_uri": redirect,
            },
            auth=("windlass", "s3cret-of-ours"),
        )
        return str(granted.json()["id_token"])

    def change_user(self, **claims: Any) -> None:
        """Let a user have other claims from now on."""
        sub = claims.pop("sub")
        answer = httpx.put(f"{self.url}/users/{sub}", json=claims)
        assert answer.is_success, answer.text


@contextmanager
def running_provider() -> Iterator[Provider]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = [word for user in USERS for word in ("--user-claims", json.dumps(user))]
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "oidc_provider_mock", "--port", str(port), *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    provider = Provider(f"http://localhost:{port}")
    try:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not _answers(provider):
            assert time.monotonic() < deadline, "the provider does not answer"
            time.sleep(0.05)
        yield provider
    finally:
        process.kill()
        process.wait()


def _answers(provider: Provider) -> bool:
    try:
        return httpx.get(provider.discovery_url).is_success
    except httpx.TransportError:
        return False


class Browser:
    """Follows no redirect by itself, and keeps cookies."""

    def __init__(self) -> None:
        self._http = httpx.Client(timeout=60.0)

    def get(self, url: str) -> httpx.Response:
        return self._http.get(url)

    def sign_in_at_provider(self, location: str, sub: str) -> str:
        """Type in a name at the provider; where it sends the browser then."""
        page = self._http.get(location)
        assert page.status_code == 200, page.text
        assert re.search("<form", page.text)
        sent = self._http.post(location, data={"sub": sub})
        assert sent.is_redirect, sent.text
        return str(sent.headers["location"])
