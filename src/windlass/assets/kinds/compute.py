"""Compute resources: how much CPU, memory and GPU one replica asks for."""

from collections.abc import Iterator, Mapping
from typing import Any

from windlass.assets.kind import Kind
from windlass.identity.roles import ResourceType
from windlass.kit.errors import FieldError
from windlass.spec.compute import Compute, compute_errors


def _errors(compute: Compute, path: str) -> Iterator[FieldError]:
    yield from compute_errors(compute, path)
    devices, kind = compute.gpu_devices_request, compute.gpu_request_type
    if devices is not None and devices > 1 and kind == "memory":
        yield FieldError(
            f"{path}.gpuRequestType",
            f"must be portion, or left out for whole devices, where gpuDevicesRequest is {devices}",
        )


def _in_workload(spec: Mapping[str, Any]) -> dict[str, Any]:
    return {"compute": dict(spec)}


COMPUTE = Kind(
    name="compute",
    words="compute resource",
    path="/api/v1/asset/compute",
    tag="Compute resources",
    resource=ResourceType.COMPUTE_RESOURCES,
    spec=Compute,
    errors=_errors,
    may_lack_spec=True,
    in_workload=_in_workload,
)
