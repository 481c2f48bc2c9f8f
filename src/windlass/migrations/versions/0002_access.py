"""Access rules and the audit log. Whoever could sign in could do everything, and still may."""

import time

import sqlalchemy as sa
from alembic import op

revision = "0002_access"
down_revision = "0001_first"

_SYSTEM_ADMINISTRATOR = 1


def upgrade() -> None:
    """Apply."""
    _create_access_rules()
    _create_audit_records()
    _keep_rights()


def _create_access_rules() -> None:
    op.create_table(
        "access_rule",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("tenant_id", sa.Integer(), nullable=False),
        sa.Column("subject_type", sa.String(), nullable=False),
        sa.Column("subject_id", sa.String(), nullable=False),
        sa.Column("role_id", sa.Integer(), nullable=False),
        sa.Column("scope_type", sa.String(), nullable=False),
        sa.Column("scope_id", sa.String(), nullable=False),
        sa.Column("scope_name", sa.String(), nullable=False),
        sa.Column("scope_path", sa.String(), nullable=False),
        sa.Column("cluster_id", sa.String(), nullable=True),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.Column("deleted_at", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_rule")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "uq_access_rule_in_force",
        "access_rule",
        ["subject_type", "subject_id", "role_id", "scope_path"],
        unique=True,
        sqlite_where=sa.text("deleted_at IS NULL"),
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    version = op.create_table(
        "access_version",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_version")),
    )
    op.bulk_insert(version, [{"id": 1, "version": 1}])


def _create_audit_records() -> None:
    op.create_table(
        "audit_record",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("tenant_id", sa.Integer(), nullable=True),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("subject_type", sa.String(), nullable=False),
        sa.Column("source_address", sa.String(), nullable=True),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("http_method", sa.String(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("entity_type", sa.String(), nullable=False),
        sa.Column("entity_id", sa.String(), nullable=False),
        sa.Column("entity_name", sa.String(), nullable=False),
        sa.Column("result", sa.String(), nullable=False),
        sa.Column("http_status_code", sa.Integer(), nullable=False),
        sa.Column("scope_path", sa.String(), nullable=False),
        sa.Column("cluster_id", sa.String(), nullable=True),
        sa.Column("request_id", sa.String(), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_record")),
    )
    op.create_index("ix_audit_record_at", "audit_record", ["at", "id"])
    op.create_index("ix_audit_record_request", "audit_record", ["request_id"])


def _keep_rights() -> None:
    connection = op.get_bind()
    now = time.time()
    for subject_type, table, name in (
        ("user", "user_account", "username"),
        ("app", "application", "client_id"),
    ):
        account = sa.table(table, sa.column("tenant_id"), sa.column(name))
        tenant = sa.table("tenant", sa.column("id"), sa.column("name"))
        found = connection.execute(
            sa.select(account.c[name].label("subject"), tenant.c.id, tenant.c.name).join(
                tenant, tenant.c.id == account.c.tenant_id
            )
        ).all()
        for row in found:
            connection.execute(
                sa.text(
                    "INSERT INTO access_rule (tenant_id, subject_type, subject_id, role_id,"
                    " scope_type, scope_id, scope_name, scope_path, created_at, created_by,"
                    " updated_at) VALUES (:tenant, :type, :subject, :role, 'tenant', :scope,"
                    " :name, :path, :now, 'windlass', :now)"
                ),
                {
                    "tenant": row.id,
                    "type": subject_type,
                    "subject": row.subject,
                    "role": _SYSTEM_ADMINISTRATOR,
                    "scope": str(row.id),
                    "name": row.name,
                    "path": f"/{row.id}",
                    "now": now,
                },
            )
