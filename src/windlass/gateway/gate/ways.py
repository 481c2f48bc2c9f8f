"""The ways into a workload: by its own route, and by each additional one. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from windlass.gateway.gateway import Access, Address, Callers, ReplicaProtocol, Route
from windlass.gateway.names import LONGEST_SECONDS


@dataclass(frozen=True, slots=True)
class Way:
    """One way in, under the name of its route configuration."""

    name: str
    cluster: str
    keys: tuple[str, ...]
    """Of the scopes that lead to it: hosts, a path, or the name of a listener."""
    callers: Callers
    internal_only: bool
    protocol: ReplicaProtocol
    listen: Address | None = None


def cluster_name(workload_id: str, port: int | None) -> str:
    """The cluster of a workload's serving port, or of an additional one as declared."""
    return workload_id if port is None else f"{workload_id}|{port}"


def ports(route: Route) -> tuple[int | None, ...]:
    """The ports that requests go to, as declared: None for the serving port, which comes first."""
    further = {each.port for each in route.additional if each.port is not None}
    return (None, *sorted(further))


def slots_cluster_name(workload_id: str) -> str:
    """The cluster of the serving port once more, for requests that have a slot: to look for one
    costs something, which no other request shall pay."""
    return f"{workload_id}|slots"


def cluster_ports(route: Route) -> dict[str, int | None]:
    """The ports of a workload's clusters, as declared, by their names."""
    built = {cluster_name(route.workload_id, port): port for port in ports(route)}
    if route.concurrency_limit > 0:
        built[slots_cluster_name(route.workload_id)] = None
    return built


def cluster_names(route: Route) -> tuple[str, ...]:
    """The clusters of a workload."""
    return tuple(cluster_ports(route))


def counted_clusters(route: Route) -> tuple[str, ...]:
    """Those in which its requests are counted: with a limit until a moment ago, too."""
    return tuple({*cluster_names(route), slots_cluster_name(route.workload_id)})


def listener_name(address: Address) -> str:
    """The listener of an address; no host is called so, for want of a `/` in hosts."""
    return f"port/{address.port}"


def ways(route: Route) -> Iterator[Way]:
    """Every way in, the workload's own first."""
    yield Way(
        name=route.workload_id,
        cluster=route.workload_id,
        keys=(*route.hosts, *([route.path_prefix] if route.path_prefix else [])),
        callers=route.callers,
        internal_only=route.internal_only,
        protocol=route.protocol,
    )
    for each in route.additional:
        listen = [] if each.listen is None else [listener_name(each.listen)]
        yield Way(
            name=f"{route.workload_id}|{each.name}",
            cluster=cluster_name(route.workload_id, each.port),
            keys=(*each.hosts, *listen),
            callers=each.callers,
            internal_only=each.internal_only,
            protocol=route.protocol if each.port is None else ReplicaProtocol.AS_CLIENT,
            listen=each.listen,
        )


def is_held(route: Route) -> bool:
    """Whether requests wait for the gate's word."""
    return not route.endpoints and route.unavailable is None


def is_limited(route: Route, way: Way) -> bool:
    """Whether each request needs a slot: those to additional ports never do."""
    return route.concurrency_limit > 0 and way.cluster == route.workload_id


def limit_seconds(route: Route) -> float:
    """The time-out of a workload, bounded to what timers hold."""
    return min(route.request_timeout_seconds, LONGEST_SECONDS)


def is_public(way: Way) -> bool:
    """Whether nobody needs a token."""
    return way.callers.access is Access.PUBLIC
