"""Use cases of signing in and out."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool

from windlass.audit.origin import made_by
from windlass.audit.trail import Action, Entity, record
from windlass.identity.passwords import PasswordWork, is_secret
from windlass.identity.providers.claims import NotWelcome
from windlass.identity.providers.protocol import ProviderFailed
from windlass.identity.revocation import revoke_session
from windlass.identity.sign_in.accounts import (
    Account,
    Named,
    client_named,
    note_sign_in,
    user_named,
)
from windlass.identity.sign_in.browser import BrowserSignIn, approve_device, not_let_in
from windlass.identity.sign_in.device import Devices, Waiting
from windlass.identity.sign_in.provided import account_of_person
from windlass.identity.sign_in.sessions import Begun, begin, refresh, session_of
from windlass.identity.throttle import Admission, SignInThrottle, whole_seconds
from windlass.identity.tokens import Caller, SignedIn, TokenAuthority
from windlass.kit.clock import Clock
from windlass.kit.database import Database
from windlass.kit.errors import BadRequest, Forbidden, TooManyRequests, Unauthorized
from windlass.kit.ids import new_id

_CLIENTS = "client "
"""Before a client id, where attempts are counted: a user may have the same name."""
UNKNOWN = "unknown"
"""On record instead of a name that nobody has: it may be a password, typed into the wrong field. No
user can have it for a name."""


@dataclass(frozen=True, slots=True)
class Granted:
    """What somebody who signed in gets."""

    access_token: str
    refresh_token: str | None = None
    must_change_password: bool = False


class WrongCredentials(Unauthorized):
    """Nobody has these credentials, or whoever has them may not sign in."""

    def __init__(self) -> None:
        super().__init__("The credentials are wrong.")


class WrongClient(WrongCredentials):
    """The same of a client id and its secret."""


class DeviceWaits(BadRequest):
    """Nobody has signed in for the device so far, or it has waited too long."""

    def __init__(self, waiting: Waiting) -> None:
        super().__init__(_WAITING[waiting])
        self.waiting = waiting


_WAITING = {
    Waiting.PENDING: "Nobody has signed in for this device so far.",
    Waiting.TOO_FAST: "This device asks too often.",
    Waiting.ENDED: "This sign-in has ended. Begin again.",
}


class SignIn:
    """Gives tokens for credentials. For one event loop."""

    def __init__(
        self,
        database: Database,
        authority: TokenAuthority,
        passwords: PasswordWork,
        clock: Clock,
        browser: BrowserSignIn,
        devices: Devices,
        wake: Callable[[], None] = lambda: None,
    ) -> None:
        """`wake` is called after tokens were revoked."""
        self._database = database
        self._authority = authority
        self._passwords = passwords
        self._clock = clock
        self._browser = browser
        self._devices = devices
        self._wake = wake
        self._throttle = SignInThrottle(clock)

    async def by_password(self, username: str, password: str, address: str) -> Granted:
        """Sign in a user. Raises WrongCredentials or TooManyRequests."""
        account = await self._account_by_password(username, password, address)
        return await run_in_threadpool(self._begin_session, account)

    async def _account_by_password(self, username: str, password: str, address: str) -> Account:
        name = username.lower()
        made_by(UNKNOWN, "user")
        admission = self._throttle.admit(name, address)
        _require_admitted(admission)
        self._passwords.require_room(known=admission.known)
        if admission.wait_seconds:
            await asyncio.sleep(admission.wait_seconds)
        account, is_known = await run_in_threadpool(self._read, user_named, name)
        if is_known:
            made_by(name, "user")
        kept = None if account is None else account.kept_hash
        right = await self._passwords.check_for(password, kept, known=admission.known)
        if account is None or not right:
            raise WrongCredentials
        self._throttle.succeeded(name, address)
        return account

    async def by_secret(self, client_id: str, secret: str, address: str) -> Granted:
        """Sign in an application, or a user by an access key.

        A right secret is never refused: it is too long to be found by trying.
        Raises WrongCredentials or TooManyRequests.
        """
        made_by(UNKNOWN, "app")
        account, is_known = await run_in_threadpool(self._read, client_named, client_id)
        if is_known:
            made_by(client_id, "app")
        if is_secret(secret, None if account is None else account.kept_hash) and account:
            return await run_in_threadpool(self._begin_without_session, account)
        _require_admitted(self._throttle.admit(_CLIENTS + client_id, address))
        raise WrongClient

    async def by_authorization_code(self, code: str, redirect_uri: str, verifier: str) -> Granted:
        """Sign in who came back from a provider with this code. Raises WrongCredentials."""

        def find(connection: Connection) -> Account:
            account = self._browser.by_code(connection, code, redirect_uri, verifier)
            if account is None:
                raise WrongCredentials
            return account

        return await run_in_threadpool(self._begin_session_of, find)

    async def by_device_code(self, device_code: str) -> Granted:
        """Sign in a device for which somebody has signed in. Raises DeviceWaits."""

        def find(connection: Connection) -> Account | Waiting:
            return self._devices.account(connection, device_code)

        return await run_in_threadpool(self._begin_session_of, find)

    async def by_external_token(self, id_token: str) -> Granted:
        """Sign in whom a provider's ID token vouches for. Raises WrongCredentials, Forbidden."""
        try:
            person, provider = await run_in_threadpool(self._browser.by_external_token, id_token)
        except ProviderFailed:
            raise WrongCredentials from None
        except NotWelcome as error:
            raise not_let_in(error) from None
        made_by(person.email, "user", provider.tenant_id)

        def find(connection: Connection) -> Account:
            try:
                return account_of_person(connection, person, provider, self._clock)
            except NotWelcome as error:
                raise not_let_in(error) from None

        return await run_in_threadpool(self._begin_session_of, find)

    async def approve_device(
        self, user_code: str, username: str, password: str, address: str
    ) -> None:
        """Let the device that shows this code sign in as the user whose password this is.

        Raises WrongCredentials, TooManyRequests, NotFound, or Forbidden where the password is a
        temporary one.
        """
        account = await self._account_by_password(username, password, address)
        if account.must_change_password:
            raise Forbidden("The password is a temporary one. Choose your own first.")

        def work(connection: Connection) -> None:
            approve_device(connection, user_code, account.caller.id, self._clock.now())
            self._note(connection, account)

        await run_in_threadpool(self._database.write, work)

    async def by_refresh_token(self, refresh_token: str) -> Granted:
        """Go on with a session. Raises WrongCredentials."""
        return await run_in_threadpool(self._refresh, refresh_token)

    def sign_out(self, token: str) -> None:
        """End the sign-in that an access token or a refresh token comes from, if it is one."""
        found = self._session_of(token)
        if found is not None:
            self.end(*found)

    def end(self, session_id: str, caller: Caller) -> None:
        """End a sign-in of the caller's."""
        made_by(caller.name, caller.type, caller.tenant_id)

        def work(connection: Connection) -> None:
            revoke_session(connection, session_id, self._clock)
            record(connection, Action.SIGN_OUT, _token_of(caller))

        self._database.write(work)
        self._wake()

    def _session_of(self, token: str) -> tuple[str, Caller] | None:
        try:
            presented = self._authority.verify(token)
        except Unauthorized:
            with self._database.read() as connection:
                return session_of(connection, token)
        return presented.signed_in.session_id, presented.caller

    def _read(self, find: Callable[[Connection, str], Named], name: str) -> Named:
        with self._database.read() as connection:
            return find(connection, name)

    def _begin_session(self, account: Account) -> Granted:
        if account.must_change_password:
            self._database.write(lambda connection: self._note(connection, account))
            signed_in = SignedIn(new_id(), account.generation, must_change_password=True)
            return self._granted(account, signed_in, None)

        def work(connection: Connection) -> Begun:
            self._note(connection, account)
            return begin(connection, account, self._clock)

        begun = self._database.write(work)
        return self._granted(account, begun.signed_in, begun.refresh_token)

    def _begin_session_of(self, find: Callable[[Connection], Account | Waiting]) -> Granted:
        def work(connection: Connection) -> tuple[Account, Begun] | Waiting:
            account = find(connection)
            if isinstance(account, Waiting):
                return account
            self._note(connection, account)
            return account, begin(connection, account, self._clock)

        found = self._database.write(work)
        if isinstance(found, Waiting):
            raise DeviceWaits(found)
        account, begun = found
        return self._granted(account, begun.signed_in, begun.refresh_token)

    def _begin_without_session(self, account: Account) -> Granted:
        self._database.write(lambda connection: self._note(connection, account))
        return self._granted(account, SignedIn(new_id(), account.generation), None)

    def _refresh(self, refresh_token: str) -> Granted:
        def work(connection: Connection) -> tuple[Account, Begun] | None:
            refreshed = refresh(connection, refresh_token, self._clock)
            if refreshed is not None:
                caller = refreshed[0].caller
                made_by(caller.name, caller.type, caller.tenant_id)
                record(connection, Action.SIGN_IN, _token_of(caller))
            return refreshed

        refreshed = self._database.write(work)
        if refreshed is None:
            self._wake()
            raise WrongCredentials
        account, begun = refreshed
        return self._granted(account, begun.signed_in, begun.refresh_token)

    def _note(self, connection: Connection, account: Account) -> None:
        caller = account.caller
        made_by(caller.name, caller.type, caller.tenant_id)
        note_sign_in(connection, account, self._clock.now())
        record(connection, Action.SIGN_IN, _token_of(caller))

    def _granted(self, account: Account, signed_in: SignedIn, refresh_token: str | None) -> Granted:
        token = self._authority.issue(account.caller, signed_in)
        return Granted(token, refresh_token, signed_in.must_change_password)


def _token_of(caller: Caller) -> Entity:
    return Entity("token", caller.id, caller.name)


def _require_admitted(admission: Admission) -> None:
    if admission.refused_seconds > 0:
        seconds = whole_seconds(admission.refused_seconds)
        raise TooManyRequests(f"Too many wrong sign-ins. Try again in {seconds} seconds.", seconds)
