"""The gateway's route of a workload. Pure."""

from windlass.gateway.gateway import Endpoint, Route
from windlass.org.names import namespace_of
from windlass.workloads.kind import DesiredWorkload
from windlass.workloads.lifecycle import Decision
from windlass.workloads.records import Pod, WorkloadRecord


def host_of(name: str, project_name: str, domain: str) -> str:
    """The host name requests can be sent to."""
    return f"{name}-{namespace_of(project_name)}.{domain}"


def path_of(name: str, project_name: str) -> str:
    """The path requests can be sent under."""
    return f"/{project_name}/{name}"


def urls_of(name: str, project_name: str, gateway_url: str, domain: str) -> list[str]:
    """Every URL of a workload, the path form first, which needs no name resolution."""
    scheme, _, address = gateway_url.partition("://")
    port = address.rpartition(":")[2]
    return [
        f"{gateway_url}{path_of(name, project_name)}/",
        f"{scheme}://{host_of(name, project_name, domain)}:{port}/",
    ]


def route_of(
    record: WorkloadRecord, decision: Decision, desired: DesiredWorkload, domain: str
) -> Route:
    """The route that the decision asks for."""
    failure = decision.failure
    return Route(
        workload_id=record.id,
        hosts=(host_of(record.name, record.project_name, domain),),
        path_prefix=path_of(record.name, record.project_name),
        endpoints=tuple(endpoint for pod in decision.endpoints if (endpoint := _endpoint(pod))),
        unavailable=f"{failure.reason}: {failure.message}" if failure else None,
        callers=desired.callers,
        request_timeout_seconds=desired.request_timeout_seconds,
        no_replica_because=_no_replica_because(record, decision),
        concurrency_limit=desired.scaling.concurrency_limit,
    )


def _no_replica_because(record: WorkloadRecord, decision: Decision) -> str | None:
    """Why no replica will be there soon, where that is certain."""
    if decision.crash_loop is not None:
        return f"{decision.crash_loop.reason}: {decision.crash_loop.message}"
    has_place = any(pod.is_placed for pod in decision.alive)
    if record.is_out_of_room and decision.alive and not has_place:
        return f"Unschedulable: {record.pending_message}"
    return None


def _endpoint(pod: Pod) -> Endpoint | None:
    if pod.host is None or pod.port is None:
        return None
    return Endpoint(pod.id, pod.host, pod.port)
