"""Assets: what workloads are made from."""

import sqlalchemy as sa
from alembic import op

revision = "0009_assets"
down_revision = "0008_identity_providers"

_NOT_DELETED = sa.text("deleted_at IS NULL")


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "asset",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("scope_path", sa.String(), nullable=False),
        sa.Column("tenant_id", sa.Integer(), nullable=False),
        sa.Column("cluster_id", sa.String(), nullable=True),
        sa.Column("department_id", sa.Integer(), nullable=True),
        sa.Column("project_id", sa.Integer(), nullable=True),
        sa.Column("auto_delete", sa.Boolean(), nullable=False),
        sa.Column("private", sa.Boolean(), nullable=False),
        sa.Column("supported_types", sa.JSON(), nullable=True),
        sa.Column("spec", sa.JSON(), nullable=False),
        sa.Column("sealed_secrets", sa.Text(), nullable=True),
        sa.Column("sealing_key_id", sa.Integer(), nullable=True),
        sa.Column("update_count", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("owner_id", sa.String(), nullable=True),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.Column("updated_by", sa.String(), nullable=False),
        sa.Column("deleted_at", sa.Double(), nullable=True),
        sa.Column("deleted_by", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_asset_tenant_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_asset")),
    )
    for name, columns, unique in (
        ("uq_asset_name_in_scope", ["kind", "name", "scope_path"], True),
        ("ix_asset_scope", ["kind", "scope_path"], False),
    ):
        op.create_index(
            name,
            "asset",
            columns,
            unique=unique,
            sqlite_where=_NOT_DELETED,
            postgresql_where=_NOT_DELETED,
        )
    op.create_table(
        "asset_reference",
        sa.Column("asset_id", sa.String(), nullable=False),
        sa.Column("refers_to", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["asset_id"],
            ["asset.id"],
            name=op.f("fk_asset_reference_asset_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["refers_to"], ["asset.id"], name=op.f("fk_asset_reference_refers_to")
        ),
        sa.PrimaryKeyConstraint("asset_id", "refers_to", name=op.f("pk_asset_reference")),
    )
    op.create_index("ix_asset_reference_refers_to", "asset_reference", ["refers_to"])
    op.create_table(
        "asset_last_use",
        sa.Column("asset_id", sa.String(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("workload_type", sa.String(), nullable=False),
        sa.Column("used_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["asset_id"], ["asset.id"], name=op.f("fk_asset_last_use_asset_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint(
            "asset_id", "project_id", "workload_type", name=op.f("pk_asset_last_use")
        ),
    )
    op.create_table(
        "asset_update_counter",
        sa.Column("tenant_id", sa.Integer(), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenant.id"], name=op.f("fk_asset_update_counter_tenant_id")
        ),
        sa.PrimaryKeyConstraint("tenant_id", name=op.f("pk_asset_update_counter")),
    )
    op.create_table(
        "workload_asset",
        sa.Column("workload_id", sa.String(), nullable=False),
        sa.Column("asset_id", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["workload_id"],
            ["workload.id"],
            name=op.f("fk_workload_asset_workload_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["asset_id"], ["asset.id"], name=op.f("fk_workload_asset_asset_id")
        ),
        sa.PrimaryKeyConstraint("workload_id", "asset_id", name=op.f("pk_workload_asset")),
    )
    op.create_index("ix_workload_asset_asset_id", "workload_asset", ["asset_id"])
