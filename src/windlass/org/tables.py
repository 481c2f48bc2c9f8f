"""Tables of the organisation."""

from sqlalchemy import Column, Double, ForeignKey, Integer, String, Table, UniqueConstraint

from windlass.kit.database import metadata

tenant = Table(
    "tenant",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String, nullable=False),
    Column("created_at", Double, nullable=False),
)

cluster = Table(
    "cluster",
    metadata,
    Column("id", String, primary_key=True),
    Column("tenant_id", ForeignKey("tenant.id"), nullable=False),
    Column("name", String, nullable=False),
    Column("domain", String, nullable=False),
    Column("created_at", Double, nullable=False),
    UniqueConstraint("tenant_id", "name"),
)

node_pool = Table(
    "node_pool",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("cluster_id", ForeignKey("cluster.id"), nullable=False),
    Column("name", String, nullable=False),
    Column("created_at", Double, nullable=False),
    UniqueConstraint("cluster_id", "name"),
)

department = Table(
    "department",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("cluster_id", ForeignKey("cluster.id"), nullable=False),
    Column("name", String, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("created_by", String, nullable=False),
    UniqueConstraint("cluster_id", "name"),
)

project = Table(
    "project",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("department_id", ForeignKey("department.id"), nullable=False),
    Column("cluster_id", ForeignKey("cluster.id"), nullable=False),
    Column("name", String, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("created_by", String, nullable=False),
    UniqueConstraint("cluster_id", "name"),
)
