"""The table of audit records."""

from sqlalchemy import JSON, Column, Double, Index, Integer, String, Table, Text

from windlass.kit.database import metadata

audit_record = Table(
    "audit_record",
    metadata,
    Column("id", String, primary_key=True),
    Column("at", Double, nullable=False),
    Column("tenant_id", Integer),
    Column("subject", String, nullable=False),
    Column("subject_type", String, nullable=False),
    Column("source_address", String),
    Column("action", String, nullable=False),
    Column("http_method", String, nullable=False),
    Column("url", Text, nullable=False),
    Column("entity_type", String, nullable=False),
    Column("entity_id", String, nullable=False),
    Column("entity_name", String, nullable=False),
    Column("result", String, nullable=False),
    Column("http_status_code", Integer, nullable=False),
    Column("scope_path", String, nullable=False),
    Column("cluster_id", String),
    Column("request_id", String, nullable=False),
    Column("details", JSON, nullable=False),
)
Index("ix_audit_record_at", audit_record.c.at, audit_record.c.id)
Index("ix_audit_record_request", audit_record.c.request_id)
