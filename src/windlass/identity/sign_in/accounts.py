"""Who may sign in, by the name of what they sign in with."""

from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, Table, select, update

from windlass.identity.tables import access_key, application, user
from windlass.identity.tokens import Caller


@dataclass(frozen=True, slots=True)
class Account:
    """One account, access key or application."""

    caller: Caller
    generation: str
    kept_hash: str | None
    """Of the password or secret; None where there is none."""
    table: Table
    row_id: str
    is_local: bool = True
    must_change_password: bool = False


class Named(NamedTuple):
    """Who has a name."""

    account: Account | None
    """None where nobody of that name may sign in."""
    is_known: bool
    """Whether anybody has that name, disabled or not."""


def user_named(connection: Connection, username: str) -> Named:
    """The user of that name."""
    found = select(user).where(user.c.username == username.lower())
    row = connection.execute(found).one_or_none()
    if row is None:
        return Named(None, is_known=False)
    return Named(account_of_user(row) if row.enabled else None, is_known=True)


def client_named(connection: Connection, client_id: str) -> Named:
    """The access key or application of that client id."""
    return (
        _access_key(connection, client_id)
        or _application(connection, client_id)
        or Named(None, is_known=False)
    )


def note_sign_in(connection: Connection, account: Account, now: float) -> None:
    """Keep when it was last used."""
    changed = update(account.table).where(account.table.c.id == account.row_id)
    connection.execute(changed.values(last_login_at=now))


def account_of_user(row: Row[Any]) -> Account:
    """A row of users as an account."""
    return Account(
        caller=_caller_of_user(row),
        generation=row.generation,
        kept_hash=row.password_hash,
        table=user,
        row_id=row.id,
        is_local=row.identity_provider is None,
        must_change_password=row.must_change_password,
    )


def _access_key(connection: Connection, client_id: str) -> Named | None:
    found = (
        select(
            user,
            access_key.c.id.label("key_id"),
            access_key.c.secret_hash,
            access_key.c.generation.label("key_generation"),
        )
        .join(user, user.c.id == access_key.c.user_id)
        .where(access_key.c.client_id == client_id)
    )
    row = connection.execute(found).one_or_none()
    if row is None:
        return None
    caller = _caller_of_user(row)
    account = Account(caller, row.key_generation, row.secret_hash, access_key, row.key_id)
    return Named(account if row.enabled else None, is_known=True)


def _application(connection: Connection, client_id: str) -> Named | None:
    found = select(application).where(application.c.client_id == client_id)
    row = connection.execute(found).one_or_none()
    if row is None:
        return None
    caller = Caller(row.id, row.client_id, "app", row.tenant_id)
    account = Account(caller, row.generation, row.secret_hash, application, row.id)
    return Named(account if row.enabled else None, is_known=True)


def _caller_of_user(row: Row[Any]) -> Caller:
    return Caller(
        id=row.id,
        name=row.username,
        type="user",
        tenant_id=row.tenant_id,
        groups=tuple(row.groups),
        uid=row.uid,
        gid=row.gid,
        supplementary_gids=tuple(row.supplementary_gids),
    )
