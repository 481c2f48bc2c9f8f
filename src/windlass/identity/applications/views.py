"""How applications look on the wire."""

from typing import Any

from sqlalchemy import Row

from windlass.kit.timestamps import optional_to_wire, to_wire


def application_view(row: Row[Any]) -> dict[str, Any]:
    """An application, or service account."""
    return {
        "id": row.id,
        "name": row.client_id,
        "clientId": row.client_id,
        "tenantId": str(row.tenant_id),
        "enabled": row.enabled,
        "createdBy": row.created_by,
        "createdAt": to_wire(row.created_at),
        "updatedAt": to_wire(row.updated_at),
        "lastLogin": optional_to_wire(row.last_login_at),
    }
