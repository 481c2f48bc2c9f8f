"""The chain of migrations: one line, and at its end the schema that the code expects."""

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from windlass.app.schema import NewerStore, bring_up_to_date, metadata
from windlass.kit.database import Database


def test_there_is_one_head() -> None:
    assert len(ScriptDirectory("src/windlass/migrations").get_heads()) == 1


def test_the_chain_ends_at_the_schema_of_the_code(database_url: str) -> None:
    database = Database(database_url)
    bring_up_to_date(database)
    with database.read() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), metadata)
    database.close()
    assert differences == []


def test_a_store_of_a_newer_version_is_left_alone(database_url: str) -> None:
    database = Database(database_url)
    bring_up_to_date(database)
    newer = text("UPDATE alembic_version SET version_num = '9999_future'")
    database.write(lambda connection: connection.execute(newer))
    with pytest.raises(NewerStore, match="9999_future"):
        bring_up_to_date(database)
    database.close()
