"""How units of the organisation look on the wire."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Row

from windlass import __version__
from windlass.kit.timestamps import to_wire
from windlass.org.names import namespace_of
from windlass.org.node_pools import ListedPool
from windlass.org.nodes import ListedNode
from windlass.org.resource_bodies import (
    aggregated_views,
    pool_quota_status_views,
    quota_status_view,
    resources_views,
    totals_view,
)
from windlass.org.resources import DEFAULT_RANK, RANKS, Resources, Use
from windlass.org.units import Unit

_NO_NODE_TYPES: dict[str, list[str]] = {"training": [], "workspace": []}


def cluster_view(row: Row[Any], now: float, *, full: bool) -> dict[str, Any]:
    """A cluster; `full` adds its status."""
    view: dict[str, Any] = {
        "uuid": row.id,
        "tenantId": row.tenant_id,
        "name": row.name,
        "domain": row.domain or None,
        "version": __version__ if row.connected else None,
        "createdAt": to_wire(row.created_at),
        "updatedAt": to_wire(row.updated_at),
        "lastLiveness": to_wire(now) if row.connected else None,
        "deletedAt": None,
    }
    if full:
        state = "Connected" if row.connected else "WaitingToConnect"
        view["status"] = {"state": state, "conditions": []}
    return view


def department_view(unit: Unit) -> dict[str, Any]:
    """A department as a list shows it."""
    return {
        **_unit_view(unit),
        "status": {"quotaStatus": quota_status_view(_total(unit))},
    }


def brief_department_view(unit: Unit) -> dict[str, Any]:
    """The same without what it uses."""
    return _unit_view(unit)


def whole_department_view(
    unit: Unit, children: Sequence[Mapping[int, Resources]]
) -> dict[str, Any]:
    """A single department, with what its projects deserve in all."""
    return {
        **_unit_view(unit),
        "projectsAggregatedResources": aggregated_views(unit.pools.names, children),
        "status": _quota_statuses(unit),
    }


def project_view(unit: Unit) -> dict[str, Any]:
    """A project."""
    row = unit.row
    parent = str(row.department_id)
    deleting = row.delete_requested_at is not None
    return {
        **_unit_view(unit),
        "parentId": parent,
        "departmentId": parent,
        "departmentName": row.department_name,
        "requestedNamespace": None,
        "enforceRunaiScheduler": True,
        "effective": {
            "schedulingRules": None,
            "defaultNodePools": effective_node_pools(unit),
            "nodeTypes": _NO_NODE_TYPES,
        },
        "status": {
            "namespace": namespace_of(row.name),
            "phase": "Deleting" if deleting else "Ready",
            "phaseMessage": "Its workloads are being ended." if deleting else "",
            "lastUpdatedTime": to_wire(row.updated_at),
            **_quota_statuses(unit),
        },
    }


def effective_node_pools(unit: Unit) -> list[str]:
    """Where workloads of a project go that name no node pool, in order of preference."""
    row = unit.row
    chosen: list[str] = row.default_node_pools or row.department_node_pools or []
    return chosen or [unit.pools.names[unit.pools.default]]


def unit_resources_view(unit: Unit) -> list[dict[str, Any]]:
    """What a department or project may have in each node pool."""
    return resources_views(unit.pools.names, unit.resources)


def node_pool_view(pool: ListedPool) -> dict[str, Any]:
    """A node pool."""
    row = pool.row
    strategy = {"cpu": row.cpu_strategy, "gpu": row.gpu_strategy}
    configuration = {
        "placementStrategy": strategy,
        "minGuaranteedRuntime": row.minimum_guaranteed_runtime,
    }
    return {
        "id": str(row.id),
        "name": row.name,
        "tenantId": row.tenant_id,
        "clusterId": row.cluster_id,
        "clusterName": row.cluster_name,
        "labelKey": row.label_key,
        "labelValue": row.label_value,
        "isDefault": row.is_default,
        "placementStrategy": strategy,
        "schedulingConfiguration": configuration,
        "overProvisioningRatio": 1,
        "gpuNetworkAccelerationDetection": "Auto",
        "gpuResourceOptimization": {"swapEnabled": False, "nodeLevelSchedulerEnabled": False},
        "networkTopologyId": None,
        "networkTopologyName": None,
        "phase": pool.phase,
        "phaseMessage": "" if pool.nodes else "No node has its label.",
        "status": {"nodes": list(pool.nodes), "gpuNetworkAccelerationDetected": False},
        "createdAt": to_wire(row.created_at),
        "createdBy": row.created_by,
        "updatedAt": to_wire(row.updated_at),
        "updatedBy": row.updated_by,
        "deletedAt": None,
    }


def node_view(item: ListedNode) -> dict[str, Any]:
    """A node."""
    row = item.row
    gpus = {"gpuType": row.gpu_type, "gpuCount": row.gpu_count} if row.gpu_count else None
    message = "Declared for a trial: no replica can run there." if row.simulated else ""
    return {
        "id": row.id,
        "name": row.name,
        "clusterUuid": row.cluster_id,
        "status": "Ready",
        "conditions": [
            {
                "type": "Ready",
                "reason": "Simulated" if row.simulated else "EngineReady",
                "message": message,
            }
        ],
        "taints": row.taints,
        "nodePool": item.node_pool,
        "createdAt": to_wire(row.created_at),
        "updatedAt": to_wire(row.updated_at),
        "gpuInfo": gpus,
        "nvLinkDomainUid": None,
        "nvLinkCliqueId": None,
        "labels": row.labels,
        "simulated": row.simulated,
    }


def rank_views() -> list[dict[str, Any]]:
    """The ranks that departments and projects can have, the lowest first."""
    return [
        {"name": name, "value": value, "isDefault": name == DEFAULT_RANK}
        for name, value in RANKS.items()
    ]


def _unit_view(unit: Unit) -> dict[str, Any]:
    row = unit.row
    return {
        "id": str(row.id),
        "name": row.name,
        "clusterId": row.cluster_id,
        "description": row.description,
        "createdAt": to_wire(row.created_at),
        "updatedAt": to_wire(row.updated_at),
        "createdBy": row.created_by,
        "updatedBy": row.updated_by,
        "schedulingRules": None,
        "defaultNodePools": row.default_node_pools,
        "nodeTypes": _NO_NODE_TYPES,
        "resources": unit_resources_view(unit),
        "totalResources": totals_view(unit.resources),
    }


def _quota_statuses(unit: Unit) -> dict[str, Any]:
    return {
        "quotaStatus": quota_status_view(_total(unit)),
        "nodePoolQuotaStatuses": list(pool_quota_status_views(unit.pools.names, unit.use)),
    }


def _total(unit: Unit) -> Use:
    return sum(unit.use.values(), Use())
