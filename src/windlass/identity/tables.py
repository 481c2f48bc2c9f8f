"""Tables of users and applications."""

from sqlalchemy import Column, Double, Integer, String, Table

from windlass.kit.database import metadata

user = Table(
    "user_account",
    metadata,
    Column("id", String, primary_key=True),
    Column("tenant_id", Integer, nullable=False),
    Column("username", String, nullable=False, unique=True),
    Column("password_hash", String, nullable=False),
    Column("created_at", Double, nullable=False),
)

application = Table(
    "application",
    metadata,
    Column("id", String, primary_key=True),
    Column("tenant_id", Integer, nullable=False),
    Column("client_id", String, nullable=False, unique=True),
    Column("secret_hash", String, nullable=False),
    Column("created_at", Double, nullable=False),
)
