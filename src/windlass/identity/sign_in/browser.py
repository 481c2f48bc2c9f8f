"""Signing in by way of a browser: with an identity provider, for a program or a device.

A program sends the user's browser here and gets a code back at its redirect address (RFC 6749,
section 4.1, with the PKCE of RFC 7636). A device has no browser: it shows a code that the user
types in at ours (RFC 8628).
"""

import base64
import hashlib
import hmac
import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from sqlalchemy import Connection, Row, delete, insert, select, update

from windlass.audit.origin import made_by, will_answer
from windlass.identity.passwords import hash_secret, new_secret
from windlass.identity.providers.claims import (
    NotWelcome,
    ProvidedPerson,
    has_needed_claims,
    person_of,
)
from windlass.identity.providers.protocol import (
    ProviderFailed,
    RelyingParty,
    authorization_url,
    exchange_code,
    user_info,
    verify_id_token,
)
from windlass.identity.sign_in.accounts import Account, account_of_user
from windlass.identity.sign_in.provided import account_of_person
from windlass.identity.tables import (
    authorization_code,
    device_authorization,
    identity_provider,
    pending_sign_in,
    user,
)
from windlass.kit.clock import Clock
from windlass.kit.database import Database
from windlass.kit.errors import BadRequest, Forbidden, NotFound, Unavailable

PENDING_SECONDS = 600.0
CODE_SECONDS = 60.0
_LONGEST_TEXT = 2000


@dataclass(frozen=True, slots=True)
class Asked:
    """What a program asks for when it sends a browser."""

    redirect_uri: str
    state: str
    code_challenge: str
    provider: str | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """Where a browser is sent, and what it is to bring back."""

    location: str
    state: str


@dataclass(frozen=True, slots=True)
class CameBack:
    """A browser that came back from a provider."""

    location: str | None
    """Where it is sent on; None where a device waits for it."""


class BrowserSignIn:
    """The use cases. All wait for the network; thread-safe."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        party_of: Callable[[Row[Any]], RelyingParty],
    ) -> None:
        """`party_of` says how the platform is known at a provider."""
        self._database = database
        self._clock = clock
        self._party_of = party_of

    def providers(self) -> list[str]:
        """The aliases of those there are."""
        query = select(identity_provider.c.alias).order_by(identity_provider.c.alias)
        with self._database.read() as connection:
            return list(connection.execute(query).scalars())

    def send(self, asked: Asked, own_address: str) -> Sent:
        """Send a program's user to a provider. `own_address` is where the platform is reached.

        Raises BadRequest, NotFound, or Unavailable where the provider does not answer.
        """
        _require_redirect(asked.redirect_uri, own_address)
        if not 43 <= len(asked.code_challenge) <= 128:
            raise BadRequest("code_challenge: is required, made by the method S256 (RFC 7636)")
        return self._send(
            asked.provider,
            own_address,
            redirect_uri=asked.redirect_uri,
            client_state=asked.state,
            code_challenge=asked.code_challenge,
        )

    def send_for_device(self, user_code: str, provider: str | None, own_address: str) -> Sent:
        """Send the user of a device to a provider. Raises as `send`."""
        return self._send(provider, own_address, user_code=user_code)

    def came_back(
        self, alias: str, state: str, code: str | None, own_address: str, cookie: str | None
    ) -> CameBack:
        """What follows for a browser that a provider sent back; `code` is None where it refused.

        Raises BadRequest where it was not sent by us, Forbidden where the user is not let in,
        Unavailable where the provider does not answer.
        """
        pending = self._database.write(lambda connection: self._take(connection, alias, state))
        if pending is None:
            raise BadRequest("state: this sign-in has ended or never began. Begin again.")
        if pending.user_code is not None and not hmac.compare_digest(cookie or "", state):
            raise BadRequest("This sign-in was begun in another browser. Begin again in this one.")
        if code is None:
            return self._refused(pending)
        person, provider = self._person(alias, pending, code, own_address)
        return self._database.write(
            lambda connection: self._let_in(connection, pending, person, provider)
        )

    def by_code(
        self, connection: Connection, code: str, redirect_uri: str, verifier: str
    ) -> Account | None:
        """Whose code this is; it counts once. None where it does not."""
        row = connection.execute(
            delete(authorization_code)
            .where(authorization_code.c.code_hash == hash_secret(code))
            .returning(authorization_code)
        ).one_or_none()
        if row is None or row.expires_at <= self._clock.now():
            return None
        if row.redirect_uri != redirect_uri or not _answers(verifier, row.code_challenge):
            return None
        return _enabled_user(connection, row.user_id)

    def by_external_token(self, id_token: str) -> tuple[ProvidedPerson, Row[Any]]:
        """Whom a provider's ID token vouches for. Raises NotWelcome, or ProviderFailed."""
        with self._database.read() as connection:
            providers = connection.execute(select(identity_provider)).all()
        failure: Exception = ProviderFailed("there is no identity provider")
        for provider in providers:
            try:
                claims = verify_id_token(self._party_of(provider), id_token)
            except ProviderFailed as error:
                failure = error
                continue
            return person_of(claims, provider.mappers, provider.mandatory_claim), provider
        raise failure

    def _send(self, alias: str | None, own_address: str, **kept: str) -> Sent:
        provider = self._provider(alias)
        state, nonce, verifier = new_secret(), new_secret(), new_secret() + new_secret()
        try:
            location = authorization_url(
                self._party_of(provider),
                redirect_uri=callback_uri(own_address, provider.alias),
                state=state,
                nonce=nonce,
                code_verifier=verifier,
            )
        except ProviderFailed as error:
            raise Unavailable(f"The identity provider cannot be reached: {error}.") from None
        values = {
            "state": state,
            "provider": provider.alias,
            "nonce": nonce,
            "code_verifier": verifier,
            "expires_at": self._clock.now() + PENDING_SECONDS,
            **kept,
        }
        self._database.write(
            lambda connection: connection.execute(insert(pending_sign_in).values(**values))
        )
        return Sent(location, state)

    def _provider(self, alias: str | None) -> Row[Any]:
        query = select(identity_provider)
        if alias is not None:
            query = query.where(identity_provider.c.alias == alias)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(identity_provider.c.alias)).all()
        if not rows:
            raise NotFound("There is no such identity provider.")
        if len(rows) > 1:
            names = ", ".join(row.alias for row in rows)
            raise BadRequest(f"provider: must be one of {names}")
        return rows[0]

    def _take(self, connection: Connection, alias: str, state: str) -> Row[Any] | None:
        row = connection.execute(
            delete(pending_sign_in)
            .where(pending_sign_in.c.state == state, pending_sign_in.c.provider == alias)
            .returning(pending_sign_in)
        ).one_or_none()
        return None if row is None or row.expires_at <= self._clock.now() else row

    def _refused(self, pending: Row[Any]) -> CameBack:
        if pending.user_code is not None:
            raise Forbidden("The identity provider did not sign you in.")
        return CameBack(_with(pending, error="access_denied"))

    def _person(
        self, alias: str, pending: Row[Any], code: str, own_address: str
    ) -> tuple[ProvidedPerson, Row[Any]]:
        provider = self._provider(alias)
        party = self._party_of(provider)
        try:
            claims, access_token = exchange_code(
                party,
                code=code,
                redirect_uri=callback_uri(own_address, alias),
                nonce=pending.nonce,
                code_verifier=pending.code_verifier,
            )
            if not has_needed_claims(claims, provider.mappers):
                claims = {**user_info(party, access_token), **claims}
        except ProviderFailed as error:
            raise Unavailable(f"The identity provider did not sign you in: {error}.") from None
        try:
            return person_of(claims, provider.mappers, provider.mandatory_claim), provider
        except NotWelcome as error:
            raise not_let_in(error) from None

    def _let_in(
        self,
        connection: Connection,
        pending: Row[Any],
        person: ProvidedPerson,
        provider: Row[Any],
    ) -> CameBack:
        made_by(person.email, "user", provider.tenant_id)
        if pending.user_code is None:
            will_answer(302)
        try:
            account = account_of_person(connection, person, provider, self._clock)
        except NotWelcome as error:
            raise not_let_in(error) from None
        if pending.user_code is not None:
            approve_device(connection, pending.user_code, account.caller.id, self._clock.now())
            return CameBack(None)
        code = new_secret()
        connection.execute(
            insert(authorization_code).values(
                code_hash=hash_secret(code),
                user_id=account.caller.id,
                redirect_uri=pending.redirect_uri,
                code_challenge=pending.code_challenge,
                expires_at=self._clock.now() + CODE_SECONDS,
            )
        )
        return CameBack(_with(pending, code=code))


def approve_device(connection: Connection, user_code: str, user_id: str, now: float) -> None:
    """Let the device that shows this code sign in as the user. Raises NotFound."""
    approved = (
        update(device_authorization)
        .where(
            device_authorization.c.user_code == user_code,
            device_authorization.c.expires_at > now,
            device_authorization.c.user_id.is_(None),
        )
        .values(user_id=user_id)
    )
    if not connection.execute(approved).rowcount:
        raise NotFound("No device shows this code, or it has ended. Begin again at the device.")


def callback_uri(own_address: str, alias: str) -> str:
    """Where a provider sends users back to."""
    return f"{own_address.rstrip('/')}/sign-in/{alias}/callback"


def _enabled_user(connection: Connection, user_id: str) -> Account | None:
    found = select(user).where(user.c.id == user_id, user.c.enabled)
    row = connection.execute(found).one_or_none()
    return None if row is None else account_of_user(row)


def _with(pending: Row[Any], **answer: str) -> str:
    fields = {**answer, "state": pending.client_state or ""}
    separator = "&" if "?" in pending.redirect_uri else "?"
    return f"{pending.redirect_uri}{separator}{urlencode(fields)}"


def _answers(verifier: str, challenge: str) -> bool:
    digest = hashlib.sha256(verifier.encode()).digest()
    made = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    return hmac.compare_digest(made, challenge)


def _require_redirect(uri: str, own_address: str) -> None:
    """Codes go to programs of the user's own machine, and to the platform's own pages."""
    try:
        parts, own = urlsplit(uri), urlsplit(own_address)
        is_own = (parts.scheme, parts.netloc) == (own.scheme, own.netloc)
        sound = len(uri) <= _LONGEST_TEXT and not parts.fragment and "\0" not in uri
        if sound and (is_own or (parts.scheme == "http" and _is_loopback(parts.hostname or ""))):
            return
    except ValueError:
        pass
    raise BadRequest(
        "redirect_uri: must be an address of the user's own machine, such as "
        "http://127.0.0.1:8400/, or one of this platform"
    )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def not_let_in(error: NotWelcome) -> Forbidden:
    """What somebody is told."""
    return Forbidden(f"The identity provider knows you, but you are not let in: {error}.")
