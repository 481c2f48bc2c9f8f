"""Hosts and ports that one workload has for itself."""

import sqlalchemy as sa
from alembic import op

revision = "0007_addresses"
down_revision = "0006_image_digests"


def upgrade() -> None:
    """Apply: there were none until now."""
    op.create_table(
        "workload_address",
        sa.Column("address", sa.String(), primary_key=True),
        sa.Column("workload_id", sa.String(), sa.ForeignKey("workload.id"), nullable=False),
    )
    op.create_index("ix_workload_address", "workload_address", ["workload_id"])
