"""The first administrator, as a user and as an application."""

from dataclasses import dataclass

from sqlalchemy import Connection, insert

from windlass.identity.access_rules import APP, USER, Scope, add_administrator
from windlass.identity.passwords import hash_password, hash_secret, new_secret
from windlass.identity.tables import application, user
from windlass.kit.clock import Clock
from windlass.kit.ids import new_id

ADMINISTRATOR = "admin@windlass.local"
ADMINISTRATOR_CLIENT = "administrator"


@dataclass(frozen=True, slots=True)
class FirstCredentials:
    """What the first administrator signs in with; shown once."""

    username: str
    password: str
    client_id: str
    client_secret: str


def new_credentials() -> FirstCredentials:
    """Fresh secrets for the first administrator."""
    return FirstCredentials(ADMINISTRATOR, new_secret(), ADMINISTRATOR_CLIENT, new_secret())


def create_administrator(
    connection: Connection, credentials: FirstCredentials, tenant: Scope, clock: Clock
) -> None:
    """Write the first administrator, with all rights, and a password that is not temporary."""
    now = clock.now()
    common = {
        "tenant_id": int(tenant.id),
        "enabled": True,
        "created_by": credentials.username,
        "created_at": now,
        "updated_at": now,
    }
    connection.execute(
        insert(user).values(
            id=new_id(),
            username=credentials.username,
            password_hash=hash_password(credentials.password),
            must_change_password=False,
            generation=new_id(),
            groups=[],
            supplementary_gids=[],
            **common,
        )
    )
    connection.execute(
        insert(application).values(
            id=new_id(),
            client_id=credentials.client_id,
            secret_hash=hash_secret(credentials.client_secret),
            generation=new_id(),
            **common,
        )
    )
    add_administrator(connection, USER, credentials.username, tenant, now)
    add_administrator(connection, APP, credentials.client_id, tenant, now)
