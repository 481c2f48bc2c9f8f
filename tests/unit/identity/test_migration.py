"""Whoever could do everything before there were rules still may."""

from functools import partial

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, select, text

from windlass.app.schema import bring_up_to_date
from windlass.identity.permissions import Permissions
from windlass.identity.roles import Action, ResourceType
from windlass.identity.tables import access_rule
from windlass.identity.tokens import Caller
from windlass.kit.database import Database

ACCOUNTS = (
    "INSERT INTO tenant (id, name, created_at) VALUES (1001, 'default', 0)",
    "INSERT INTO user_account (id, tenant_id, username, password_hash, created_at)"
    " VALUES ('u', 1001, 'admin@windlass.local', 'x', 0)",
    "INSERT INTO application (id, tenant_id, client_id, secret_hash, created_at)"
    " VALUES ('a', 1001, 'administrator', 'x', 0)",
)


def _execute(statement: str, connection: Connection) -> None:
    connection.execute(text(statement))


def test_accounts_of_the_first_schema_administer_the_tenant(database_url: str) -> None:
    database = Database(database_url)
    config = Config()
    config.set_main_option("script_location", "src/windlass/migrations")

    def first(connection: Connection) -> None:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001_first")

    database.write(first)
    for statement in ACCOUNTS:
        database.write(partial(_execute, statement))
    bring_up_to_date(database)
    permissions = Permissions(database)
    for name, kind in (("admin@windlass.local", "user"), ("administrator", "app")):
        caller = Caller("x", name, kind, 1001)  # type: ignore[arg-type]
        permissions.require(caller, ResourceType.NODE_POOLS, Action.DELETE, "/1001/c/d/p")
    with database.read() as connection:
        rules = connection.execute(select(access_rule)).all()
    assert [rule.scope_name for rule in rules] == ["default", "default"]
    database.close()
