"""Tables of users, applications and access rules."""

from sqlalchemy import Column, Double, Index, Integer, String, Table

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

access_rule = Table(
    "access_rule",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("tenant_id", Integer, nullable=False),
    Column("subject_type", String, nullable=False),
    Column("subject_id", String, nullable=False),
    Column("role_id", Integer, nullable=False),
    Column("scope_type", String, nullable=False),
    Column("scope_id", String, nullable=False),
    Column("scope_name", String, nullable=False),
    Column("scope_path", String, nullable=False),
    Column("cluster_id", String),
    Column("created_at", Double, nullable=False),
    Column("created_by", String, nullable=False),
    Column("updated_at", Double, nullable=False),
    Column("deleted_at", Double),
    # The id of a rule that is gone names no other.
    sqlite_autoincrement=True,
)
Index(
    "uq_access_rule_in_force",
    access_rule.c.subject_type,
    access_rule.c.subject_id,
    access_rule.c.role_id,
    access_rule.c.scope_path,
    unique=True,
    sqlite_where=access_rule.c.deleted_at.is_(None),
    postgresql_where=access_rule.c.deleted_at.is_(None),
)

access_version = Table(
    "access_version",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("version", Integer, nullable=False),
)
"""One row, whose number grows with every change of who may do what."""
