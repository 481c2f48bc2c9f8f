"""`windlass login`, `logout` and `whoami`."""

import base64
import getpass
import json
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from windlass.cli.configuration import BadOption
from windlass.cli.output import print_facts, print_json
from windlass.cli.target import client_of, context_of
from windlass.client import Administrator, ApiError, Client, ClientError, Context, ContextFile
from windlass.client.connection import Connection
from windlass.client.contexts import with_tokens
from windlass.client.errors import NoPlatform, Unreachable

_SECONDS = 30.0
_DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
_SLOWER_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Login:
    """How to sign in, as typed."""

    url: str | None = None
    context: str | None = None
    user: str | None = None
    access_key: str | None = None
    from_stdin: bool = False
    certificate_authority: Path | None = None


class _Nobody:
    """Nobody is signed in so far: token requests are all that is sent."""

    def token(self, _exchange: object, *, fresh: bool) -> tuple[str, float]:  # noqa: ARG002
        raise ClientError("nobody is signed in")


def run_login(data_dir: Path, login: Login) -> int:
    """Sign in and keep the credentials. Raises ClientError."""
    if login.user is not None and login.access_key is not None:
        raise BadOption("--user and --access-key: say only one of them")
    url = _address(data_dir, login)
    authority = _authority(data_dir, login, url)
    name = login.context or _name_of(url)
    context = Context(name, url, "", certificate_authority=authority)
    connection = Connection(url, _Nobody(), timeout_seconds=_SECONDS, trust=context.trust)
    try:
        if login.access_key is not None:
            signed_in = _by_access_key(connection, context, login)
        elif login.user is not None:
            signed_in = _by_password(connection, context, login)
        else:
            signed_in = _by_browser(connection, context)
    finally:
        connection.close()
    signed_in = replace(signed_in, who=str(_claims(str(signed_in.access_token))["email"]))
    ContextFile.default().put(signed_in)
    print(f"Signed in at {url} as {signed_in.who} (context {signed_in.name}).")
    return 0


def run_logout(name: str | None) -> int:
    """End the sign-in of a context, and forget it. Raises NoContext."""
    file = ContextFile.default()
    context = file.get(name)
    try:
        with Client.from_context(context.name, file) as client:
            client.logout()
    except (ApiError, Unreachable, ClientError) as error:
        # Forgotten all the same: the tokens end by themselves.
        print(f"windlass: {context.url} was not told: {error}", file=sys.stderr)
    file.remove(context.name)
    print(f"Signed out of {context.url} (context {context.name}).")
    return 0


def run_whoami(data_dir: Path, as_json: bool) -> int:
    """Print who the platform takes one for."""
    context = context_of(data_dir)
    with client_of(data_dir) as client:
        claims = _claims(client.token())
        rules = list(client.own_access_rules())
        url = client.url
    known = {
        "url": url,
        "context": None if context is None else context.name,
        "name": claims["email"],
        "type": claims["typ"],
        "groups": claims["groups"],
        "roles": [{"role": rule["roleName"], "scope": rule["scopeName"]} for rule in rules],
    }
    if as_json:
        print_json(known)
        return 0
    kinds = {"user": "user", "app": "service account"}
    roles = [f"{rule['roleName']} in {rule['scopeType']} {rule['scopeName']}" for rule in rules]
    print_facts(
        [
            ("Name", f"{known['name']} ({kinds[str(known['type'])]})"),
            ("Platform", url),
            ("Context", str(known["context"] or "")),
            ("Groups", ", ".join(claims["groups"])),
            ("Roles", "\n".join(roles) or "none"),
        ]
    )
    return 0


def _by_access_key(connection: Connection, context: Context, login: Login) -> Context:
    key = login.access_key or ""
    secret = _secret("Secret of the access key: ", login.from_stdin)
    answer = connection.exchange(
        {"grantType": "client_credentials", "clientID": key, "clientSecret": secret}
    )
    return replace(with_tokens(context, answer), client_id=key, client_secret=secret)


def _by_password(connection: Connection, context: Context, login: Login) -> Context:
    user = login.user or ""
    password = _secret(f"Password of {user}: ", login.from_stdin)
    answer = connection.exchange(_password_request(user, password))
    if answer.get("mustChangePassword"):
        password = _choose_password(context, str(answer["accessToken"]), password, login)
        answer = connection.exchange(_password_request(user, password))
    return with_tokens(context, answer)


def _choose_password(context: Context, token: str, current: str, login: Login) -> str:
    """Replace a temporary password by one's own."""
    if not login.from_stdin:
        print("This password is a temporary one: choose your own.")
    chosen = _secret("New password: ", login.from_stdin)
    if not login.from_stdin and _secret("The same again: ", False) != chosen:
        raise ClientError("The two are not the same; nothing was changed.")
    body = {"currentPassword": current, "newPassword": chosen}
    connection = Connection(
        context.url, _Given(token), timeout_seconds=_SECONDS, trust=context.trust
    )
    try:
        connection.request("POST", "/api/v1/me/password", body=body)
    finally:
        connection.close()
    return chosen


@dataclass(frozen=True, slots=True)
class _Given:
    """A token that is at hand."""

    access_token: str

    def token(self, _exchange: object, *, fresh: bool) -> tuple[str, float]:  # noqa: ARG002
        return self.access_token, _SECONDS


def _by_browser(connection: Connection, context: Context) -> Context:
    """Show a code, and ask until somebody has typed it in (RFC 8628)."""
    codes = _posted(connection, "/api/v2/device", {})
    print(f"Open {codes['verification_uri_complete']}")
    print(f"in a browser, and sign in there. The page must show the code {codes['user_code']}.")
    sys.stdout.flush()
    interval = float(codes["interval"])
    while True:
        time.sleep(interval)
        request = {"grant_type": _DEVICE_GRANT, "device_code": codes["device_code"]}
        answer = _posted(connection, "/api/v2/token", request)
        if "access_token" in answer:
            named = {
                "accessToken": answer["access_token"],
                "expiresIn": answer["expires_in"],
                "refreshToken": answer["refresh_token"],
            }
            return with_tokens(context, named)
        if answer.get("error") == "slow_down":
            interval += _SLOWER_SECONDS
        elif answer.get("error") != "authorization_pending":
            raise ClientError(str(answer.get("error_description") or answer))


def _posted(connection: Connection, path: str, fields: Mapping[str, str]) -> Mapping[str, Any]:
    """The answer to a form, errors of OAuth included. Raises Unreachable."""
    url = f"{connection.url}{path}"
    answer = connection.post_form(path, fields)
    try:
        body: Any = answer.json()
    except ValueError as error:
        raise Unreachable(f"{url} does not answer as it should ({error}).") from None
    if not isinstance(body, dict) or (answer.is_error and "error" not in body):
        raise ClientError(f"{url} answers {answer.status_code}: {answer.text[:200]}")
    return body


def _password_request(user: str, password: str) -> dict[str, str]:
    return {"grantType": "password", "username": user, "password": password}


def _secret(prompt: str, from_stdin: bool) -> str:
    text = sys.stdin.readline().rstrip("\r\n") if from_stdin else getpass.getpass(prompt)
    if not text:
        raise ClientError("Nothing was given.")
    return text


def _address(data_dir: Path, login: Login) -> str:
    if login.url is not None:
        parts = urlsplit(login.url)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise BadOption(f"{login.url!r} is no address, such as https://windlass.example.org")
        return login.url.rstrip("/")
    file = ContextFile.default()
    if login.context is not None and any(each.name == login.context for each in file.all()):
        return file.get(login.context).url
    context = context_of(data_dir)
    return Administrator.read(data_dir).url if context is None else context.url


def _authority(data_dir: Path, login: Login, url: str) -> str | None:
    """The file that says which certificate counts: what was typed, what the context had, or that of
    the platform on this machine."""
    if login.certificate_authority is not None:
        return str(login.certificate_authority.expanduser().absolute())
    name = login.context or _name_of(url)
    for known in ContextFile.default().all():
        if (known.name, known.url) == (name, url) and known.certificate_authority is not None:
            return known.certificate_authority
    try:
        own = Administrator.read(data_dir)
    except NoPlatform:
        return None
    return own.certificate_authority if own.url == url else None


def _name_of(url: str) -> str:
    return urlsplit(url).netloc


def _claims(token: str) -> dict[str, Any]:
    payload = token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * 3))
    return claims
