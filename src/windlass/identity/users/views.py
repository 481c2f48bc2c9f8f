"""How users look on the wire."""

from typing import Any

from sqlalchemy import Row

from windlass.kit.timestamps import optional_to_wire, to_wire


def user_view(row: Row[Any]) -> dict[str, Any]:
    """A user."""
    return {
        "id": row.id,
        "username": row.username,
        "createdBy": row.created_by,
        "createdAt": to_wire(row.created_at),
        "updatedAt": to_wire(row.updated_at),
        "lastLogin": optional_to_wire(row.last_login_at),
        "isLocal": row.identity_provider is None,
        "groups": row.groups,
        "enabled": row.enabled,
    }
