"""Ends tokens before their time.

Whatever can sign in (an account, an access key, an application) has a *generation*, a name that its
tokens carry. Revoking all of them is one row with that name, and a new generation for those to
come. One sign-in is ended by a row with its session's id. A row is kept for as long as a token
lives, so that there are few.
"""

from collections.abc import Iterable

from sqlalchemy import Connection, Table, bindparam, delete, exists, insert, select, update

from windlass.identity.signing_keys import GRACE_SECONDS, LIFETIME_SECONDS
from windlass.identity.tables import (
    access_key,
    access_version,
    authorization_code,
    device_authorization,
    pending_sign_in,
    revoked_token,
    session,
    user,
)
from windlass.identity.tokens import Presented
from windlass.identity.trust import trust_changed
from windlass.kit.clock import Clock
from windlass.kit.database import Database
from windlass.kit.errors import Unauthorized
from windlass.kit.ids import new_id

_FIND = select(
    select(access_version.c.version).scalar_subquery(),
    exists().where(revoked_token.c.id.in_([bindparam("session_id"), bindparam("generation")])),
)
"""One statement, since every request makes it."""


class Revocations:
    """What a request's token is held against. Thread-safe."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def require_valid(self, presented: Presented) -> int:
        """The version of the access rules, which is to be known before they are asked.

        Raises Unauthorized.
        """
        signed_in = presented.signed_in
        values = {"session_id": signed_in.session_id, "generation": signed_in.generation}
        with self._database.read() as connection:
            version, is_revoked = connection.execute(_FIND, values).one()
        if is_revoked:
            raise Unauthorized("The token has been revoked. Sign in again.")
        return int(version)


def revoke_generation(connection: Connection, table: Table, row_id: str, clock: Clock) -> None:
    """End every token that an account, application or access key was given."""
    row = table.c.id == row_id
    former = connection.execute(select(table.c.generation).where(row)).scalar_one()
    connection.execute(update(table).where(row).values(generation=new_id()))
    revoke(connection, [former], clock)


def revoke_user(connection: Connection, user_id: str, clock: Clock) -> None:
    """End every token of a user and of their access keys, and every session."""
    revoke_generation(connection, user, user_id, clock)
    end_sessions(connection, user_id)
    keys = select(access_key.c.id).where(access_key.c.user_id == user_id)
    for key_id in connection.execute(keys).scalars().all():
        revoke_generation(connection, access_key, key_id, clock)


def end_sessions(connection: Connection, user_id: str) -> None:
    """Let no session of a user be refreshed again."""
    connection.execute(delete(session).where(session.c.user_id == user_id))


def revoke_session(connection: Connection, session_id: str, clock: Clock) -> None:
    """End the tokens of one sign-in."""
    connection.execute(delete(session).where(session.c.id == session_id))
    revoke(connection, [session_id], clock)


def revoke(connection: Connection, ids: Iterable[str], clock: Clock) -> None:
    """End tokens by what they carry."""
    ends = clock.now() + LIFETIME_SECONDS + GRACE_SECONDS
    wanted = set(ids)
    known = select(revoked_token.c.id).where(revoked_token.c.id.in_(wanted))
    new = wanted - set(connection.execute(known).scalars())
    rows = [{"id": each, "expires_at": ends} for each in sorted(new)]
    if rows:
        connection.execute(insert(revoked_token), rows)
    trust_changed(connection)


def revoked_ids(connection: Connection) -> list[str]:
    """What no valid token carries, in order."""
    return list(
        connection.execute(select(revoked_token.c.id).order_by(revoked_token.c.id)).scalars()
    )


def remove_ended(database: Database, now: float) -> None:
    """Forget revocations of tokens that have ended, and whatever else of signing in has."""

    def work(connection: Connection) -> None:
        for table in (session, pending_sign_in, authorization_code, device_authorization):
            connection.execute(delete(table).where(table.c.expires_at <= now))
        ended = delete(revoked_token).where(revoked_token.c.expires_at <= now)
        if connection.execute(ended).rowcount:
            trust_changed(connection)

    database.write(work)
