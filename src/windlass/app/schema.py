"""The whole schema of the store, and bringing a store up to it."""

from importlib import resources
from pathlib import Path

from sqlalchemy import Connection, inspect, text

from windlass.assets import tables as asset_tables
from windlass.audit import tables as audit_tables
from windlass.control import tables as control_tables
from windlass.identity import tables as identity_tables
from windlass.kit.database import Database, metadata
from windlass.org import tables as org_tables
from windlass.workloads import tables as workload_tables

__all__ = ["NewerStore", "bring_up_to_date", "metadata"]

_SUBJECTS = (
    control_tables,
    audit_tables,
    identity_tables,
    org_tables,
    asset_tables,
    workload_tables,
)


class NewerStore(Exception):
    """The store was written by a newer version."""


def bring_up_to_date(database: Database) -> None:
    """Apply what the store lacks, in one transaction. Raises NewerStore."""
    known = _known_revisions()
    with database.read() as connection:
        if _revision_of(connection) == known[-1]:
            return
    database.write(lambda connection: _migrate(connection, known))


def _migrate(connection: Connection, known: list[str]) -> None:
    found = _revision_of(connection)
    if found is not None and found not in known:
        raise NewerStore(
            f"The store is at schema {found!r}, which this version does not know "
            f"(its newest is {known[-1]!r}): it was written by a newer windlass. "
            "Install that version, or restore a backup."
        )
    # Alembic takes a fifth of a second to import, and is seldom needed.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_folder()).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _revision_of(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _known_revisions() -> list[str]:
    versions = _folder() / "versions"
    return sorted(path.stem for path in versions.glob("[0-9]*.py"))


def _folder() -> Path:
    return Path(str(resources.files("windlass"))) / "migrations"
