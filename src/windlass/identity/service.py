"""Use cases of identity: the first administrator, and signing in."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Column, Connection, Table, insert, select

from windlass.audit.origin import made_by
from windlass.audit.trail import Action, Entity, record
from windlass.identity.access_rules import APP, USER, Scope, add_administrator
from windlass.identity.passwords import (
    hash_password,
    hash_secret,
    is_password,
    is_secret,
    new_secret,
)
from windlass.identity.tables import application, user
from windlass.identity.tokens import Caller, TokenAuthority
from windlass.kit.clock import Clock
from windlass.kit.database import Database
from windlass.kit.errors import BadRequest, Unauthorized
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
    """Write the first administrator, as a user and as an application, with all rights."""
    now = clock.now()
    common = {"tenant_id": int(tenant.id), "created_at": now}
    connection.execute(
        insert(user).values(
            id=new_id(),
            username=credentials.username,
            password_hash=hash_password(credentials.password),
            **common,
        )
    )
    connection.execute(
        insert(application).values(
            id=new_id(),
            client_id=credentials.client_id,
            secret_hash=hash_secret(credentials.client_secret),
            **common,
        )
    )
    add_administrator(connection, USER, credentials.username, tenant, now)
    add_administrator(connection, APP, credentials.client_id, tenant, now)


class SignIn:
    """Gives tokens for credentials."""

    def __init__(self, database: Database, authority: TokenAuthority) -> None:
        self._database = database
        self._authority = authority

    def grant(self, body: Mapping[str, object]) -> str:
        """A token for what a token request presents; keys count in any case.

        Raises BadRequest for a request that is wrong in form, Unauthorized for wrong credentials.
        """
        fields = {key.lower(): value for key, value in body.items()}
        grant_type = fields.get("granttype")
        if grant_type == "password":
            caller = self._by_password(_text(fields, "username"), _text(fields, "password"))
        elif grant_type == "client_credentials":
            caller = self._by_secret(_text(fields, "clientid"), _text(fields, "clientsecret"))
        elif grant_type == "app_token":
            caller = self._by_secret(_text(fields, "appid"), _text(fields, "appsecret"))
        else:
            raise BadRequest(
                f"grantType: is {grant_type!r}; it must be one of "
                "app_token, client_credentials, password"
            )
        made_by(caller.name, caller.type, caller.tenant_id)
        signed_in = Entity("token", caller.id, caller.name)
        self._database.write(lambda c: record(c, Action.SIGN_IN, signed_in))
        return self._authority.issue(caller)

    def _by_password(self, username: str, password: str) -> Caller:
        made_by(username, "user")
        found = self._find(user, user.c.username, user.c.password_hash, username)
        if not is_password(password, found.kept):
            raise _wrong_credentials()
        return Caller(found.id, username, "user", found.tenant_id)

    def _by_secret(self, client_id: str, secret: str) -> Caller:
        made_by(client_id, "app")
        found = self._find(
            application, application.c.client_id, application.c.secret_hash, client_id
        )
        if not is_secret(secret, found.kept):
            raise _wrong_credentials()
        return Caller(found.id, client_id, "app", found.tenant_id)

    def _find(self, table: Table, name: Column[str], kept: Column[str], value: str) -> "_Found":
        query = select(table.c.id, table.c.tenant_id, kept).where(name == value)
        with self._database.read() as connection:
            row = connection.execute(query).one_or_none()
        return _Found("", 0, None) if row is None else _Found(*row)


@dataclass(frozen=True, slots=True)
class _Found:
    id: str
    tenant_id: int
    kept: str | None


def _wrong_credentials() -> Unauthorized:
    return Unauthorized("The credentials are wrong.")


_SHOWN = {
    "username": "username",
    "password": "password",
    "clientid": "clientId",
    "clientsecret": "clientSecret",
    "appid": "appId",
    "appsecret": "appSecret",
}


def _text(fields: Mapping[str, object], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not value or "\0" in value:
        raise BadRequest(f"{_SHOWN[name]}: this grantType needs it, as a text that is not empty")
    return value
