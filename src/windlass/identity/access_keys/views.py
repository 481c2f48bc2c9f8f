"""How access keys look on the wire."""

from typing import Any

from sqlalchemy import Row

from windlass.kit.timestamps import optional_to_wire, to_wire


def access_key_view(row: Row[Any]) -> dict[str, Any]:
    """An access key, for its user."""
    return {
        "id": row.id,
        "name": row.name,
        "clientId": row.client_id,
        "createdAt": to_wire(row.created_at),
        "lastLogin": optional_to_wire(row.last_login_at),
    }


def administration_view(row: Row[Any]) -> dict[str, Any]:
    """An access key, for administrators: whose it is, too."""
    return {**access_key_view(row), "createdBy": row.username}
