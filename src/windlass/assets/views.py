"""How assets look on the wire."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Row

from windlass.kit.timestamps import to_wire


def asset_view(row: Row[Any], spec: Mapping[str, Any], extras: Mapping[str, Any]) -> dict[str, Any]:
    """One asset, with what was asked for beside it."""
    return {"meta": meta_view(row), "spec": dict(spec), **extras}


def meta_view(row: Row[Any]) -> dict[str, Any]:
    """What all kinds tell alike. The row has its project's name."""
    return {
        "id": row.id,
        "kind": row.kind,
        "name": row.name,
        "description": row.description,
        "tenantId": row.tenant_id,
        "scope": row.scope,
        "clusterId": row.cluster_id,
        "departmentId": None if row.department_id is None else str(row.department_id),
        "projectId": row.project_id,
        "projectName": row.project_name,
        "autoDelete": row.auto_delete,
        "private": row.private,
        "workloadSupportedTypes": row.supported_types,
        "createdAt": to_wire(row.created_at),
        "createdBy": row.created_by,
        "updatedAt": to_wire(row.updated_at),
        "updatedBy": row.updated_by,
        "updateCount": row.update_count,
    }
