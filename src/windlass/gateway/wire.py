"""Routes and trust as JSON, on the gate's control socket and in its snapshot."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from windlass.gateway.gateway import (
    HELD_AT_ONCE,
    Access,
    Endpoint,
    ReplicaCounters,
    Route,
    TokenTrust,
    TrafficCounters,
)

_TOTALS = tuple(each.name for each in fields(TrafficCounters) if each.name != "replicas")


def endpoint_to_json(endpoint: Endpoint) -> dict[str, Any]:
    """An endpoint in words of JSON."""
    return {"replica_id": endpoint.replica_id, "host": endpoint.host, "port": endpoint.port}


def endpoint_from_json(body: Mapping[str, Any]) -> Endpoint:
    """Raises KeyError where a field is missing."""
    return Endpoint(body["replica_id"], body["host"], body["port"])


def route_to_json(route: Route) -> dict[str, Any]:
    """A route in words of JSON."""
    return {
        "workload_id": route.workload_id,
        "hosts": list(route.hosts),
        "path_prefix": route.path_prefix,
        "endpoints": [endpoint_to_json(endpoint) for endpoint in route.endpoints],
        "unavailable": route.unavailable,
        "access": route.access.value,
        "request_timeout_seconds": route.request_timeout_seconds,
        "no_replica_because": route.no_replica_because,
        "held_limit": route.held_limit,
        "concurrency_limit": route.concurrency_limit,
    }


def route_from_json(body: Mapping[str, Any]) -> Route:
    """Raises KeyError where a field is missing, ValueError where one is not understood."""
    return Route(
        workload_id=body["workload_id"],
        hosts=tuple(body["hosts"]),
        path_prefix=body["path_prefix"],
        endpoints=tuple(endpoint_from_json(each) for each in body["endpoints"]),
        unavailable=body["unavailable"],
        access=Access(body["access"]),
        request_timeout_seconds=body["request_timeout_seconds"],
        # A snapshot may have been written before there were these.
        no_replica_because=body.get("no_replica_because"),
        held_limit=body.get("held_limit", HELD_AT_ONCE),
        concurrency_limit=body.get("concurrency_limit", 0),
    )


def trust_to_json(trust: TokenTrust) -> dict[str, Any]:
    """Trust in words of JSON."""
    return {"issuer": trust.issuer, "jwks": dict(trust.jwks)}


def trust_from_json(body: Mapping[str, Any]) -> TokenTrust:
    """Raises KeyError where a field is missing."""
    return TokenTrust(issuer=body["issuer"], jwks=body["jwks"])


def traffic_to_json(traffic: TrafficCounters) -> dict[str, Any]:
    """Traffic in words of JSON, without what is 0: most workloads of many do little."""
    body = {name: value for name in _TOTALS if (value := getattr(traffic, name))}
    body["replicas"] = {
        replica_id: [counters.started, counters.in_flight]
        for replica_id, counters in traffic.replicas.items()
    }
    return body


def traffic_from_json(body: Mapping[str, Any]) -> TrafficCounters:
    """Raises KeyError or TypeError where a field is missing or not known."""
    replicas = {key: ReplicaCounters(*counters) for key, counters in body["replicas"].items()}
    return TrafficCounters(**{**body, "replicas": replicas})
