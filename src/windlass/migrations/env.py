"""Run by Alembic: applies the chain over the connection that the caller gave."""

from alembic import context

from windlass.kit.database import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
