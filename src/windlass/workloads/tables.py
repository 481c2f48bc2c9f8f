"""Tables of workloads: the record, its addresses, its revisions, its pods and what happened to it.

A pod is one start of one replica: its id is the engine's replica id, and a restart is a new row.
"""

from sqlalchemy import (
    JSON,
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

workload = Table(
    "workload",
    metadata,
    Column("id", String, primary_key=True),
    Column("type", String, nullable=False),
    Column("name", String, nullable=False),
    Column("requested_name", String, nullable=False),
    Column("tenant_id", Integer, nullable=False),
    Column("cluster_id", ForeignKey("cluster.id"), nullable=False),
    Column("department_id", ForeignKey("department.id"), nullable=False),
    Column("project_id", ForeignKey("project.id"), nullable=False),
    Column("created_by", String, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("updated_at", Double, nullable=False),
    Column("delete_requested_at", Double),
    Column("deleted_at", Double),
    Column("spec", JSON, nullable=False),
    Column("revision_id", String, nullable=False),
    Column("category", String, nullable=False),
    Column("priority_class", String, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("preemptible", Boolean, nullable=False),
    Column("image", String, nullable=False),
    Column("desired_phase", String, nullable=False),
    Column("phase", String, nullable=False),
    Column("phase_reason", String),
    Column("phase_message", Text, nullable=False),
    Column("phase_updated_at", Double, nullable=False),
    Column("running_pods", Integer, nullable=False),
    Column("wanted_replicas", Integer, nullable=False),
    Column("is_autoscaled", Boolean, nullable=False),
    Column("first_running_at", Double),
    Column("initializing_at", Double),
    Column("failure_reason", String),
    Column("failure_message", Text),
    Column("pending_reasons", JSON),
)

Index(
    "uq_workload_name_in_project",
    workload.c.project_id,
    workload.c.name,
    unique=True,
    sqlite_where=workload.c.deleted_at.is_(None),
    postgresql_where=workload.c.deleted_at.is_(None),
)
workload_address = Table(
    "workload_address",
    metadata,
    Column("address", String, primary_key=True),
    Column("workload_id", ForeignKey("workload.id"), nullable=False),
)
Index("ix_workload_address", workload_address.c.workload_id)
Index("ix_workload_listing", workload.c.deleted_at, workload.c.created_at, workload.c.id)
Index("ix_workload_name", workload.c.deleted_at, workload.c.name, workload.c.id)
Index(
    "ix_workload_autoscaled",
    workload.c.id,
    sqlite_where=workload.c.is_autoscaled.is_(True) & workload.c.deleted_at.is_(None),
    postgresql_where=workload.c.is_autoscaled.is_(True) & workload.c.deleted_at.is_(None),
)

revision = Table(
    "revision",
    metadata,
    Column("id", String, primary_key=True),
    Column("workload_id", ForeignKey("workload.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("spec", JSON, nullable=False),
    Column("replicas", Integer, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("image_id", String),
    Column("image_digest", String),
)
Index("uq_revision_number", revision.c.workload_id, revision.c.number, unique=True)

workload_asset = Table(
    "workload_asset",
    metadata,
    Column("workload_id", ForeignKey("workload.id", ondelete="CASCADE"), primary_key=True),
    Column("asset_id", ForeignKey("asset.id"), primary_key=True),
)
"""The assets that a workload was made from or reads when its replicas start."""
Index("ix_workload_asset_asset_id", workload_asset.c.asset_id)

pod = Table(
    "pod",
    metadata,
    Column("id", String, primary_key=True),
    Column("workload_id", ForeignKey("workload.id"), nullable=False),
    Column("revision_id", ForeignKey("revision.id"), nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("updated_at", Double, nullable=False),
    Column("state", String, nullable=False),
    Column("not_before", Double),
    Column("node_name", String),
    Column("node_pool", String),
    Column("devices", JSON),
    Column("placed_at", Double),
    Column("stop_requested_at", Double),
    Column("ready", Boolean, nullable=False),
    Column("host", String),
    Column("port", Integer),
    Column("started_at", Double),
    Column("first_ready_at", Double),
    Column("last_ready_at", Double),
    Column("exited_at", Double),
    Column("exit_reason", String),
    Column("exit_message", Text),
    Column("exit_code", Integer),
    Column("exit_signal", Integer),
)
Index("ix_pod_workload", pod.c.workload_id, pod.c.created_at)
Index(
    "ix_pod_live",
    pod.c.workload_id,
    sqlite_where=pod.c.exited_at.is_(None),
    postgresql_where=pod.c.exited_at.is_(None),
)

event = Table(
    "event",
    metadata,
    Column("id", String, primary_key=True),
    Column("workload_id", ForeignKey("workload.id"), nullable=False),
    Column("pod_id", String),
    Column("request_id", String),
    Column("created_at", Double, nullable=False),
    Column("type", String, nullable=False),
    Column("reason", String, nullable=False),
    Column("message", Text, nullable=False),
)
Index("ix_event_workload", event.c.workload_id, event.c.created_at, event.c.id)
Index("ix_event_created_at", event.c.created_at)
