"""Messages inside messages, and what is common to several resources."""

from envoy.config.cluster.v3 import circuit_breaker_pb2
from envoy.config.core.v3 import base_pb2
from envoy.extensions.upstreams.http.v3 import http_protocol_options_pb2
from google.protobuf import any_pb2
from google.protobuf.message import Message

from windlass.gateway.gateway import ReplicaProtocol

UNLIMITED = 1_000_000
PROTOCOL_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
"""The key under which a cluster keeps how it is spoken to."""


def packed(message: Message) -> any_pb2.Any:
    """The message as `Any`; equal messages give equal bytes."""
    result = any_pb2.Any()
    result.Pack(message, deterministic=True)
    return result


def set_header(key: str, value: str) -> base_pb2.HeaderValueOption:
    """In place of whatever the header was; Envoy fills in what stands between percent signs."""
    return base_pb2.HeaderValueOption(
        header=base_pb2.HeaderValue(key=key, value=value),
        append_action=base_pb2.HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD,
    )


def no_limits() -> circuit_breaker_pb2.CircuitBreakers.Thresholds:
    """No cap on connections or requests: a cluster's default is 1,024 of each."""
    limits = circuit_breaker_pb2.CircuitBreakers.Thresholds(priority=base_pb2.DEFAULT)
    limits.max_connections.value = UNLIMITED
    limits.max_pending_requests.value = UNLIMITED
    limits.max_requests.value = UNLIMITED
    limits.max_retries.value = UNLIMITED
    return limits


def protocol_options(
    protocol: ReplicaProtocol, idle_connection_seconds: int
) -> http_protocol_options_pb2.HttpProtocolOptions:
    """How a cluster is spoken to, and how long a connection to it is kept without a request."""
    options = http_protocol_options_pb2.HttpProtocolOptions()
    if protocol is ReplicaProtocol.HTTP:
        options.explicit_http_config.http_protocol_options.SetInParent()
    elif protocol is ReplicaProtocol.GRPC:
        options.explicit_http_config.http2_protocol_options.SetInParent()
    else:
        options.use_downstream_protocol_config.http_protocol_options.SetInParent()
        options.use_downstream_protocol_config.http2_protocol_options.SetInParent()
    options.common_http_protocol_options.idle_timeout.seconds = idle_connection_seconds
    return options
