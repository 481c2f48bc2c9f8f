"""How units of the organisation look on the wire."""

from typing import Any

from sqlalchemy import Row

from windlass import __version__
from windlass.kit.timestamps import to_wire
from windlass.org.service import namespace_of

_UNLIMITED = -1.0
_DEFAULT_WEIGHT = 2.0


def cluster_view(row: Row[Any], now: float, *, full: bool) -> dict[str, Any]:
    """A cluster; `full` adds its status."""
    view: dict[str, Any] = {
        "uuid": row.id,
        "tenantId": row.tenant_id,
        "name": row.name,
        "domain": row.domain,
        "version": __version__,
        "createdAt": to_wire(row.created_at),
        "updatedAt": to_wire(row.created_at),
        "lastLiveness": to_wire(now),
        "deletedAt": None,
    }
    if full:
        view["status"] = {"state": "Connected", "conditions": []}
    return view


def department_view(row: Row[Any]) -> dict[str, Any]:
    """A department."""
    return {
        **_unit(row),
        "clusterId": row.cluster_id,
        "resources": [_resources(row)],
        "schedulingRules": None,
        "defaultNodePools": None,
        "nodeTypes": {"training": [], "workspace": []},
    }


def project_view(row: Row[Any]) -> dict[str, Any]:
    """A project."""
    parent = str(row.department_id)
    return {
        **_unit(row),
        "clusterId": row.cluster_id,
        "parentId": parent,
        "departmentId": parent,
        "requestedNamespace": None,
        "enforceRunaiScheduler": True,
        "resources": [_resources(row)],
        "schedulingRules": None,
        "defaultNodePools": None,
        "nodeTypes": {"training": [], "workspace": []},
        "effective": {
            "schedulingRules": None,
            "defaultNodePools": [row.node_pool],
            "nodeTypes": {"training": [], "workspace": []},
        },
        "status": {
            "namespace": namespace_of(row.name),
            "phase": "Ready",
            "phaseMessage": "",
            "lastUpdatedTime": to_wire(row.created_at),
        },
    }


def _unit(row: Row[Any]) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "name": row.name,
        "description": "",
        "createdAt": to_wire(row.created_at),
        "updatedAt": to_wire(row.created_at),
        "createdBy": row.created_by,
        "updatedBy": row.created_by,
        "totalResources": {"gpuQuota": None, "cpuQuota": None, "memoryQuota": None},
    }


def _resources(row: Row[Any]) -> dict[str, Any]:
    unlimited = {"deserved": _UNLIMITED, "limit": None, "overQuotaWeight": _DEFAULT_WEIGHT}
    return {
        "nodePool": {"id": str(row.node_pool_id), "name": row.node_pool},
        "gpu": unlimited,
        "cpu": unlimited,
        "memory": {**unlimited, "units": "MB"},
        "priority": None,
    }
