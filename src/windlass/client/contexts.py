"""Platforms that somebody signed in to, and with what: a file that only its owner reads.

It lies in `~/.config/windlass/contexts.json`, or where XDG_CONFIG_HOME says. Programs that run at
once change it one after the other, so that none uses a refresh token that another has used.
"""

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from windlass.client.errors import ApiError, ClientError
from windlass.client.trust import Trust

_RENEW_BEFORE_SECONDS = 60.0
_UNAUTHORIZED = 401

Exchange = Callable[[Mapping[str, str]], Mapping[str, Any]]
"""Sends a token request; the platform's answer."""


class NoContext(ClientError):
    """There is no such context."""


class SignedOut(ClientError):
    """The sign-in has ended."""


@dataclass(frozen=True, slots=True)
class Context:
    """One platform, and how to sign in there: by a session, or by an access key."""

    name: str
    url: str
    who: str
    refresh_token: str | None = None
    client_id: str | None = None
    client_secret: str | None = None
    access_token: str | None = None
    expires_at: float = 0.0
    certificate_authority: str | None = None
    """A file that says which certificate counts; None is what the machine trusts."""

    @property
    def trust(self) -> Trust:
        """Which certificate counts as the platform's."""
        authority = self.certificate_authority
        return Trust(None if authority is None else Path(authority))


class ContextFile:
    """The contexts there are, and which is the current one."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def default(cls) -> "ContextFile":
        """The one of whoever runs this program."""
        home = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
        return cls(Path(home).expanduser() / "windlass" / "contexts.json")

    def all(self) -> list[Context]:
        """Every context, by name. Raises ClientError for a spoilt file."""
        return [context for _, context in sorted(self._read()[1].items())]

    def current_name(self) -> str | None:
        """The current context's name; None where there is none."""
        return self._read()[0]

    def get(self, name: str | None = None) -> Context:
        """That context, or the current one. Raises NoContext."""
        current, contexts = self._read()
        wanted = name or current
        if wanted is None:
            raise NoContext("You are signed in nowhere. Sign in with: windlass login URL")
        if wanted not in contexts:
            known = ", ".join(sorted(contexts)) or "none"
            raise NoContext(f"There is no context {wanted!r}; there are: {known}.")
        return contexts[wanted]

    def put(self, context: Context) -> None:
        """Keep a context, and make it the current one."""
        with self._changing() as (_, contexts):
            contexts[context.name] = context
            self._write(context.name, contexts)

    def use(self, name: str) -> None:
        """Make a context the current one. Raises NoContext."""
        self.get(name)
        with self._changing() as (_, contexts):
            self._write(name, contexts)

    def remove(self, name: str) -> None:
        """Forget a context."""
        with self._changing() as (current, contexts):
            contexts.pop(name, None)
            self._write(None if current == name else current, contexts)

    def token(self, name: str, exchange: Exchange, *, fresh: bool) -> tuple[str, float]:
        """A valid access token of a context, and for how many seconds; a new one if `fresh`.

        Raises SignedOut, NoContext, or what `exchange` raises.
        """
        with self._changing() as (current, contexts):
            if name not in contexts:
                raise NoContext(f"There is no context {name!r} any more.")
            context = contexts[name]
            left = context.expires_at - time.time()
            if context.access_token and left > _RENEW_BEFORE_SECONDS and not fresh:
                return context.access_token, left
            renewed = _renewed(context, exchange)
            contexts[name] = renewed
            self._write(current, contexts)
        return str(renewed.access_token), renewed.expires_at - time.time()

    @contextmanager
    def _changing(self) -> Iterator[tuple[str | None, dict[str, Context]]]:
        """What the file holds, while nobody else changes it."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(self.path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield self._read()
        finally:
            os.close(lock)

    def _read(self) -> tuple[str | None, dict[str, Context]]:
        try:
            content = json.loads(self.path.read_text("utf-8"))
        except FileNotFoundError:
            return None, {}
        except (OSError, ValueError) as error:
            raise ClientError(f"{self.path} cannot be read: {error}.") from None
        known = {field.name for field in fields(Context)}
        try:
            contexts = {
                name: Context(**{key: value for key, value in entry.items() if key in known})
                for name, entry in content["contexts"].items()
            }
        except (AttributeError, KeyError, TypeError) as error:
            raise ClientError(f"{self.path} does not hold contexts: {error}.") from None
        return content.get("current"), contexts

    def _write(self, current: str | None, contexts: Mapping[str, Context]) -> None:
        content = {
            "current": current,
            "contexts": {name: asdict(context) for name, context in contexts.items()},
        }
        partial = self.path.with_suffix(".new")
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            os.fchmod(descriptor, 0o600)
            json.dump(content, file, indent=2)
        partial.replace(self.path)


@dataclass(frozen=True, slots=True)
class ContextCredentials:
    """The credentials of one context, as a connection asks for them."""

    file: ContextFile
    name: str

    def token(self, exchange: Exchange, *, fresh: bool) -> tuple[str, float]:
        """As `ContextFile.token`."""
        return self.file.token(self.name, exchange, fresh=fresh)


def with_tokens(context: Context, answer: Mapping[str, Any]) -> Context:
    """The context with what a token request gave."""
    return replace(
        context,
        access_token=answer["accessToken"],
        expires_at=time.time() + float(answer.get("expiresIn") or 0),
        refresh_token=answer.get("refreshToken", context.refresh_token),
    )


def _renewed(context: Context, exchange: Exchange) -> Context:
    try:
        return with_tokens(context, exchange(_token_request(context)))
    except ApiError as error:
        if error.code != _UNAUTHORIZED:
            raise
        raise SignedOut(
            f"Your sign-in at {context.url} has ended. Sign in again with: "
            f"windlass login {context.url} --context {context.name}"
        ) from None


def _token_request(context: Context) -> Mapping[str, str]:
    if context.client_id is not None:
        return {
            "grantType": "client_credentials",
            "clientID": context.client_id,
            "clientSecret": context.client_secret or "",
        }
    return {"grantType": "refresh_token", "refreshToken": context.refresh_token or ""}
