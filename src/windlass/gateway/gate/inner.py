"""Envoy's inner listeners, with the way to them, and listeners of one route; the module
`windlass.gateway.listener` says what for."""

from envoy.config.cluster.v3 import cluster_pb2
from envoy.config.listener.v3 import listener_pb2
from envoy.extensions.access_loggers.filters.cel.v3 import cel_pb2
from envoy.extensions.common.matching.v3 import extension_matcher_pb2
from envoy.extensions.filters.http.composite.v3 import composite_pb2
from envoy.extensions.filters.http.ext_authz.v3 import ext_authz_pb2
from envoy.extensions.filters.http.ext_proc.v3 import ext_proc_pb2
from envoy.extensions.filters.http.header_mutation.v3 import header_mutation_pb2 as filter_pb2
from envoy.extensions.filters.http.rbac.v3 import rbac_pb2
from envoy.extensions.filters.http.router.v3 import router_pb2
from envoy.extensions.filters.http.upstream_codec.v3 import upstream_codec_pb2
from envoy.extensions.filters.network.http_connection_manager.v3 import (
    http_connection_manager_pb2,
)
from envoy.extensions.http.early_header_mutation.header_mutation.v3 import header_mutation_pb2
from envoy.extensions.transport_sockets.tls.v3 import tls_pb2
from envoy.extensions.upstreams.http.v3 import http_protocol_options_pb2
from envoy.type.matcher.v3 import http_inputs_pb2
from google.protobuf.duration_pb2 import Duration
from google.protobuf.json_format import ParseDict

from windlass.gateway.gate.packing import (
    PROTOCOL_OPTIONS,
    no_limits,
    packed,
    protocol_options,
    set_header,
)
from windlass.gateway.gate.ways import listener_name
from windlass.gateway.gateway import Address, ReplicaProtocol
from windlass.gateway.listener import (
    AGAIN,
    INNER_BUFFER_BYTES,
    INNER_STREAM_BYTES,
    UNBOUNDED_WINDOW,
    address_listener,
    again_listener,
    inner_listener,
)
from windlass.gateway.names import (
    ARRIVAL_HEADER,
    ARRIVED,
    KEY,
    ROUTE_KEY_FILTER,
    ROUTE_KEY_HEADER,
    UNREACHED_HEADER,
    WORKLOAD,
)

# Named inside the listener: reading it needs their descriptions loaded.
_NAMED_INSIDE = (
    cel_pb2.ExpressionFilter,
    composite_pb2.Composite,
    ext_authz_pb2.ExtAuthz,
    ext_proc_pb2.ExternalProcessor,
    extension_matcher_pb2.ExtensionWithMatcher,
    filter_pb2.HeaderMutation,
    header_mutation_pb2.HeaderMutation,
    http_connection_manager_pb2.HttpConnectionManager,
    http_inputs_pb2.HttpRequestHeaderMatchInput,
    rbac_pb2.RBAC,
    router_pb2.Router,
    tls_pb2.DownstreamTlsContext,
)

_PROTOCOLS = (ReplicaProtocol.HTTP, ReplicaProtocol.AS_CLIENT)

IDLE_CONNECTION_SECONDS = 60
"""Shorter than the hour after which the listener would close an idle connection."""


def inner_name(limit_seconds: float) -> str:
    """The name of the listener for one time-out."""
    return f"inner-{round(limit_seconds * 1000)}"


def inner_cluster_name(limit_seconds: float, protocol: ReplicaProtocol) -> str:
    """The name of the cluster that leads to it. Of the two, one speaks HTTP/1.1, so that what
    waits has connections of its own, and one as the client does, where that must be kept."""
    return _cluster_name(inner_name(limit_seconds), protocol)


def again_cluster_name(protocol: ReplicaProtocol) -> str:
    """The name of the cluster for requests that did not reach the replica they went straight to."""
    return _cluster_name(AGAIN, protocol)


def listener(limit_seconds: float) -> listener_pb2.Listener:
    """Receives what its clusters are sent."""
    built = listener_pb2.Listener()
    ParseDict(inner_listener(inner_name(limit_seconds), limit_seconds), built)
    return built


def cluster_names(limit_seconds: float) -> tuple[str, ...]:
    """The clusters that lead to the listener."""
    return tuple(inner_cluster_name(limit_seconds, protocol) for protocol in _PROTOCOLS)


def clusters(limit_seconds: float) -> dict[str, cluster_pb2.Cluster]:
    """Lead to the listener, by their names."""
    return _clusters(inner_name(limit_seconds))


def again() -> listener_pb2.Listener:
    """Receives what its clusters are sent: requests whose way is tried again."""
    return ParseDict(again_listener(), listener_pb2.Listener())


def again_clusters() -> dict[str, cluster_pb2.Cluster]:
    """Lead to that listener, by their names.

    On the way they say anew what the request was: the try before, which went to a replica, has
    taken all of that off, and it is the same headers for all tries.
    """
    built = _clusters(AGAIN)
    for each in built.values():
        options = http_protocol_options_pb2.HttpProtocolOptions()
        each.typed_extension_protocol_options[PROTOCOL_OPTIONS].Unpack(options)
        for filter_name, filter_settings in (
            ("envoy.filters.http.header_mutation", _said_anew()),
            ("envoy.filters.http.upstream_codec", upstream_codec_pb2.UpstreamCodec()),
        ):
            options.http_filters.add(name=filter_name, typed_config=packed(filter_settings))
        each.typed_extension_protocol_options[PROTOCOL_OPTIONS].CopyFrom(packed(options))
    return built


def _said_anew() -> filter_pb2.HeaderMutation:
    of_route = f"%METADATA(ROUTE:{ROUTE_KEY_FILTER}:{{}})%"
    built = filter_pb2.HeaderMutation()
    for header in (
        set_header(ROUTE_KEY_HEADER, of_route.format(KEY)),
        set_header(ARRIVAL_HEADER, f"{ARRIVED} {of_route.format(WORKLOAD)}"),
        set_header(UNREACHED_HEADER, "yes"),
    ):
        built.mutations.request_mutations.add(append=header)
    return built


def of_address(address: Address, *, tls: bool) -> listener_pb2.Listener:
    """Receives what clients send to an address of one route."""
    built = listener_pb2.Listener()
    described = address_listener(listener_name(address), address.host, address.port, tls=tls)
    ParseDict(described, built)
    return built


def _cluster_name(listener_name: str, protocol: ReplicaProtocol) -> str:
    return listener_name if protocol is ReplicaProtocol.HTTP else f"{listener_name}-as-client"


def _clusters(listener_name: str) -> dict[str, cluster_pb2.Cluster]:
    built = (_cluster(listener_name, protocol) for protocol in _PROTOCOLS)
    return {each.name: each for each in built}


def _cluster(listener_name: str, protocol: ReplicaProtocol) -> cluster_pb2.Cluster:
    name = _cluster_name(listener_name, protocol)
    built = cluster_pb2.Cluster(
        name=name, type=cluster_pb2.Cluster.STATIC, connect_timeout=Duration(seconds=1)
    )
    built.circuit_breakers.thresholds.append(no_limits())
    built.per_connection_buffer_limit_bytes.value = INNER_BUFFER_BYTES
    built.load_assignment.cluster_name = name
    endpoint = built.load_assignment.endpoints.add().lb_endpoints.add().endpoint
    endpoint.address.envoy_internal_address.server_listener_name = listener_name
    options = protocol_options(protocol, IDLE_CONNECTION_SECONDS)
    windows = options.use_downstream_protocol_config.http2_protocol_options
    if protocol is ReplicaProtocol.AS_CLIENT:
        windows.initial_stream_window_size.value = INNER_STREAM_BYTES
        windows.initial_connection_window_size.value = UNBOUNDED_WINDOW
    built.typed_extension_protocol_options[PROTOCOL_OPTIONS].CopyFrom(packed(options))
    return built
