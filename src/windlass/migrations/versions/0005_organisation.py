"""Departments, projects and node pools with all that is said of them; nodes; resources."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005_organisation"
down_revision = "0004_identity"

_STAMPED = ("cluster", "node_pool", "department", "project")
_UNLIMITED_RESOURCES = (
    "gpu_weight, cpu_weight, memory_weight, memory_units, priority) "
    "SELECT unit.id, pool.id, 2.0, 2.0, 2.0, 'MB', 'medium-low' "
)


def upgrade() -> None:
    """Apply."""
    _add_columns()
    _fill_columns()
    op.create_index("ix_department_listing", "department", ["deleted_at", "name", "id"])
    op.create_index("ix_project_listing", "project", ["deleted_at", "name", "id"])
    op.create_index("ix_project_department", "project", ["department_id"])
    op.create_table(
        "node",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("cluster_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("labels", sa.JSON(), nullable=False),
        sa.Column("taints", sa.JSON(), nullable=False),
        sa.Column("gpu_type", sa.String(), nullable=True),
        sa.Column("gpu_count", sa.Integer(), nullable=False),
        sa.Column("simulated", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["cluster_id"], ["cluster.id"], name=op.f("fk_node_cluster_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_node")),
        sa.UniqueConstraint("cluster_id", "name", name=op.f("uq_node_cluster_id_name")),
    )
    for unit in ("department", "project"):
        _create_resources(unit)


def _add_columns() -> None:
    op.add_column("tenant", _required("last_unit_id", sa.Integer(), "0"))
    op.add_column("cluster", _required("connected", sa.Boolean(), sa.true()))
    for table in _STAMPED:
        op.add_column(table, _required("updated_at", sa.Double(), "0"))
    op.add_column("node_pool", _required("created_by", sa.String(), ""))
    op.add_column("node_pool", _required("is_default", sa.Boolean(), sa.true()))
    op.add_column("node_pool", _required("label_key", sa.String(), "run.ai/node-pool"))
    op.add_column("node_pool", _required("label_value", sa.String(), "default"))
    op.add_column("node_pool", sa.Column("minimum_guaranteed_runtime", sa.String(), nullable=True))
    for column in ("gpu_strategy", "cpu_strategy"):
        op.add_column("node_pool", _required(column, sa.String(), "binpack"))
    for table in ("node_pool", "department", "project"):
        op.add_column(table, _required("updated_by", sa.String(), ""))
    for table in ("department", "project"):
        op.add_column(table, _required("description", sa.Text(), ""))
        op.add_column(table, sa.Column("default_node_pools", sa.JSON(), nullable=True))
        op.add_column(table, sa.Column("deleted_at", sa.Double(), nullable=True))
    op.add_column("project", sa.Column("delete_requested_at", sa.Double(), nullable=True))
    op.add_column("pod", sa.Column("node_pool", sa.String(), nullable=True))


def _fill_columns() -> None:
    for table in _STAMPED:
        op.execute(f"UPDATE {table} SET updated_at = created_at")
    for table in ("department", "project"):
        op.execute(f"UPDATE {table} SET updated_by = created_by")
    op.execute("UPDATE pod SET node_pool = 'default' WHERE node_name IS NOT NULL")
    op.execute(
        "UPDATE node_pool SET created_by = COALESCE((SELECT MIN(created_by) FROM department "
        "WHERE department.cluster_id = node_pool.cluster_id), '')"
    )
    op.execute("UPDATE node_pool SET updated_by = created_by")
    op.execute(
        "UPDATE tenant SET last_unit_id = (SELECT COALESCE(MAX(id), 0) FROM "
        "(SELECT id FROM project UNION SELECT id FROM department UNION SELECT id FROM node_pool) "
        "AS unit)"
    )


def _create_resources(unit: str) -> None:
    table = f"{unit}_resources"
    op.create_table(
        table,
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("node_pool_id", sa.Integer(), nullable=False),
        *_amounts("gpu"),
        *_amounts("cpu"),
        *_amounts("memory"),
        sa.Column("memory_units", sa.String(), nullable=False),
        sa.Column("priority", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["unit_id"], [f"{unit}.id"], name=op.f(f"fk_{table}_unit_id")),
        sa.ForeignKeyConstraint(
            ["node_pool_id"], ["node_pool.id"], name=op.f(f"fk_{table}_node_pool_id")
        ),
        sa.PrimaryKeyConstraint("unit_id", "node_pool_id", name=op.f(f"pk_{table}")),
    )
    # Until now nothing was limited, and what is there goes on.
    op.execute(
        f"INSERT INTO {table} (unit_id, node_pool_id, {_UNLIMITED_RESOURCES}"
        f"FROM {unit} AS unit JOIN node_pool AS pool ON pool.cluster_id = unit.cluster_id"
    )


def _amounts(resource: str) -> list["sa.Column[object]"]:
    return [
        sa.Column(f"{resource}_deserved", sa.BigInteger(), nullable=True),
        sa.Column(f"{resource}_limit", sa.BigInteger(), nullable=True),
        sa.Column(f"{resource}_weight", sa.Double(), nullable=False),
    ]


def _required(name: str, kind: Any, default: Any) -> "sa.Column[Any]":
    return sa.Column(name, kind, nullable=False, server_default=default)
