"""Tables of who may sign in, how their tokens are signed and revoked, and what they may do."""

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    UniqueConstraint,
)

from windlass.kit.database import metadata

user = Table(
    "user_account",
    metadata,
    Column("id", String, primary_key=True),
    Column("tenant_id", Integer, nullable=False),
    Column("username", String, nullable=False, unique=True),
    # Null for whom an identity provider vouches.
    Column("password_hash", String),
    Column("must_change_password", Boolean, nullable=False),
    Column("enabled", Boolean, nullable=False),
    # Names the tokens given out since the account last changed; revoking them is naming it.
    Column("generation", String, nullable=False),
    Column("identity_provider", String),
    Column("external_id", String),
    Column("groups", JSON, nullable=False),
    Column("uid", Integer),
    Column("gid", Integer),
    Column("supplementary_gids", JSON, nullable=False),
    Column("created_by", String, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("updated_at", Double, nullable=False),
    Column("last_login_at", Double),
)

application = Table(
    "application",
    metadata,
    Column("id", String, primary_key=True),
    Column("tenant_id", Integer, nullable=False),
    # Its name, too.
    Column("client_id", String, nullable=False, unique=True),
    Column("secret_hash", String, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("generation", String, nullable=False),
    Column("created_by", String, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("updated_at", Double, nullable=False),
    Column("last_login_at", Double),
)

access_key = Table(
    "access_key",
    metadata,
    Column("id", String, primary_key=True),
    Column(
        "user_id",
        String,
        ForeignKey("user_account.id", ondelete="CASCADE"),
        nullable=False,
    ),
    Column("name", String, nullable=False),
    Column("client_id", String, nullable=False, unique=True),
    Column("secret_hash", String, nullable=False),
    Column("generation", String, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("last_login_at", Double),
    UniqueConstraint("user_id", "name"),
)

session = Table(
    "sign_in_session",
    metadata,
    Column("id", String, primary_key=True),
    Column(
        "user_id",
        String,
        ForeignKey("user_account.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    Column("generation", String, nullable=False),
    Column("refresh_hash", String, nullable=False),
    Column("expires_at", Double, nullable=False, index=True),
)

identity_provider = Table(
    "identity_provider",
    metadata,
    Column("alias", String, primary_key=True),
    Column("tenant_id", Integer, nullable=False),
    Column("client_id", String, nullable=False),
    Column("sealed_client_secret", String, nullable=False),
    Column("discovery_url", String, nullable=False),
    Column("scopes", JSON, nullable=False),
    Column("mandatory_claim", JSON),
    Column("mappers", JSON, nullable=False),
    Column("created_at", Double, nullable=False),
)

pending_sign_in = Table(
    "pending_sign_in",
    metadata,
    # What the provider sends back with the user.
    Column("state", String, primary_key=True),
    Column("provider", String, nullable=False),
    Column("nonce", String, nullable=False),
    Column("code_verifier", String, nullable=False),
    # Where the user came from: a program with a redirect, or a device with a code.
    Column("redirect_uri", String),
    Column("client_state", String),
    Column("code_challenge", String),
    Column("user_code", String),
    Column("expires_at", Double, nullable=False, index=True),
)

authorization_code = Table(
    "authorization_code",
    metadata,
    Column("code_hash", String, primary_key=True),
    Column("user_id", String, ForeignKey("user_account.id", ondelete="CASCADE"), nullable=False),
    Column("redirect_uri", String, nullable=False),
    Column("code_challenge", String, nullable=False),
    Column("expires_at", Double, nullable=False, index=True),
)

device_authorization = Table(
    "device_authorization",
    metadata,
    Column("device_hash", String, primary_key=True),
    Column("user_code", String, nullable=False, unique=True),
    # Null until somebody has signed in for it.
    Column("user_id", String, ForeignKey("user_account.id", ondelete="CASCADE")),
    Column("expires_at", Double, nullable=False, index=True),
    Column("asked_at", Double, nullable=False),
)

revoked_token = Table(
    "revoked_token",
    metadata,
    # A generation, or a session.
    Column("id", String, primary_key=True),
    Column("expires_at", Double, nullable=False, index=True),
)

signing_key = Table(
    "signing_key",
    metadata,
    Column("id", String, primary_key=True),
    Column("sealed_private_key", String, nullable=False),
    Column("signs_from", Double, nullable=False),
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
