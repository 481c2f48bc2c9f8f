"""Envoy's clusters for one workload: its replicas, by each of its ports.

Envoy's API is described at envoyproxy.io/docs/envoy/v1.40.0/api-v3.
"""

from collections.abc import Sequence

from envoy.config.cluster.v3 import cluster_pb2
from envoy.config.core.v3 import health_check_pb2
from envoy.config.endpoint.v3 import endpoint_components_pb2, endpoint_pb2
from envoy.extensions.load_balancing_policies.least_request.v3 import least_request_pb2
from envoy.extensions.load_balancing_policies.override_host.v3 import override_host_pb2
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message

from windlass.gateway.gate.packing import (
    PROTOCOL_OPTIONS,
    no_limits,
    packed,
    protocol_options,
)
from windlass.gateway.gate.ways import cluster_ports, is_held, slots_cluster_name
from windlass.gateway.gateway import Address, Endpoint, ReplicaProtocol, Route
from windlass.gateway.names import SLOT, SLOT_FILTER

CONNECT_TIMEOUT_SECONDS = 5
IDLE_CONNECTION_SECONDS = 1
"""Shorter than what common servers keep an idle connection open, so that a request is not sent into
one which the replica is just closing."""


def clusters(route: Route) -> dict[str, cluster_pb2.Cluster]:
    """One for each port, and one for slots, by name. The same as long as ports and protocol are: a
    changed cluster would lose its connections."""
    built = {}
    for name, port in cluster_ports(route).items():
        protocol = route.protocol if port is None else ReplicaProtocol.AS_CLIENT
        by_slot = name == slots_cluster_name(route.workload_id)
        built[name] = cluster(name, protocol, by_slot=by_slot)
    return built


def cluster(name: str, protocol: ReplicaProtocol, *, by_slot: bool = False) -> cluster_pb2.Cluster:
    """The replicas' ports, whichever these are. A request goes to the replica with fewer of them,
    of two; `by_slot` to that whose slot it has."""
    built = cluster_pb2.Cluster(
        name=name,
        type=cluster_pb2.Cluster.EDS,
        connect_timeout=Duration(seconds=CONNECT_TIMEOUT_SECONDS),
        track_cluster_stats=cluster_pb2.TrackClusterStats(per_endpoint_stats=True),
    )
    built.load_balancing_policy.CopyFrom(_by_slot() if by_slot else _fewest())
    source = built.eds_cluster_config.eds_config
    source.resource_api_version = 2
    source.ads.SetInParent()
    # Without this Envoy would send to draining replicas once they are the majority.
    built.common_lb_config.healthy_panic_threshold.value = 0
    # Else Envoy may gather changes of health for up to a second, having acknowledged them.
    built.common_lb_config.update_merge_window.SetInParent()
    built.circuit_breakers.thresholds.append(no_limits())
    options = protocol_options(protocol, IDLE_CONNECTION_SECONDS)
    built.typed_extension_protocol_options[PROTOCOL_OPTIONS].CopyFrom(packed(options))
    return built


def _fewest() -> cluster_pb2.LoadBalancingPolicy:
    fewest = _policy("least_request", least_request_pb2.LeastRequest())
    return cluster_pb2.LoadBalancingPolicy(policies=[fewest])


def _by_slot() -> cluster_pb2.LoadBalancingPolicy:
    override = override_host_pb2.OverrideHost()
    slot = override.override_host_sources.add().metadata
    slot.key = SLOT_FILTER
    slot.path.add(key=SLOT)
    override.fallback_policy.CopyFrom(_fewest())
    return cluster_pb2.LoadBalancingPolicy(policies=[_policy("override_host", override)])


def _policy(name: str, settings: Message) -> cluster_pb2.LoadBalancingPolicy.Policy:
    built = cluster_pb2.LoadBalancingPolicy.Policy()
    built.typed_extension_config.name = f"envoy.load_balancing_policies.{name}"
    built.typed_extension_config.typed_config.CopyFrom(packed(settings))
    return built


def load_assignments(
    route: Route, draining: Sequence[Endpoint]
) -> dict[str, endpoint_pb2.ClusterLoadAssignment]:
    """The endpoints of each cluster, by its name."""
    listed = route.endpoints or _expected(route, draining)
    return {
        name: load_assignment(name, listed, draining, port, tried_again=is_held(route))
        for name, port in cluster_ports(route).items()
    }


def _expected(route: Route, draining: Sequence[Endpoint]) -> Sequence[Endpoint]:
    """The one replica that is to come, where no request gets there without the gate's word, and
    none is tried again. So Envoy knows it by the time that it is ready."""
    alone = len(route.starting) == 1 and not draining
    return route.starting if alone and is_held(route) else ()


def load_assignment(
    name: str,
    endpoints: Sequence[Endpoint],
    draining: Sequence[Endpoint],
    port: int | None = None,
    *,
    tried_again: bool = False,
) -> endpoint_pb2.ClusterLoadAssignment:
    """Draining replicas get no new request, but stay listed so that theirs can be counted.

    With `tried_again` they count as healthy: new requests are held, and one that could not reach
    its replica is tried again for as long as there is somewhere to try, until the next replica is.
    """
    leaving = health_check_pb2.HEALTHY if tried_again else health_check_pb2.DRAINING
    listed = [
        _endpoint(address, health)
        for health, several in (
            (health_check_pb2.HEALTHY, endpoints),
            (leaving, draining),
        )
        for endpoint in several
        if (address := address_of(endpoint, port)) is not None
    ]
    built = endpoint_pb2.ClusterLoadAssignment(cluster_name=name)
    if listed:
        built.endpoints.add().lb_endpoints.extend(listed)
    return built


def address_of(endpoint: Endpoint, port: int | None) -> Address | None:
    """Where a replica answers for a port as declared, the serving port being None; None where it
    has no such port."""
    if port is None:
        return Address(endpoint.host, endpoint.port)
    if port not in endpoint.additional_ports:
        return None
    return Address(endpoint.host, endpoint.additional_ports[port])


def _endpoint(where: Address, health: int) -> endpoint_components_pb2.LbEndpoint:
    built = endpoint_components_pb2.LbEndpoint(health_status=health)
    address = built.endpoint.address.socket_address
    address.address = where.host
    address.port_value = where.port
    return built
