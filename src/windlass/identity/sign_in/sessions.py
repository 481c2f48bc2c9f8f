"""Sign-ins that outlast a token: each has a secret that gets the next one, and changes with it.

A refresh token is `<session id>.<secret>`. One that was used before ends its session: either its
owner or a thief has it, and nobody can tell which.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, insert, select, update

from windlass.identity.passwords import hash_secret, is_secret, new_secret
from windlass.identity.revocation import revoke_session
from windlass.identity.sign_in.accounts import Account, account_of_user
from windlass.identity.tables import session, user
from windlass.identity.tokens import Caller, SignedIn
from windlass.kit.clock import Clock
from windlass.kit.ids import new_id

LOCAL_SECONDS = 30 * 24 * 3600.0
"""How long somebody with a password of ours stays signed in."""
PROVIDER_SECONDS = 12 * 3600.0
"""The same with an identity provider, which may have said farewell to them meanwhile."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A session, and what it is refreshed with."""

    signed_in: SignedIn
    refresh_token: str


def begin(connection: Connection, account: Account, clock: Clock) -> Begun:
    """Begin a user's session."""
    secret, session_id = new_secret(), new_id()
    seconds = LOCAL_SECONDS if account.is_local else PROVIDER_SECONDS
    values = {
        "id": session_id,
        "user_id": account.caller.id,
        "generation": account.generation,
        "refresh_hash": hash_secret(secret),
        "expires_at": clock.now() + seconds,
    }
    connection.execute(insert(session).values(**values))
    return Begun(SignedIn(session_id, account.generation), f"{session_id}.{secret}")


def refresh(
    connection: Connection, refresh_token: str, clock: Clock
) -> tuple[Account, Begun] | None:
    """Whose session it is, and how it goes on; None where it does not, and has ended."""
    session_id, _, secret = refresh_token.partition(".")
    row = connection.execute(select(session).where(session.c.id == session_id)).one_or_none()
    if row is None or row.expires_at <= clock.now():
        return None
    if not is_secret(secret, row.refresh_hash):
        revoke_session(connection, row.id, clock)
        return None
    owner = connection.execute(select(user).where(user.c.id == row.user_id)).one()
    if not owner.enabled or owner.must_change_password or owner.generation != row.generation:
        return None
    following = new_secret()
    changed = update(session).where(session.c.id == row.id)
    connection.execute(changed.values(refresh_hash=hash_secret(following)))
    signed_in = SignedIn(row.id, row.generation)
    return account_of_user(owner), Begun(signed_in, f"{row.id}.{following}")


def session_of(connection: Connection, refresh_token: str) -> tuple[str, Caller] | None:
    """The id of the session that this refreshes, and whose it is."""
    session_id, _, secret = refresh_token.partition(".")
    row = connection.execute(select(session).where(session.c.id == session_id)).one_or_none()
    if row is None or not is_secret(secret, row.refresh_hash):
        return None
    owner = connection.execute(select(user).where(user.c.id == row.user_id)).one()
    return row.id, account_of_user(owner).caller
