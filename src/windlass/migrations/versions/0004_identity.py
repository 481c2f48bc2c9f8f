"""Accounts that are managed, access keys, sessions, revocations, and signing keys that rotate."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004_identity"
down_revision = "0003_autoscaling"


def upgrade() -> None:
    """Apply."""
    _extend_accounts()
    op.create_table(
        "access_key",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("client_id", sa.String(), nullable=False),
        sa.Column("secret_hash", sa.String(), nullable=False),
        sa.Column("generation", sa.String(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("last_login_at", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["user_account.id"],
            name=op.f("fk_access_key_user_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_key")),
        sa.UniqueConstraint("client_id", name=op.f("uq_access_key_client_id")),
        sa.UniqueConstraint("user_id", "name", name=op.f("uq_access_key_user_id_name")),
    )
    op.create_table(
        "sign_in_session",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("generation", sa.String(), nullable=False),
        sa.Column("refresh_hash", sa.String(), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["user_account.id"],
            name=op.f("fk_sign_in_session_user_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_in_session")),
    )
    op.create_index(op.f("ix_sign_in_session_user_id"), "sign_in_session", ["user_id"])
    op.create_index(op.f("ix_sign_in_session_expires_at"), "sign_in_session", ["expires_at"])
    op.create_table(
        "revoked_token",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_revoked_token")),
    )
    op.create_index(op.f("ix_revoked_token_expires_at"), "revoked_token", ["expires_at"])
    op.create_table(
        "signing_key",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("sealed_private_key", sa.String(), nullable=False),
        sa.Column("signs_from", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signing_key")),
    )


def _extend_accounts() -> None:
    """What was there so far is the first administrator, who made themselves."""
    with op.batch_alter_table("user_account") as table:
        table.alter_column("password_hash", existing_type=sa.String(), nullable=True)
        for column in (
            sa.Column("must_change_password", sa.Boolean(), nullable=True),
            sa.Column("enabled", sa.Boolean(), nullable=True),
            sa.Column("generation", sa.String(), nullable=True),
            sa.Column("identity_provider", sa.String(), nullable=True),
            sa.Column("external_id", sa.String(), nullable=True),
            sa.Column("groups", sa.JSON(), nullable=True),
            sa.Column("uid", sa.Integer(), nullable=True),
            sa.Column("gid", sa.Integer(), nullable=True),
            sa.Column("supplementary_gids", sa.JSON(), nullable=True),
            *_common_columns(),
        ):
            table.add_column(column)
    with op.batch_alter_table("application") as table:
        for column in (
            sa.Column("enabled", sa.Boolean(), nullable=True),
            sa.Column("generation", sa.String(), nullable=True),
            *_common_columns(),
        ):
            table.add_column(column)
    account = sa.table(
        "user_account",
        sa.column("id", sa.String()),
        sa.column("username", sa.String()),
        sa.column("must_change_password", sa.Boolean()),
        sa.column("enabled", sa.Boolean()),
        sa.column("generation", sa.String()),
        sa.column("groups", sa.JSON()),
        sa.column("supplementary_gids", sa.JSON()),
        sa.column("created_by", sa.String()),
        sa.column("created_at", sa.Double()),
        sa.column("updated_at", sa.Double()),
    )
    op.execute(
        account.update().values(
            must_change_password=False,
            enabled=True,
            generation=account.c.id,
            groups=[],
            supplementary_gids=[],
            created_by=account.c.username,
            updated_at=account.c.created_at,
        )
    )
    application = sa.table(
        "application",
        sa.column("id", sa.String()),
        sa.column("client_id", sa.String()),
        sa.column("enabled", sa.Boolean()),
        sa.column("generation", sa.String()),
        sa.column("created_by", sa.String()),
        sa.column("created_at", sa.Double()),
        sa.column("updated_at", sa.Double()),
    )
    op.execute(
        application.update().values(
            enabled=True,
            generation=application.c.id,
            created_by=application.c.client_id,
            updated_at=application.c.created_at,
        )
    )
    _require(
        "user_account",
        must_change_password=sa.Boolean(),
        enabled=sa.Boolean(),
        generation=sa.String(),
        groups=sa.JSON(),
        supplementary_gids=sa.JSON(),
        created_by=sa.String(),
        updated_at=sa.Double(),
    )
    _require(
        "application",
        enabled=sa.Boolean(),
        generation=sa.String(),
        created_by=sa.String(),
        updated_at=sa.Double(),
    )


def _common_columns() -> tuple[sa.Column[str], sa.Column[float], sa.Column[float]]:
    return (
        sa.Column("created_by", sa.String(), nullable=True),
        sa.Column("updated_at", sa.Double(), nullable=True),
        sa.Column("last_login_at", sa.Double(), nullable=True),
    )


def _require(table_name: str, **types: sa.types.TypeEngine[Any]) -> None:
    with op.batch_alter_table(table_name) as table:
        for name, kind in types.items():
            table.alter_column(name, existing_type=kind, nullable=False)
