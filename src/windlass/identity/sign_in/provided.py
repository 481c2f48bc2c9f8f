"""Users whom a provider vouches for: made at their first sign-in, brought up to date at each."""

from typing import Any

from sqlalchemy import Connection, Row, insert, or_, select, update

from windlass.audit.trail import Action, Entity, record
from windlass.identity.providers.claims import NotWelcome, ProvidedPerson
from windlass.identity.revocation import end_sessions, revoke_generation
from windlass.identity.sign_in.accounts import Account, account_of_user
from windlass.identity.tables import user
from windlass.kit.clock import Clock
from windlass.kit.ids import new_id


def account_of_person(
    connection: Connection, person: ProvidedPerson, provider: Row[Any], clock: Clock
) -> Account:
    """The account of whom the provider vouches for. Raises NotWelcome.

    Where their groups or numbers have changed, tokens that still tell the former ones end.
    """
    row = _known(connection, person, provider)
    if row is None:
        _create(connection, person, provider, clock)
    else:
        _bring_up_to_date(connection, row, person, clock)
    found = select(user).where(
        user.c.identity_provider == provider.alias, user.c.external_id == person.external_id
    )
    return account_of_user(connection.execute(found).one())


def _known(connection: Connection, person: ProvidedPerson, provider: Row[Any]) -> Row[Any] | None:
    same = (user.c.identity_provider == provider.alias) & (user.c.external_id == person.external_id)
    rows = connection.execute(select(user).where(or_(same, user.c.username == person.email))).all()
    known = next(
        (
            row
            for row in rows
            if (row.identity_provider, row.external_id) == (provider.alias, person.external_id)
        ),
        None,
    )
    # An address alone proves nothing: else whoever gets it at a provider would get the account.
    if any(row is not known for row in rows):
        raise NotWelcome(f"there is another account of the name {person.email!r}")
    if known is not None and not known.enabled:
        raise NotWelcome("the account is disabled")
    return known


def _create(
    connection: Connection, person: ProvidedPerson, provider: Row[Any], clock: Clock
) -> None:
    now, user_id = clock.now(), new_id()
    record(connection, Action.CREATE, Entity("users", user_id, person.email))
    connection.execute(
        insert(user).values(
            id=user_id,
            tenant_id=provider.tenant_id,
            must_change_password=False,
            enabled=True,
            generation=new_id(),
            identity_provider=provider.alias,
            external_id=person.external_id,
            created_by=provider.alias,
            created_at=now,
            updated_at=now,
            **_told(person),
        )
    )


def _bring_up_to_date(
    connection: Connection, row: Row[Any], person: ProvidedPerson, clock: Clock
) -> None:
    told = _told(person)
    changed = {name for name, value in told.items() if getattr(row, name) != value}
    if not changed:
        return
    end_sessions(connection, row.id)
    revoke_generation(connection, user, row.id, clock)
    values = {**told, "updated_at": clock.now()}
    connection.execute(update(user).where(user.c.id == row.id).values(**values))


def _told(person: ProvidedPerson) -> dict[str, Any]:
    return {
        "username": person.email,
        "groups": list(person.groups),
        "uid": person.uid,
        "gid": person.gid,
        "supplementary_gids": list(person.supplementary_gids),
    }
