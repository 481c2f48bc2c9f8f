"""How workloads, pods and events look on the wire."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import Row

from windlass.kit.quantities import format_quantity, parse_quantity
from windlass.kit.timestamps import optional_to_wire, to_wire
from windlass.org.names import namespace_of
from windlass.org.tree import FIRST_NAME
from windlass.scheduling import Toleration
from windlass.workloads.addresses import Named, Places, connections_of, urls_of
from windlass.workloads.kind import DesiredWorkload
from windlass.workloads.phases import Phase
from windlass.workloads.records import PodState
from windlass.workloads.store import devices_of

_POD_PHASES = {
    PodState.PENDING: "Pending",
    PodState.PLACED: "Pending",
    PodState.STARTING: "Pending",
    PodState.RUNNING: "Running",
}


def workload_view(row: Row[Any], desired: DesiredWorkload, places: Places) -> dict[str, Any]:
    """One entry of the list of workloads."""
    request = requested_resources(desired)
    named = Named(row.name, row.project_name)
    return {
        "id": row.id,
        "type": row.type,
        "name": row.name,
        "tenantId": row.tenant_id,
        "clusterId": row.cluster_id,
        "departmentId": str(row.department_id),
        "departmentName": row.department_name,
        "projectId": str(row.project_id),
        "projectName": row.project_name,
        "namespace": namespace_of(row.project_name),
        "source": "Control-plane",
        "submittedBy": row.created_by,
        "createdAt": to_wire(row.created_at),
        "updatedAt": to_wire(row.updated_at),
        "deletedAt": optional_to_wire(row.deleted_at),
        "phase": row.phase,
        "phaseReason": row.phase_reason,
        "phaseMessage": row.phase_message,
        "phaseUpdatedAt": to_wire(row.phase_updated_at),
        "k8sPhase": row.phase,
        "k8sPhaseUpdatedAt": to_wire(row.phase_updated_at),
        "conditions": _conditions(row),
        "category": row.category,
        "priority": row.priority,
        "priorityClassName": row.priority_class,
        "preemptible": row.preemptible,
        "runningPods": row.running_pods,
        "requestedPods": {
            "number": row.wanted_replicas,
            "min": desired.scaling.minimum,
            "max": desired.scaling.maximum,
        },
        "requestedNodePools": _requested_pools(row, desired),
        "currentNodePools": [row.node_pool] if row.node_pool else [],
        "podsRequestedResources": request,
        "workloadRequestedResources": _times(request, row.wanted_replicas),
        "images": [row.image],
        "urls": urls_of(named, desired, places),
        "externalConnections": connections_of(named, desired, places),
        "actionsSupport": {"delete": row.desired_phase != "Deleted", "suspend": False},
    }


def detail_view(row: Row[Any], view: dict[str, Any]) -> dict[str, Any]:
    """A single workload: its list entry, and why it waits."""
    spec = row.spec
    return {
        **view,
        "command": spec.get("command") or "",
        "arguments": spec.get("args") or "",
        "environmentVariables": {
            variable["name"]: variable["value"]
            for variable in spec.get("environmentVariables") or []
            if variable.get("name") and variable.get("value") is not None
        },
        "pendingSchedulingMessages": [
            {
                "nodePool": reason["nodePool"],
                "phaseReason": reason["reason"],
                "reason": reason["reason"],
                "userMessage": reason["message"],
                **({"orgType": reason["orgType"]} if "orgType" in reason else {}),
            }
            for reason in row.pending_reasons or []
        ]
        or None,
    }


def pod_view(item: Row[Any], owner: Row[Any], desired: DesiredWorkload) -> dict[str, Any]:
    """One pod of a workload."""
    devices = devices_of(item.devices)
    return {
        "id": item.id,
        "name": f"{owner.name}-{item.ordinal}-{item.id[:8]}",
        "workloadId": item.workload_id,
        "workloadName": owner.name,
        "revisionId": item.revision_id,
        "tenantId": owner.tenant_id,
        "clusterId": owner.cluster_id,
        "projectId": str(owner.project_id),
        "projectName": owner.project_name,
        "priorityClassName": owner.priority_class,
        "nodeName": item.node_name,
        "currentNodePool": item.node_pool,
        "requestedNodePools": _requested_pools(owner, desired),
        "createdAt": to_wire(item.created_at),
        "updatedAt": to_wire(item.updated_at),
        "completedAt": optional_to_wire(item.exited_at),
        "deletedAt": optional_to_wire(item.exited_at),
        "k8sPhase": _pod_phase(item),
        "k8sPhaseUpdatedAt": to_wire(item.updated_at),
        "ip": item.host,
        "containers": [
            {
                "name": owner.name,
                "image": owner.image,
                "startedAt": optional_to_wire(item.started_at),
            }
        ],
        "requestedResources": requested_resources(desired),
        "allocatedResources": {"gpu": sum(share.portion for share in devices)},
        "tolerations": [_toleration_view(item) for item in desired.constraints.tolerations],
        "ordinal": item.ordinal,
        "ready": item.ready,
        "port": item.port,
        "devices": [share.device_id for share in devices],
        "exit": _exit(item),
    }


def event_view(item: Row[Any], owner: Row[Any]) -> dict[str, Any]:
    """One event of a workload."""
    return {
        "id": item.id,
        "createdAt": to_wire(item.created_at),
        "type": item.type,
        "reason": item.reason,
        "message": item.message,
        "clusterId": owner.cluster_id,
        "source": "windlass",
        "requestId": item.request_id,
        "involvedObject": {
            "uid": item.pod_id or owner.id,
            "kind": "Pod" if item.pod_id else owner.type,
            "name": owner.name,
            "namespace": namespace_of(owner.project_name),
        },
    }


def requested_resources(desired: DesiredWorkload) -> dict[str, Any]:
    """What one pod asks for: GPUs as devices times portion, CPU in cores, memory as a quantity."""
    request, limits = desired.request, desired.template.limits
    by_memory = request.device_memory_bytes is not None
    fraction = request.portion < _WHOLE
    return {
        "gpuRequestType": "memory" if by_memory else "portion" if fraction else None,
        "gpu": {
            "request": None if by_memory else request.devices * request.portion / _WHOLE,
            "limit": None,
        },
        "gpuMemory": {
            "request": _quantity(request.device_memory_bytes),
            "limit": None,
        },
        "cpu": {
            "request": _cores(limits.cpu_millicores_request),
            "limit": _cores(limits.cpu_millicores_limit),
        },
        "cpuMemory": {
            "request": _quantity(limits.memory_bytes_request),
            "limit": _quantity(limits.memory_bytes_limit),
        },
        "extendedResources": [],
    }


def _requested_pools(row: Row[Any], desired: DesiredWorkload) -> list[str]:
    return list(desired.constraints.node_pools or row.default_node_pools or [FIRST_NAME])


def _toleration_view(item: Toleration) -> dict[str, Any]:
    return {
        "key": item.key,
        "operator": item.operator.value,
        "value": item.value,
        "effect": "Any" if item.effect is None else item.effect.value,
    }


_WHOLE = 1_000_000


def _times(resources: dict[str, Any], replicas: int) -> dict[str, Any]:
    def scaled(pair: dict[str, Any]) -> dict[str, Any]:
        return {name: _multiplied(value, replicas) for name, value in pair.items()}

    return {
        **resources,
        **{name: scaled(resources[name]) for name in ("gpu", "gpuMemory", "cpu", "cpuMemory")},
    }


def _multiplied(value: str | float | None, factor: int) -> str | float | None:
    if value is None:
        return None
    if isinstance(value, str):
        return format_quantity(parse_quantity(value) * factor)
    return value * factor


def _cores(millicores: int | None) -> float | None:
    return None if millicores is None else millicores / 1000


def _quantity(count: int | None) -> str | None:
    return None if count is None else format_quantity(Decimal(count))


def _conditions(row: Row[Any]) -> Sequence[dict[str, Any]]:
    ready = row.phase == Phase.RUNNING.value
    return [
        {
            "type": "Ready",
            "status": "True" if ready else "False",
            "reason": row.phase_reason or row.phase,
            "message": row.phase_message,
            "lastTransitionTime": to_wire(row.phase_updated_at),
        }
    ]


def _pod_phase(item: Row[Any]) -> str:
    if item.exited_at is None:
        return _POD_PHASES[PodState(item.state)]
    return "Succeeded" if item.exit_reason in ("Completed", "Stopped") else "Failed"


def _exit(item: Row[Any]) -> dict[str, Any] | None:
    if item.exited_at is None:
        return None
    return {
        "reason": item.exit_reason,
        "message": item.exit_message,
        "code": item.exit_code,
        "signal": item.exit_signal,
        "at": to_wire(item.exited_at),
    }
