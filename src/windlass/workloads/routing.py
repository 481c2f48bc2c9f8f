"""The gateway's route of a workload. Pure."""

from collections.abc import Sequence
from dataclasses import replace

from windlass.gateway.gateway import AdditionalRoute, Address, Endpoint, Route
from windlass.spec.exposure import Exposure, ExposureKind
from windlass.workloads.addresses import Named, Places, exposed_host
from windlass.workloads.kind import DesiredWorkload
from windlass.workloads.lifecycle import Decision
from windlass.workloads.records import Pod, WorkloadRecord


def route_of(
    record: WorkloadRecord, decision: Decision, desired: DesiredWorkload, places: Places
) -> Route:
    """The route that the decision asks for."""
    failure = decision.failure
    named = Named(record.name, record.project_name)
    route = replace(
        first_route(record.id, named, desired, places),
        endpoints=_endpoints(decision.endpoints),
        starting=_endpoints(decision.starting),
        no_replica_because=_no_replica_because(record, decision),
    )
    if failure is None:
        return route
    return replace(
        route,
        unavailable=f"{failure.reason}: {failure.message}",
        # Given up for whatever reason, it must not stand in the way of who listens there instead.
        additional=tuple(replace(each, listen=None) for each in route.additional),
    )


def first_route(workload_id: str, named: Named, desired: DesiredWorkload, places: Places) -> Route:
    """The route of a workload of which nothing has been decided: requests are held."""
    return Route(
        workload_id=workload_id,
        hosts=(named.host(places.domain), named.internal_host),
        path_prefix=named.path,
        callers=desired.callers,
        internal_only=desired.internal_only,
        protocol=desired.protocol,
        additional=tuple(
            _additional_route(named, exposure, desired, places) for exposure in desired.exposures
        ),
        request_timeout_seconds=desired.request_timeout_seconds,
        concurrency_limit=desired.scaling.concurrency_limit,
    )


def _additional_route(
    named: Named, exposure: Exposure, desired: DesiredWorkload, places: Places
) -> AdditionalRoute:
    is_serving = exposure.container == desired.template.container_port
    host = exposed_host(named, exposure, places.domain)
    external = exposure.external
    return AdditionalRoute(
        name=f"{exposure.kind}-{exposure.external or exposure.container}",
        port=None if is_serving else exposure.container,
        hosts=() if host is None else (host,),
        listen=None if external is None else Address(places.gateway_host, external),
        internal_only=exposure.kind is ExposureKind.INTERNAL,
        callers=exposure.callers,
    )


def _no_replica_because(record: WorkloadRecord, decision: Decision) -> str | None:
    """Why no replica will be there soon, where that is certain."""
    if decision.crash_loop is not None:
        return f"{decision.crash_loop.reason}: {decision.crash_loop.message}"
    has_place = any(pod.is_placed for pod in decision.alive)
    if record.is_out_of_room and decision.alive and not has_place:
        return f"Unschedulable: {record.pending_message}"
    return None


def _endpoints(pods: Sequence[Pod]) -> tuple[Endpoint, ...]:
    return tuple(endpoint for pod in pods if (endpoint := _endpoint(pod)))


def _endpoint(pod: Pod) -> Endpoint | None:
    if pod.host is None or pod.port is None:
        return None
    return Endpoint(pod.id, pod.host, pod.port, pod.additional_ports)
