"""Tables of assets of every kind: the record, what it refers to, where else it can be used, what
happened to it, and when it was last used.

A deleted asset keeps its row for a while, and for as long as something that was made from it shows
it.
"""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
)

from windlass.kit.database import metadata

asset = Table(
    "asset",
    metadata,
    Column("id", String, primary_key=True),
    Column("kind", String, nullable=False),
    Column("name", String, nullable=False),
    Column("description", Text),
    Column("scope", String, nullable=False),
    Column("scope_path", String, nullable=False),
    Column("tenant_id", ForeignKey("tenant.id"), nullable=False),
    Column("cluster_id", String),
    Column("department_id", Integer),
    Column("project_id", Integer),
    Column("auto_delete", Boolean, nullable=False),
    Column("private", Boolean, nullable=False),
    Column("supported_types", JSON),
    Column("spec", JSON, nullable=False),
    Column("sealed_secrets", Text),
    Column("sealing_key_id", Integer),
    Column("update_count", BigInteger, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("created_by", String, nullable=False),
    Column("owner_id", String),
    Column("updated_at", Double, nullable=False),
    Column("updated_by", String, nullable=False),
    Column("deleted_at", Double),
    Column("deleted_by", String),
)
"""`scope_path` is the path of its unit as in `windlass.org.scopes`, empty for `system`. The ids of
units are no foreign keys: an asset that is shown where it was used outlives its unit's row.
`deleted_by` says who or what deleted it, and why where nobody asked for it by name. `owner_id` is
the caller who created it, whose name another may have later."""

Index(
    "uq_asset_name_in_scope",
    asset.c.kind,
    asset.c.name,
    asset.c.scope_path,
    unique=True,
    sqlite_where=asset.c.deleted_at.is_(None),
    postgresql_where=asset.c.deleted_at.is_(None),
)
Index(
    "ix_asset_scope",
    asset.c.kind,
    asset.c.scope_path,
    sqlite_where=asset.c.deleted_at.is_(None),
    postgresql_where=asset.c.deleted_at.is_(None),
)

asset_reference = Table(
    "asset_reference",
    metadata,
    Column("asset_id", ForeignKey("asset.id", ondelete="CASCADE"), primary_key=True),
    Column("refers_to", ForeignKey("asset.id"), primary_key=True),
)
Index("ix_asset_reference_refers_to", asset_reference.c.refers_to)

asset_share = Table(
    "asset_share",
    metadata,
    Column("asset_id", ForeignKey("asset.id", ondelete="CASCADE"), primary_key=True),
    Column("scope_path", String, primary_key=True),
    Column("cluster_id", String, nullable=False),
    Column("department_id", Integer),
    Column("project_id", Integer),
    Column("created_at", Double, nullable=False),
    Column("created_by", String, nullable=False),
)
"""A unit, beside its own, in which an asset can be used, and below. The unit is that of the lowest
id that there is."""
Index("ix_asset_share_scope_path", asset_share.c.scope_path)

asset_event = Table(
    "asset_event",
    metadata,
    Column("id", String, primary_key=True),
    Column("asset_id", ForeignKey("asset.id", ondelete="CASCADE"), nullable=False),
    Column("at", Double, nullable=False),
    Column("reason", String, nullable=False),
    Column("message", Text, nullable=False),
)
"""What happened to an asset of a kind that has a history."""
Index("ix_asset_event_asset_id_at", asset_event.c.asset_id, asset_event.c.at)

asset_last_use = Table(
    "asset_last_use",
    metadata,
    Column("asset_id", ForeignKey("asset.id", ondelete="CASCADE"), primary_key=True),
    Column("project_id", Integer, primary_key=True),
    Column("workload_type", String, primary_key=True),
    Column("used_at", Double, nullable=False),
)
"""When a workload of that type was last submitted in that project which uses the asset."""

asset_update_counter = Table(
    "asset_update_counter",
    metadata,
    Column("tenant_id", ForeignKey("tenant.id"), primary_key=True),
    Column("value", BigInteger, nullable=False),
)
"""Grows with every change of an asset of the tenant's."""
