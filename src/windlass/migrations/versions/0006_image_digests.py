"""Which image a revision runs, so that all of its replicas run the same."""

import sqlalchemy as sa
from alembic import op

revision = "0006_image_digests"
down_revision = "0005_organisation"


def upgrade() -> None:
    """Apply."""
    op.add_column("revision", sa.Column("image_id", sa.String()))
    op.add_column("revision", sa.Column("image_digest", sa.String()))
