"""How data volumes look on the wire."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Row

from windlass.kit.timestamps import to_wire
from windlass.org.scopes import ScopeType

READY_IS_NOT = "NotReady"
LEAVING = "Deleting"
_WHY = {
    READY_IS_NOT: "It is on record; nothing here mounts data volumes yet.",
    LEAVING: "It goes with its project, which is being deleted.",
}


def volume_view(row: Row[Any], spec: Mapping[str, Any]) -> dict[str, Any]:
    """One data volume. The row has its project's name and its phase."""
    view = {
        "id": row.id,
        "name": row.name,
        "description": row.description,
        "originPvcName": spec["originPvcName"],
        "shouldDeleteOriginalVolume": spec.get("shouldDeleteOriginalVolume", False),
        "useOriginalVolume": spec.get("useOriginalVolume", True),
        "projectId": str(row.project_id),
        "projectName": row.project_name,
        "departmentId": str(row.department_id),
        "clusterId": row.cluster_id,
        "createdAt": to_wire(row.created_at),
        "createdBy": row.created_by,
        "updatedAt": to_wire(row.updated_at),
        "updatedBy": row.updated_by,
        "status": {"phase": row.phase, "phaseMessage": _WHY[row.phase], "conditions": []},
    }
    # The published description is no null.
    return {key: value for key, value in view.items() if value is not None}


def share_view(share: Row[Any], level: ScopeType, unit_id: str, name: str) -> dict[str, Any]:
    """One unit that a data volume is shared with."""
    return {
        "scopeType": level.value,
        "scopeId": unit_id,
        "scopeName": name,
        "createdAt": to_wire(share.created_at),
        "createdBy": share.created_by,
    }
