"""Messages inside messages, and what is common to several resources."""

from envoy.config.cluster.v3 import circuit_breaker_pb2
from envoy.config.core.v3 import base_pb2
from google.protobuf import any_pb2
from google.protobuf.message import Message

UNLIMITED = 1_000_000


def packed(message: Message) -> any_pb2.Any:
    """The message as `Any`; equal messages give equal bytes."""
    result = any_pb2.Any()
    result.Pack(message, deterministic=True)
    return result


def no_limits() -> circuit_breaker_pb2.CircuitBreakers.Thresholds:
    """No cap on connections or requests: a cluster's default is 1,024 of each."""
    limits = circuit_breaker_pb2.CircuitBreakers.Thresholds(priority=base_pb2.DEFAULT)
    limits.max_connections.value = UNLIMITED
    limits.max_pending_requests.value = UNLIMITED
    limits.max_requests.value = UNLIMITED
    limits.max_retries.value = UNLIMITED
    return limits
