"""CPU, memory and GPUs of one replica."""

from collections.abc import Iterator
from decimal import Decimal
from typing import ClassVar, Literal

from windlass.engines.engine import Limits
from windlass.kit.errors import FieldError
from windlass.kit.quantities import LARGEST, parse_bytes, parse_quantity, round_up
from windlass.scheduling import WHOLE_DEVICE, Request, portion
from windlass.spec.model import Item, SpecModel, given
from windlass.spec.scalars import Bytes, NonEmpty, NotNegative, Quantity, UnsignedInt32

GpuRequestType = Literal["portion", "memory", "migProfile"]
MigProfile = Literal[
    "1g.5gb",
    "1g.10gb",
    "2g.10gb",
    "2g.20gb",
    "3g.20gb",
    "3g.40gb",
    "4g.20gb",
    "4g.40gb",
    "7g.40gb",
    "7g.80gb",
]


class ExtendedResource(Item):
    """A countable resource that a device plugin offers, such as `example.com/fpga`."""

    mandatory: ClassVar = ("resource", "quantity")
    identified_by: ClassVar = "resource"
    resource: NonEmpty | None = None
    quantity: Quantity | None = None


class Compute(SpecModel):
    """What one replica asks of its node. Portions and GPU memory are of each device."""

    gpu_devices_request: UnsignedInt32 | None = None
    """How many GPUs, all on one node."""
    gpu_request_type: GpuRequestType | None = None
    """How the part of each GPU is said."""
    gpu_portion_request: NotNegative | None = None
    """Above 0, at most 1."""
    gpu_portion_limit: NotNegative | None = None
    """What it may use while nobody else needs it."""
    gpu_memory_request: Bytes | None = None
    gpu_memory_limit: Bytes | None = None
    mig_profile: MigProfile | None = None
    cpu_core_request: NotNegative | None = None
    """In cores, such as 0.5."""
    cpu_core_limit: NotNegative | None = None
    """In cores; no limit unless given."""
    cpu_memory_request: Bytes | None = None
    """Such as 512Mi or 2G."""
    cpu_memory_limit: Bytes | None = None
    """No limit unless given; a replica that exceeds it is killed."""
    large_shm_request: bool | None = None
    """A larger /dev/shm."""
    extended_resources: list[ExtendedResource | None] | None = None


def compute_errors(compute: Compute, path: str) -> Iterator[FieldError]:
    """What does not fit together."""
    yield from _gpu_type_errors(compute, path)
    yield from _portion_errors(compute, path)
    yield from _cpu_errors(compute, path)
    yield from _limit_errors(compute, path)
    yield from _extended_errors(compute, path)


def limits_of(compute: Compute | None) -> Limits:
    """CPU in millicores and memory in bytes, rounded up.

    As in Kubernetes, a limit without a request is the request, too.
    """
    if compute is None:
        return Limits()
    cores_limit = _millicores(compute.cpu_core_limit)
    memory_limit = _bytes(compute.cpu_memory_limit)
    return Limits(
        cpu_millicores_request=_first(_millicores(compute.cpu_core_request), cores_limit),
        cpu_millicores_limit=cores_limit,
        memory_bytes_request=_first(_bytes(compute.cpu_memory_request), memory_limit),
        memory_bytes_limit=memory_limit,
    )


def request_of(compute: Compute | None) -> Request:
    """What the scheduler is asked for, for one replica.

    A GPU request type without a number of devices asks for one device.
    """
    if compute is None:
        return Request()
    limits = limits_of(compute)
    kind = compute.gpu_request_type
    devices = compute.gpu_devices_request
    return Request(
        devices=_first(devices, 0 if kind is None else 1) or 0,
        portion=WHOLE_DEVICE
        if compute.gpu_portion_request is None
        else portion(compute.gpu_portion_request),
        device_memory_bytes=_bytes(compute.gpu_memory_request),
        mig_profile=compute.mig_profile,
        cpu_millicores=limits.cpu_millicores_request or 0,
        memory_bytes=limits.memory_bytes_request or 0,
    )


_VALUE_OF_TYPE = {
    "portion": ("gpuPortionRequest", "gpu_portion_request"),
    "memory": ("gpuMemoryRequest", "gpu_memory_request"),
    "migProfile": ("migProfile", "mig_profile"),
}


def _gpu_type_errors(compute: Compute, path: str) -> Iterator[FieldError]:
    kind = compute.gpu_request_type
    for other, (field, attribute) in _VALUE_OF_TYPE.items():
        value = getattr(compute, attribute)
        if other == kind and value is None:
            yield FieldError(f"{path}.{field}", f"is required where gpuRequestType is {kind}")
        if other != kind and value is not None:
            yield FieldError(
                f"{path}.{field}",
                f"belongs to gpuRequestType {other}, and gpuRequestType is {kind or 'not given'}",
            )
    if kind is not None and compute.gpu_devices_request == 0:
        yield FieldError(
            f"{path}.gpuDevicesRequest", f"must be at least 1 where gpuRequestType is {kind}"
        )
    if kind == "migProfile" and (compute.gpu_devices_request or 1) > 1:
        yield FieldError(
            f"{path}.gpuDevicesRequest", "must be 1 where gpuRequestType is migProfile"
        )


def _portion_errors(compute: Compute, path: str) -> Iterator[FieldError]:
    for field, value in (
        ("gpuPortionRequest", compute.gpu_portion_request),
        ("gpuPortionLimit", compute.gpu_portion_limit),
    ):
        if value is not None and not _SMALLEST_PORTION <= value <= 1:
            yield FieldError(
                f"{path}.{field}",
                f"must be above 0 and at most 1, not {value}; it is the part of each device,"
                " and gpuDevicesRequest the number of devices",
            )


def _cpu_errors(compute: Compute, path: str) -> Iterator[FieldError]:
    for field, value in (
        ("cpuCoreRequest", compute.cpu_core_request),
        ("cpuCoreLimit", compute.cpu_core_limit),
    ):
        if value is not None and value * 1000 > LARGEST:
            yield FieldError(f"{path}.{field}", f"must be at most {LARGEST // 1000}, not {value}")
    if compute.cpu_core_limit == 0:
        yield FieldError(f"{path}.cpuCoreLimit", "must be above 0; leave it out for no limit")


def _limit_errors(compute: Compute, path: str) -> Iterator[FieldError]:
    pairs = (
        ("gpuPortion", compute.gpu_portion_request, compute.gpu_portion_limit),
        ("gpuMemory", compute.gpu_memory_request, compute.gpu_memory_limit),
        ("cpuCore", compute.cpu_core_request, compute.cpu_core_limit),
        ("cpuMemory", compute.cpu_memory_request, compute.cpu_memory_limit),
    )
    for stem, request, limit in pairs:
        if limit is None:
            continue
        if request is None:
            if stem.startswith("gpu"):
                yield FieldError(f"{path}.{stem}Limit", f"needs {stem}Request beside it")
        elif _exact(limit) < _exact(request):
            yield FieldError(
                f"{path}.{stem}Limit",
                f"must be at least {stem}Request: {limit} is less than {request}",
            )


def _extended_errors(compute: Compute, path: str) -> Iterator[FieldError]:
    for index, resource in given(compute.extended_resources):
        if resource.quantity is None:
            continue
        if parse_quantity(resource.quantity) % 1:
            yield FieldError(
                f"{path}.extendedResources[{index}].quantity",
                f"must be a whole number, not {resource.quantity}",
            )


_SMALLEST_PORTION = 1 / WHOLE_DEVICE


def _exact(value: float | str) -> Decimal:
    return parse_quantity(value) if isinstance(value, str) else Decimal(str(value))


def _millicores(cores: float | None) -> int | None:
    """None for zero, too: it asks for nothing."""
    return round_up(Decimal(str(cores)) * 1000) if cores else None


def _bytes(quantity: str | None) -> int | None:
    return None if quantity is None else parse_bytes(quantity)


def _first(value: int | None, otherwise: int | None) -> int | None:
    return otherwise if value is None else value
