"""Which fields of an inference an engine cannot honour."""

from collections.abc import Callable, Iterator, Mapping
from functools import cache

from windlass.kit.errors import FieldError
from windlass.spec.model import given
from windlass.workloads.field_support import EngineKind, FieldTable, load_field_table
from windlass.workloads.inferences.schemas import InferenceCreationRequest, InferenceSpec

MOST_PROCESSES = 500
"""Of one workload on one machine: a number mistyped must not drown the store and the machine."""


@cache
def field_table() -> FieldTable:
    """Every leaf path of the creation's body, with what each engine does with it."""
    return load_field_table("windlass.workloads.inferences", "fields.yaml")


def refused_fields(creation: InferenceCreationRequest, engine: EngineKind) -> list[FieldError]:
    """Why this engine cannot honour the body as given; empty when it can."""
    body = creation.as_given()
    spec = creation.spec or InferenceSpec()
    refusals = field_table().refusals(body, engine, set(_without_effect(spec)))
    return [*refusals, *_CONDITIONS.get(engine, _no_conditions)(spec)]


def _without_effect(spec: InferenceSpec) -> Iterator[str]:
    """Fields whose value says what holds without them, given the fields beside them."""
    compute = spec.compute
    if compute is not None:
        if compute.gpu_portion_limit == compute.gpu_portion_request:
            yield "spec.compute.gpuPortionLimit"
        if compute.gpu_memory_limit == compute.gpu_memory_request:
            yield "spec.compute.gpuMemoryLimit"


def _process_conditions(spec: InferenceSpec) -> Iterator[FieldError]:
    yield from _machine_conditions(spec)
    yield from _probe_conditions(spec)


def _container_conditions(spec: InferenceSpec) -> Iterator[FieldError]:
    yield from _machine_conditions(spec)
    security = spec.security
    if security is None or security.uid_gid_source != "fromTheImage":
        return
    for field, value in (
        ("runAsUid", security.run_as_uid),
        ("runAsGid", security.run_as_gid),
        ("supplementalGroups", security.supplemental_groups or None),
    ):
        if value is not None:
            yield FieldError(
                f"spec.security.{field}", "needs uidGidSource to be custom, not fromTheImage"
            )


def _machine_conditions(spec: InferenceSpec) -> Iterator[FieldError]:
    scaling = spec.autoscaling
    if scaling is not None and scaling.maximum > MOST_PROCESSES:
        field = "minReplicas" if scaling.max_replicas is None else "maxReplicas"
        yield FieldError(
            f"spec.autoscaling.{field}",
            f"must be at most {MOST_PROCESSES}, not {scaling.maximum}: this is one machine",
        )
    for index, port in given(spec.ports):
        if port.external is not None and port.service_type == "ClusterIP":
            yield FieldError(
                f"spec.ports[{index}].external",
                "must be left out for ClusterIP, whose ports have hosts of their own at the"
                " internal gateway; NodePort is for a port of the gateway's address",
            )


def _probe_conditions(spec: InferenceSpec) -> Iterator[FieldError]:
    probed = _probed_port(spec)
    serving = spec.serving_port.container if spec.serving_port else None
    if probed is not None and serving is not None and probed != serving:
        yield FieldError(
            "spec.probes.readiness.handler.httpGet.port",
            f"must be left out or be {serving}, as in spec.servingPort.container: whether a"
            " process is ready is seen where it is served",
        )


def _no_conditions(_: InferenceSpec) -> Iterator[FieldError]:
    yield from ()


def _probed_port(spec: InferenceSpec) -> int | None:
    readiness = spec.probes.readiness if spec.probes else None
    handler = readiness.handler if readiness else None
    return handler.http_get.port if handler and handler.http_get else None


_CONDITIONS: Mapping[EngineKind, Callable[[InferenceSpec], Iterator[FieldError]]] = {
    EngineKind.PROCESS: _process_conditions,
    EngineKind.CONTAINER: _container_conditions,
}
