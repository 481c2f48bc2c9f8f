"""How many replicas of a workload are wanted now."""

import sqlalchemy as sa
from alembic import op

revision = "0003_autoscaling"
down_revision = "0002_access"


def upgrade() -> None:
    """Apply: until now the number was that of the revision, and never moved."""
    zero, no = sa.text("0"), sa.false()
    with op.batch_alter_table("workload") as batch:
        batch.add_column(
            sa.Column("wanted_replicas", sa.Integer(), nullable=False, server_default=zero)
        )
        batch.add_column(
            sa.Column("is_autoscaled", sa.Boolean(), nullable=False, server_default=no)
        )
    op.execute(
        "UPDATE workload SET wanted_replicas ="
        " (SELECT replicas FROM revision WHERE revision.id = workload.revision_id)"
    )
    with op.batch_alter_table("workload") as batch:
        batch.alter_column("wanted_replicas", server_default=None)
        batch.alter_column("is_autoscaled", server_default=None)
    only = sa.text("is_autoscaled IS true AND deleted_at IS NULL")
    op.create_index(
        "ix_workload_autoscaled",
        "workload",
        ["id"],
        sqlite_where=sa.text("is_autoscaled IS 1 AND deleted_at IS NULL"),
        postgresql_where=only,
    )
