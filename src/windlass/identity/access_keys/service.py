"""Use cases of access keys."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from windlass.audit.origin import concerns
from windlass.audit.trail import Action, Entity, record
from windlass.identity.names import NamedCreationRequest
from windlass.identity.passwords import hash_secret, new_secret
from windlass.identity.revocation import revoke_generation
from windlass.identity.tables import access_key, user
from windlass.identity.tokens import Caller
from windlass.kit.clock import Clock
from windlass.kit.database import Database
from windlass.kit.errors import Conflict, Forbidden, NotFound, Unauthorized
from windlass.kit.ids import new_id

_WITH_OWNER = select(access_key, user.c.username).join(user, user.c.id == access_key.c.user_id)


@dataclass(frozen=True, slots=True)
class CreatedAccessKey:
    """A new access key, with its secret, which is told this once."""

    id: str
    name: str
    client_id: str
    secret: str
    created_at: float


class AccessKeys:
    """Every method acts for its `caller`; a user has keys, an application has none. Thread-safe."""

    def __init__(
        self, database: Database, clock: Clock, wake: Callable[[], None] = lambda: None
    ) -> None:
        """`wake` is called after tokens were revoked."""
        self._database = database
        self._clock = clock
        self._wake = wake

    def list_own(self, caller: Caller) -> list[Row[Any]]:
        """The caller's own keys, by name. Raises Forbidden."""
        _require_user(caller)
        return self._listed(access_key.c.user_id == caller.id)

    def list_of_all(
        self, client_id: str | None, created_by: str | None, caller: Caller
    ) -> list[Row[Any]]:
        """Every user's keys, or those of that client id or user."""
        conditions = [user.c.tenant_id == caller.tenant_id]
        if client_id is not None:
            conditions.append(access_key.c.client_id == client_id)
        if created_by is not None:
            conditions.append(user.c.username == created_by)
        return self._listed(*conditions)

    def show(self, key_id: str, caller: Caller) -> Row[Any]:
        """One of the caller's keys. Raises NotFound or Forbidden."""
        _require_user(caller)
        with self._database.read() as connection:
            return _find(connection, key_id, access_key.c.user_id == caller.id)

    def create(self, request: NamedCreationRequest, caller: Caller) -> CreatedAccessKey:
        """A new key of the caller's. Raises Conflict where they have one of that name."""
        concerns(request.name)
        _require_user(caller)
        created = CreatedAccessKey(
            new_id(), request.name, new_id(), new_secret(), self._clock.now()
        )
        values = {
            "id": created.id,
            "user_id": caller.id,
            "name": created.name,
            "client_id": created.client_id,
            "secret_hash": hash_secret(created.secret),
            "generation": new_id(),
            "created_at": created.created_at,
        }

        def work(connection: Connection) -> None:
            owner = select(user.c.id).where(user.c.id == caller.id)
            if connection.execute(owner).first() is None:
                raise Unauthorized("This user was deleted.")
            connection.execute(insert(access_key).values(**values))
            _record(connection, Action.CREATE, created.id, created.name)

        try:
            self._database.write(work)
        except IntegrityError:
            raise Conflict(f"name: you have an access key {request.name!r} already") from None
        return created

    def delete(self, key_id: str, caller: Caller) -> None:
        """Remove one of the caller's keys; its tokens end. Raises NotFound or Forbidden."""
        _require_user(caller)
        self._delete(key_id, access_key.c.user_id == caller.id)

    def delete_of_anyone(self, key_id: str, caller: Caller) -> None:
        """Remove anyone's key; its tokens end. Raises NotFound."""
        self._delete(key_id, user.c.tenant_id == caller.tenant_id)

    def regenerate_secret(self, key_id: str, caller: Caller) -> str:
        """A new secret in the place of the old one, whose tokens end.

        Raises NotFound or Forbidden.
        """
        _require_user(caller)
        secret = new_secret()

        def work(connection: Connection) -> None:
            row = _find(connection, key_id, access_key.c.user_id == caller.id)
            revoke_generation(connection, access_key, row.id, self._clock)
            changed = update(access_key).where(access_key.c.id == row.id)
            connection.execute(changed.values(secret_hash=hash_secret(secret)))
            _record(connection, Action.UPDATE, row.id, row.name)

        self._database.write(work)
        self._wake()
        return secret

    def _listed(self, *conditions: ColumnElement[bool]) -> list[Row[Any]]:
        listed = _WITH_OWNER.where(*conditions).order_by(access_key.c.name, access_key.c.id)
        with self._database.read() as connection:
            return list(connection.execute(listed))

    def _delete(self, key_id: str, condition: ColumnElement[bool]) -> None:
        def work(connection: Connection) -> None:
            row = _find(connection, key_id, condition)
            revoke_generation(connection, access_key, row.id, self._clock)
            connection.execute(delete(access_key).where(access_key.c.id == row.id))
            _record(connection, Action.DELETE, row.id, row.name)

        self._database.write(work)
        self._wake()


def _find(connection: Connection, key_id: str, condition: ColumnElement[bool]) -> Row[Any]:
    row = connection.execute(_WITH_OWNER.where(access_key.c.id == key_id, condition)).one_or_none()
    if row is None:
        raise NotFound(f"There is no access key {key_id!r}.")
    concerns(row.name, row.id)
    return row


def _record(connection: Connection, action: Action, key_id: str, name: str) -> None:
    record(connection, action, Entity("access-keys", key_id, name))


def _require_user(caller: Caller) -> None:
    if caller.type != "user":
        raise Forbidden("Access keys belong to users; a service account has a secret of its own.")
