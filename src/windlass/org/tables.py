"""Tables of the organisation.

A department or project that is gone stays, under another name, for as long as workloads are shown
that were in it.
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
    UniqueConstraint,
)

from windlass.kit.database import metadata

tenant = Table(
    "tenant",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("last_unit_id", Integer, nullable=False),
)

cluster = Table(
    "cluster",
    metadata,
    Column("id", String, primary_key=True),
    Column("tenant_id", ForeignKey("tenant.id"), nullable=False),
    Column("name", String, nullable=False),
    Column("domain", String, nullable=False),
    Column("connected", Boolean, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("updated_at", Double, nullable=False),
    UniqueConstraint("tenant_id", "name"),
)

node_pool = Table(
    "node_pool",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("cluster_id", ForeignKey("cluster.id"), nullable=False),
    Column("name", String, nullable=False),
    Column("is_default", Boolean, nullable=False),
    Column("label_key", String, nullable=False),
    Column("label_value", String, nullable=False),
    Column("gpu_strategy", String, nullable=False),
    Column("cpu_strategy", String, nullable=False),
    Column("minimum_guaranteed_runtime", String),
    Column("created_at", Double, nullable=False),
    Column("created_by", String, nullable=False),
    Column("updated_at", Double, nullable=False),
    Column("updated_by", String, nullable=False),
    UniqueConstraint("cluster_id", "name"),
)

node = Table(
    "node",
    metadata,
    Column("id", String, primary_key=True),
    Column("cluster_id", ForeignKey("cluster.id"), nullable=False),
    Column("name", String, nullable=False),
    Column("labels", JSON, nullable=False),
    Column("taints", JSON, nullable=False),
    Column("gpu_type", String),
    Column("gpu_count", Integer, nullable=False),
    Column("simulated", Boolean, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("updated_at", Double, nullable=False),
    UniqueConstraint("cluster_id", "name"),
)

department = Table(
    "department",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("cluster_id", ForeignKey("cluster.id"), nullable=False),
    Column("name", String, nullable=False),
    Column("description", Text, nullable=False),
    Column("default_node_pools", JSON),
    Column("created_at", Double, nullable=False),
    Column("created_by", String, nullable=False),
    Column("updated_at", Double, nullable=False),
    Column("updated_by", String, nullable=False),
    Column("deleted_at", Double),
    UniqueConstraint("cluster_id", "name"),
)
Index("ix_department_listing", department.c.deleted_at, department.c.name, department.c.id)

project = Table(
    "project",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("department_id", ForeignKey("department.id"), nullable=False),
    Column("cluster_id", ForeignKey("cluster.id"), nullable=False),
    Column("name", String, nullable=False),
    Column("description", Text, nullable=False),
    Column("default_node_pools", JSON),
    Column("created_at", Double, nullable=False),
    Column("created_by", String, nullable=False),
    Column("updated_at", Double, nullable=False),
    Column("updated_by", String, nullable=False),
    Column("delete_requested_at", Double),
    Column("deleted_at", Double),
    UniqueConstraint("cluster_id", "name"),
)
Index("ix_project_listing", project.c.deleted_at, project.c.name, project.c.id)
Index("ix_project_department", project.c.department_id)


def _resource_columns() -> list[Column[object]]:
    """What a unit may have in one node pool. Without a deserved amount or a limit: unlimited."""
    columns: list[Column[object]] = []
    for resource in ("gpu", "cpu", "memory"):
        columns += [
            Column(f"{resource}_deserved", BigInteger),
            Column(f"{resource}_limit", BigInteger),
            Column(f"{resource}_weight", Double, nullable=False),
        ]
    return [
        *columns,
        Column("memory_units", String, nullable=False),
        Column("priority", String, nullable=False),
    ]


department_resources = Table(
    "department_resources",
    metadata,
    Column("unit_id", ForeignKey("department.id"), primary_key=True),
    Column("node_pool_id", ForeignKey("node_pool.id"), primary_key=True),
    *_resource_columns(),
)

project_resources = Table(
    "project_resources",
    metadata,
    Column("unit_id", ForeignKey("project.id"), primary_key=True),
    Column("node_pool_id", ForeignKey("node_pool.id"), primary_key=True),
    *_resource_columns(),
)
"""Amounts as in `windlass.org.resources`: millionths of a GPU, millicores, bytes. A unit without a
row for a pool has what everybody has in a new pool."""
