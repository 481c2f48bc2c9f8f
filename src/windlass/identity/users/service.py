"""Use cases of users."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, Row, case, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from windlass.audit.origin import concerns
from windlass.audit.trail import Action, Entity, record
from windlass.identity.access_rules import USER, end_rules_of_subject
from windlass.identity.passwords import PasswordWork, new_secret, require_good_password
from windlass.identity.revocation import end_sessions, revoke_generation, revoke_user
from windlass.identity.tables import user
from windlass.identity.tokens import Caller
from windlass.identity.users.schemas import (
    PasswordChangeRequest,
    UserChangeRequest,
    UserCreationRequest,
)
from windlass.kit.clock import Clock
from windlass.kit.database import Database
from windlass.kit.errors import BadRequest, Conflict, Forbidden, NotFound
from windlass.kit.ids import new_id
from windlass.kit.paging import Field, ListQuery, apply_order, conditions_of, contains

_IS_LOCAL = case((user.c.identity_provider.is_(None), 1), else_=0)
_FILTERED = {
    "username": Field(user.c.username),
    "createdBy": Field(user.c.created_by),
    "lastLogin": Field(user.c.last_login_at, float),
    "creationTime": Field(user.c.created_at, float),
    "lastUpdated": Field(user.c.updated_at, float),
    "isLocal": Field(_IS_LOCAL, bool),
}
_SORTED = {
    **{name: field for name, field in _FILTERED.items() if name != "isLocal"},
    "type": Field(_IS_LOCAL),
}


class Users:
    """Every method that takes a `caller` acts for them. Thread-safe."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        passwords: PasswordWork,
        wake: Callable[[], None] = lambda: None,
    ) -> None:
        """`wake` is called after tokens were revoked."""
        self._database = database
        self._clock = clock
        self._passwords = passwords
        self._wake = wake

    def list_all(self, query: ListQuery, caller: Caller) -> list[Row[Any]]:
        """The users of the caller's tenant. Raises BadRequest."""
        listed = select(user).where(*_conditions(query, caller))
        listed = apply_order(
            listed, _SORTED, query.sort_by, query.sort_order, user.c.username, user.c.id
        )
        with self._database.read() as connection:
            return list(
                connection.execute(listed.offset(query.page.offset).limit(query.page.limit))
            )

    def count(self, query: ListQuery, caller: Caller) -> int:
        """How many there are. Raises BadRequest."""
        counted = select(func.count()).select_from(user).where(*_conditions(query, caller))
        with self._database.read() as connection:
            return int(connection.execute(counted).scalar_one())

    def show(self, user_id: str, caller: Caller) -> Row[Any]:
        """One user. Raises NotFound."""
        with self._database.read() as connection:
            return _find(connection, user_id, caller)

    def create(self, request: UserCreationRequest, caller: Caller) -> dict[str, Any]:
        """A new user, and their first password, which is told this once.

        Raises BadRequest, or Conflict where there is one of that name.
        """
        concerns(request.email)
        if request.notify:
            raise BadRequest(
                "notify: no e-mail is sent by this platform; leave it out, and give the user the "
                "password yourself"
            )
        password = new_secret()
        password_hash = self._passwords.hash(password)
        now = self._clock.now()
        values: dict[str, Any] = {
            "id": new_id(),
            "tenant_id": caller.tenant_id,
            "username": request.email.lower(),
            "password_hash": password_hash,
            "must_change_password": request.resetPassword is not False,
            "enabled": True,
            "generation": new_id(),
            "groups": [],
            "supplementary_gids": [],
            "created_by": caller.name,
            "created_at": now,
            "updated_at": now,
        }

        def work(connection: Connection) -> None:
            connection.execute(insert(user).values(**values))
            _record(connection, Action.CREATE, values["id"], values["username"])

        try:
            self._database.write(work)
        except IntegrityError:
            raise Conflict(f"email: there is a user {values['username']!r} already") from None
        return {
            "id": values["id"],
            "username": values["username"],
            "tempPassword": password,
        }

    def change(self, user_id: str, request: UserChangeRequest, caller: Caller) -> None:
        """Let a user sign in, or not any more; then all their tokens end.

        Raises NotFound, or Conflict for the caller's own account.
        """

        def work(connection: Connection) -> None:
            row = _find(connection, user_id, caller)
            if not request.enabled:
                _require_another(row, caller, "disable")
                revoke_user(connection, row.id, self._clock)
            self._set(connection, row.id, enabled=request.enabled)
            _record(connection, Action.UPDATE, row.id, row.username)

        self._database.write(work)
        self._wake()

    def delete(self, user_id: str, caller: Caller) -> None:
        """Remove a user, their access keys, their access rules and their tokens.

        Raises NotFound, or Conflict for the caller's own account and the last administrator's.
        """

        def work(connection: Connection) -> None:
            row = _find(connection, user_id, caller)
            _require_another(row, caller, "delete")
            revoke_user(connection, row.id, self._clock)
            end_rules_of_subject(connection, (USER,), row.username, self._clock.now())
            connection.execute(delete(user).where(user.c.id == row.id))
            _record(connection, Action.DELETE, row.id, row.username)

        self._database.write(work)
        self._wake()

    def sign_out(self, user_id: str, caller: Caller) -> None:
        """End a user's sign-ins everywhere; access keys go on. Raises NotFound."""

        def work(connection: Connection) -> None:
            row = _find(connection, user_id, caller)
            end_sessions(connection, row.id)
            revoke_generation(connection, user, row.id, self._clock)
            _record(connection, Action.SIGN_OUT, row.id, row.username)

        self._database.write(work)
        self._wake()

    def reset_password(self, user_id: str, caller: Caller) -> str:
        """A password for one sign-in, in the place of the user's; their sign-ins end.

        Raises NotFound, or BadRequest where an identity provider vouches for the user.
        """
        password = new_secret()
        password_hash = self._passwords.hash(password)

        def work(connection: Connection) -> None:
            row = _find(connection, user_id, caller)
            _require_local(row)
            self._replace_password(connection, row.id, password_hash, must_change=True)
            _record(connection, Action.RESET_PASSWORD, row.id, row.username)

        self._database.write(work)
        self._wake()
        return password

    def change_own_password(self, request: PasswordChangeRequest, caller: Caller) -> None:
        """The password of the caller's choice; their sign-ins end, this one too.

        Raises BadRequest, or Forbidden where the caller is no user.
        """
        if caller.type != "user":
            raise Forbidden("Only a user has a password.")
        require_good_password("newPassword", request.newPassword, caller.name)
        with self._database.read() as connection:
            row = _find(connection, caller.id, caller)
        _require_local(row)
        if not self._passwords.check(request.currentPassword, row.password_hash):
            raise BadRequest("currentPassword: is not the password of this user")
        if request.newPassword == request.currentPassword:
            raise BadRequest("newPassword: must not be the current one")
        password_hash = self._passwords.hash(request.newPassword)

        def work(connection: Connection) -> None:
            now = _find(connection, caller.id, caller)
            if now.password_hash != row.password_hash:
                raise Conflict("The password was changed meanwhile.")
            self._replace_password(connection, row.id, password_hash, must_change=False)
            _record(connection, Action.RESET_PASSWORD, row.id, row.username)

        self._database.write(work)
        self._wake()

    def _replace_password(
        self, connection: Connection, user_id: str, password_hash: str, *, must_change: bool
    ) -> None:
        end_sessions(connection, user_id)
        revoke_generation(connection, user, user_id, self._clock)
        self._set(
            connection, user_id, password_hash=password_hash, must_change_password=must_change
        )

    def _set(self, connection: Connection, user_id: str, **values: Any) -> None:
        changed = update(user).where(user.c.id == user_id)
        connection.execute(changed.values(updated_at=self._clock.now(), **values))


def _conditions(query: ListQuery, caller: Caller) -> list[Any]:
    conditions = [user.c.tenant_id == caller.tenant_id, *conditions_of(query.filter_by, _FILTERED)]
    if query.search:
        conditions.append(contains(user.c.username, query.search))
    return conditions


def _find(connection: Connection, user_id: str, caller: Caller) -> Row[Any]:
    found = select(user).where(user.c.id == user_id, user.c.tenant_id == caller.tenant_id)
    row = connection.execute(found).one_or_none()
    if row is None:
        raise NotFound(f"There is no user {user_id!r}.")
    concerns(row.username, row.id)
    return row


def _record(connection: Connection, action: Action, user_id: str, username: str) -> None:
    record(connection, action, Entity("users", user_id, username))


def _require_another(row: Row[Any], caller: Caller, verb: str) -> None:
    if row.id == caller.id:
        raise Conflict(f"You cannot {verb} the account that you are signed in with.")


def _require_local(row: Row[Any]) -> None:
    if row.identity_provider is not None:
        raise BadRequest(
            f"{row.username} signs in with the identity provider {row.identity_provider!r}, "
            "which keeps the password."
        )
