"""Routes and trust as JSON, on the gate's control socket and in its snapshot."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from windlass.gateway.gateway import (
    HELD_AT_ONCE,
    Access,
    AdditionalRoute,
    Address,
    Callers,
    Certificate,
    Endpoint,
    ReplicaCounters,
    ReplicaProtocol,
    Route,
    TokenTrust,
    TrafficCounters,
)

_TOTALS = tuple(each.name for each in fields(TrafficCounters) if each.name != "replicas")


def endpoint_to_json(endpoint: Endpoint) -> dict[str, Any]:
    """An endpoint in words of JSON."""
    return {
        "replica_id": endpoint.replica_id,
        "host": endpoint.host,
        "port": endpoint.port,
        "additional_ports": [list(pair) for pair in endpoint.additional_ports.items()],
    }


def endpoint_from_json(body: Mapping[str, Any]) -> Endpoint:
    """Raises KeyError where a field is missing."""
    return Endpoint(
        body["replica_id"],
        body["host"],
        body["port"],
        # A snapshot may have been written before there were these.
        dict(body.get("additional_ports", ())),
    )


def route_to_json(route: Route) -> dict[str, Any]:
    """A route in words of JSON."""
    return {
        "workload_id": route.workload_id,
        "hosts": list(route.hosts),
        "path_prefix": route.path_prefix,
        "endpoints": [endpoint_to_json(endpoint) for endpoint in route.endpoints],
        "starting": [endpoint_to_json(endpoint) for endpoint in route.starting],
        "unavailable": route.unavailable,
        "callers": _callers_to_json(route.callers),
        "internal_only": route.internal_only,
        "protocol": route.protocol.value,
        "additional": [_additional_to_json(each) for each in route.additional],
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
        request_timeout_seconds=body["request_timeout_seconds"],
        # A snapshot may have been written before there were these.
        starting=tuple(endpoint_from_json(each) for each in body.get("starting", ())),
        callers=_callers_from_json(body.get("callers", body)),
        internal_only=body.get("internal_only", False),
        protocol=ReplicaProtocol(body.get("protocol", ReplicaProtocol.HTTP)),
        additional=tuple(_additional_from_json(each) for each in body.get("additional", ())),
        no_replica_because=body.get("no_replica_because"),
        held_limit=body.get("held_limit", HELD_AT_ONCE),
        concurrency_limit=body.get("concurrency_limit", 0),
    )


def trust_to_json(trust: TokenTrust) -> dict[str, Any]:
    """Trust in words of JSON."""
    return {
        "issuer": trust.issuer,
        "jwks": dict(trust.jwks),
        "audience": trust.audience,
        "revoked": list(trust.revoked),
    }


def trust_from_json(body: Mapping[str, Any]) -> TokenTrust:
    """Raises KeyError where a field is missing."""
    return TokenTrust(
        issuer=body["issuer"],
        jwks=body["jwks"],
        # A snapshot may have been written before there were these.
        audience=body.get("audience"),
        revoked=tuple(body.get("revoked", ())),
    )


def certificate_to_json(certificate: Certificate) -> dict[str, Any]:
    """A certificate and its key in words of JSON."""
    return {"chain": certificate.chain, "key": certificate.key}


def certificate_from_json(body: Mapping[str, Any]) -> Certificate:
    """Raises KeyError where a field is missing."""
    return Certificate(body["chain"], body["key"])


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


def _callers_to_json(callers: Callers) -> dict[str, Any]:
    return {
        "access": callers.access.value,
        "users": list(callers.users),
        "groups": list(callers.groups),
    }


def _callers_from_json(body: Mapping[str, Any]) -> Callers:
    return Callers(
        Access(body["access"]), tuple(body.get("users", ())), tuple(body.get("groups", ()))
    )


def _additional_to_json(route: AdditionalRoute) -> dict[str, Any]:
    listen = route.listen
    return {
        "name": route.name,
        "port": route.port,
        "hosts": list(route.hosts),
        "listen": None if listen is None else [listen.host, listen.port],
        "internal_only": route.internal_only,
        "callers": _callers_to_json(route.callers),
    }


def _additional_from_json(body: Mapping[str, Any]) -> AdditionalRoute:
    listen = body["listen"]
    return AdditionalRoute(
        name=body["name"],
        port=body["port"],
        hosts=tuple(body["hosts"]),
        listen=None if listen is None else Address(*listen),
        internal_only=body["internal_only"],
        callers=_callers_from_json(body["callers"]),
    )
