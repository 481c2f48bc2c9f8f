"""Envoy's resources for one workload.

A workload is one cluster with its endpoints, one route configuration, and a scope for each way in:
every host, and the path. Envoy's API is described at envoyproxy.io/docs/envoy/v1.40.0/api-v3.
"""

from collections.abc import Sequence

from envoy.config.cluster.v3 import cluster_pb2
from envoy.config.core.v3 import health_check_pb2
from envoy.config.endpoint.v3 import endpoint_components_pb2, endpoint_pb2
from envoy.config.route.v3 import route_components_pb2, route_pb2, scoped_route_pb2
from envoy.extensions.filters.http.ext_authz.v3 import ext_authz_pb2
from envoy.extensions.filters.http.jwt_authn.v3 import config_pb2 as jwt_pb2
from envoy.extensions.retry.host.previous_hosts.v3 import previous_hosts_pb2
from envoy.extensions.upstreams.http.v3 import http_protocol_options_pb2
from envoy.type.matcher.v3 import string_pb2
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message

from windlass.gateway.gate.inner import inner_name
from windlass.gateway.gate.packing import no_limits, packed
from windlass.gateway.gateway import Access, Endpoint, Route
from windlass.gateway.names import (
    HOLD_FILTER,
    INNER_HEADER,
    LONGEST_SECONDS,
    ROUTE_KEY_FILTER,
    ROUTE_KEY_HEADER,
    SERVED,
    TOKEN_FILTER,
    TOKEN_REQUIREMENT,
    WORKLOAD,
)

CONNECT_TIMEOUT_SECONDS = 5
IDLE_CONNECTION_SECONDS = 1
"""Shorter than what common servers keep an idle connection open, so that a request is not sent into
one which the replica is just closing."""
NOT_FOR_REPLICAS = (ROUTE_KEY_HEADER, INNER_HEADER, "x-envoy-external-address")
"""The last is Envoy's own word for what `x-forwarded-for` says."""
RETRIED = "connect-failure,refused-stream,reset-before-request"
"""Where no byte of the request reached a replica."""
SMALL_BODY = "[0-9]{1,4}"
"""The length of a body that is there with its headers, or nearly: less than 10,000 bytes."""
BODILESS = "GET|HEAD|DELETE|OPTIONS"


def cluster(workload_id: str) -> cluster_pb2.Cluster:
    """The same for the whole life of a workload: a changed cluster would lose its connections."""
    built = cluster_pb2.Cluster(
        name=workload_id,
        type=cluster_pb2.Cluster.EDS,
        connect_timeout=Duration(seconds=CONNECT_TIMEOUT_SECONDS),
        lb_policy=cluster_pb2.Cluster.LEAST_REQUEST,
        track_cluster_stats=cluster_pb2.TrackClusterStats(per_endpoint_stats=True),
    )
    source = built.eds_cluster_config.eds_config
    source.resource_api_version = 2
    source.ads.SetInParent()
    # Without this Envoy would send to draining replicas once they are the majority.
    built.common_lb_config.healthy_panic_threshold.value = 0
    # Else Envoy may gather changes of health for up to a second, having acknowledged them.
    built.common_lb_config.update_merge_window.SetInParent()
    built.circuit_breakers.thresholds.append(no_limits())
    options = http_protocol_options_pb2.HttpProtocolOptions()
    options.explicit_http_config.http_protocol_options.SetInParent()
    options.common_http_protocol_options.idle_timeout.seconds = IDLE_CONNECTION_SECONDS
    built.typed_extension_protocol_options[
        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    ].CopyFrom(packed(options))
    return built


def load_assignment(
    workload_id: str, endpoints: Sequence[Endpoint], draining: Sequence[Endpoint]
) -> endpoint_pb2.ClusterLoadAssignment:
    """Draining replicas get no new request, but stay listed so that theirs can be counted."""
    built = endpoint_pb2.ClusterLoadAssignment(cluster_name=workload_id)
    listed = [_endpoint(each, health_check_pb2.HEALTHY) for each in endpoints]
    listed += [_endpoint(each, health_check_pb2.DRAINING) for each in draining]
    if listed:
        built.endpoints.add().lb_endpoints.extend(listed)
    return built


def scopes(route: Route) -> dict[str, scoped_route_pb2.ScopedRouteConfiguration]:
    """Every way into a workload, by the scope's name."""
    return {name: _scope(name, key, route.workload_id) for key, name in scope_names(route).items()}


def scope_names(route: Route) -> dict[str, str]:
    """The scope's name by its key."""
    keys = [*route.hosts, *([route.path_prefix] if route.path_prefix else [])]
    return {key: f"{route.workload_id}|{key}" for key in keys}


def route_configuration(route: Route) -> route_pb2.RouteConfiguration:
    """One answer for every way in: straight to a replica, or by an inner listener."""
    built = route_pb2.RouteConfiguration(name=route.workload_id)
    host = built.virtual_hosts.add(name=route.workload_id, domains=["*"])
    # A request that found its route by host needs no look at its path.
    found = route_components_pb2.FilterConfig(disabled=True)
    host.typed_per_filter_config[ROUTE_KEY_FILTER].CopyFrom(packed(found))
    if route.unavailable is not None:
        built.max_direct_response_body_size_bytes.value = len(route.unavailable.encode()) + 1
        refusing = _add_route(host, [])
        refusing.direct_response.status = 503
        refusing.direct_response.body.inline_string = route.unavailable
        return built
    at_inner = _add_route(host, [_present(INNER_HEADER)])
    _lead_to_replicas(at_inner, route)
    for filter_name, configuration in _inner_filters(route).items():
        at_inner.typed_per_filter_config[filter_name].CopyFrom(packed(configuration))
    if route.access is Access.PUBLIC and not is_held(route):
        for condition in _complete_soon():
            _lead_to_replicas(_add_route(host, condition), route)
    _lead_to_inner(_add_route(host, []), route)
    return built


def is_held(route: Route) -> bool:
    """Whether requests wait for the gate's word."""
    return not route.endpoints and route.unavailable is None


def limit_seconds(route: Route) -> float:
    """The time-out of a workload, bounded to what timers hold."""
    return min(route.request_timeout_seconds, LONGEST_SECONDS)


def _add_route(
    host: route_components_pb2.VirtualHost, headers: Sequence[route_components_pb2.HeaderMatcher]
) -> route_components_pb2.Route:
    built = host.routes.add(match=route_components_pb2.RouteMatch(prefix="/", headers=headers))
    built.metadata.filter_metadata[ROUTE_KEY_FILTER].update({SERVED: True})
    return built


def _complete_soon() -> list[list[route_components_pb2.HeaderMatcher]]:
    """Conditions, one of which is enough: no body, or one that is there with its headers."""
    return [
        [_matches("content-length", SMALL_BODY)],
        [
            _matches(":method", BODILESS),
            _present("content-length", is_present=False),
            _present("transfer-encoding", is_present=False),
        ],
    ]


def _present(header: str, is_present: bool = True) -> route_components_pb2.HeaderMatcher:
    return route_components_pb2.HeaderMatcher(name=header, present_match=is_present)


def _matches(header: str, expression: str) -> route_components_pb2.HeaderMatcher:
    matcher = string_pb2.StringMatcher()
    matcher.safe_regex.regex = expression
    return route_components_pb2.HeaderMatcher(name=header, string_match=matcher)


def _lead_to_replicas(built: route_components_pb2.Route, route: Route) -> None:
    built.request_headers_to_remove.extend(NOT_FOR_REPLICAS)
    limit = limit_seconds(route)
    action = built.route
    action.cluster = route.workload_id
    # The whole answer may take as long as it likes: `timeout` off. Until its first byte, the
    # per-try limit holds, and silence never lasts longer than the idle limit.
    action.timeout.SetInParent()
    action.idle_timeout.FromMicroseconds(int(limit * 1e6))
    action.retry_policy.CopyFrom(_retries(limit))


def _lead_to_inner(built: route_components_pb2.Route, route: Route) -> None:
    action = built.route
    action.cluster = inner_name(limit_seconds(route))
    action.timeout.SetInParent()
    action.idle_timeout.SetInParent()
    action.retry_policy.retry_on = RETRIED


def _retries(limit_seconds: float) -> route_components_pb2.RetryPolicy:
    policy = route_components_pb2.RetryPolicy(retry_on=RETRIED, host_selection_retry_max_attempts=5)
    policy.num_retries.value = 3
    policy.per_try_timeout.FromMicroseconds(int(limit_seconds * 1e6))
    policy.retry_host_predicate.add(
        name="previous_hosts",
        typed_config=packed(previous_hosts_pb2.PreviousHostsPredicate()),
    )
    return policy


def _inner_filters(route: Route) -> dict[str, Message]:
    hold = ext_authz_pb2.ExtAuthzPerRoute()
    if is_held(route):
        hold.check_settings.context_extensions[WORKLOAD] = route.workload_id
    else:
        hold.disabled = True
    if route.access is Access.PUBLIC:
        return {HOLD_FILTER: hold}
    token = jwt_pb2.PerRouteConfig(requirement_name=TOKEN_REQUIREMENT)
    return {HOLD_FILTER: hold, TOKEN_FILTER: token}


def _scope(name: str, key: str, workload_id: str) -> scoped_route_pb2.ScopedRouteConfiguration:
    built = scoped_route_pb2.ScopedRouteConfiguration(
        name=name, route_configuration_name=workload_id
    )
    built.key.fragments.add(string_key=key)
    return built


def _endpoint(endpoint: Endpoint, health: int) -> endpoint_components_pb2.LbEndpoint:
    built = endpoint_components_pb2.LbEndpoint(health_status=health)
    address = built.endpoint.address.socket_address
    address.address = endpoint.host
    address.port_value = endpoint.port
    return built
