"""Assets that are shared with other units, and the history of volume claims."""

import sqlalchemy as sa
from alembic import op

revision = "0010_shared_assets"
down_revision = "0009_assets"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "asset_share",
        sa.Column("asset_id", sa.String(), nullable=False),
        sa.Column("scope_path", sa.String(), nullable=False),
        sa.Column("cluster_id", sa.String(), nullable=False),
        sa.Column("department_id", sa.Integer(), nullable=True),
        sa.Column("project_id", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["asset_id"], ["asset.id"], name=op.f("fk_asset_share_asset_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("asset_id", "scope_path", name=op.f("pk_asset_share")),
    )
    op.create_index("ix_asset_share_scope_path", "asset_share", ["scope_path"])
    op.create_table(
        "asset_event",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("asset_id", sa.String(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["asset_id"], ["asset.id"], name=op.f("fk_asset_event_asset_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_asset_event")),
    )
    op.create_index("ix_asset_event_asset_id_at", "asset_event", ["asset_id", "at"])
    # What is known of claims from before: who made them and when.
    op.execute(
        "INSERT INTO asset_event (id, asset_id, at, reason, message)"
        " SELECT id, id, created_at, 'Created', 'Created by ' || created_by || '.'"
        " FROM asset WHERE kind = 'pvc'"
    )
