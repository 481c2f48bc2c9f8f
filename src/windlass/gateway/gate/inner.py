"""The way to Envoy's inner listeners; `windlass.gateway.listener.inner_listener` says what for."""

from envoy.config.cluster.v3 import cluster_pb2
from envoy.config.listener.v3 import listener_pb2
from envoy.extensions.filters.http.ext_authz.v3 import ext_authz_pb2
from envoy.extensions.filters.http.router.v3 import router_pb2
from envoy.extensions.filters.network.http_connection_manager.v3 import (
    http_connection_manager_pb2,
)
from envoy.extensions.http.early_header_mutation.header_mutation.v3 import header_mutation_pb2
from envoy.extensions.upstreams.http.v3 import http_protocol_options_pb2
from google.protobuf.duration_pb2 import Duration
from google.protobuf.json_format import ParseDict

from windlass.gateway.gate.packing import no_limits, packed
from windlass.gateway.listener import inner_listener

# Named inside the listener: reading it needs their descriptions loaded.
_NAMED_INSIDE = (
    ext_authz_pb2.ExtAuthz,
    header_mutation_pb2.HeaderMutation,
    http_connection_manager_pb2.HttpConnectionManager,
    router_pb2.Router,
)

IDLE_CONNECTION_SECONDS = 60
"""Shorter than the hour after which the listener would close an idle connection."""


def inner_name(limit_seconds: float) -> str:
    """The name of listener and cluster for one time-out."""
    return f"inner-{round(limit_seconds * 1000)}"


def listener(limit_seconds: float) -> listener_pb2.Listener:
    """Receives what the cluster of the same name is sent."""
    built = listener_pb2.Listener()
    ParseDict(inner_listener(inner_name(limit_seconds), limit_seconds), built)
    return built


def cluster(limit_seconds: float) -> cluster_pb2.Cluster:
    """Leads to the listener of the same name."""
    name = inner_name(limit_seconds)
    built = cluster_pb2.Cluster(
        name=name, type=cluster_pb2.Cluster.STATIC, connect_timeout=Duration(seconds=1)
    )
    built.circuit_breakers.thresholds.append(no_limits())
    built.load_assignment.cluster_name = name
    endpoint = built.load_assignment.endpoints.add().lb_endpoints.add().endpoint
    endpoint.address.pipe.path = f"{name}.sock"
    options = http_protocol_options_pb2.HttpProtocolOptions()
    options.explicit_http_config.http_protocol_options.SetInParent()
    options.common_http_protocol_options.idle_timeout.seconds = IDLE_CONNECTION_SECONDS
    built.typed_extension_protocol_options[
        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    ].CopyFrom(packed(options))
    return built
