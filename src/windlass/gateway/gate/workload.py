"""One workload, as the gate knows it: what is wanted, and what Envoy has been told of it."""

import asyncio
from dataclasses import dataclass, field

from windlass.gateway.gate.discovery import ENDPOINTS, ResourceKey
from windlass.gateway.gate.queues import Lent
from windlass.gateway.gate.store import Record
from windlass.gateway.gate.ways import cluster_names
from windlass.gateway.gateway import Address, Route


@dataclass(slots=True)
class Workload:
    """One of the publisher's, from the first wish to the last request's end."""

    record: Record
    scope_keys: dict[str, str] = field(default_factory=dict)
    """What leads here, by the name of its scope."""
    configurations: frozenset[str] = frozenset()
    """The route configurations that are published."""
    clusters: frozenset[str] = frozenset()
    addresses: frozenset[Address] = frozenset()
    """Where Envoy listens for this workload alone."""
    listed: frozenset[str] = frozenset()
    """Serving addresses published as taking new requests."""
    routed: Route | None = None
    """That which is published."""
    lent: Lent | None = None
    """What Envoy may hand out of its slots; None where that was never any."""
    step: "asyncio.Task[None] | None" = None
    """Brings `record` to Envoy; a later change cancels it."""
    saved: Record | None = None
    saving: "asyncio.Task[None] | None" = None
    introduced_at: float | None = None
    """When it was introduced, by the monotonic clock; None once `put` has spoken of it."""
    acknowledged_at: float | None = None
    """When Envoy had all of `record`, by the monotonic clock."""
    _told: "Told | None" = None

    @property
    def told(self) -> "Told":
        """What the route says to each request that asks; written down once for each route."""
        if self._told is None or self._told.route is not self.record.route:
            route = self.record.route
            self._told = Told(route, tuple(serving_addresses(route)), endpoint_keys(route))
        return self._told


@dataclass(frozen=True, slots=True)
class Told:
    """What requests that ask depend on."""

    route: Route
    serving: tuple[str, ...]
    """The addresses of replicas that take requests."""
    depends_on: tuple[ResourceKey, ...]


def endpoint_keys(route: Route) -> tuple[ResourceKey, ...]:
    """What Envoy must have acknowledged to know a workload's endpoints."""
    return tuple(ResourceKey(ENDPOINTS, name) for name in cluster_names(route))


def serving_addresses(route: Route) -> list[str]:
    """Where replicas take requests that may be limited."""
    return [str(endpoint.addresses[0]) for endpoint in route.endpoints]
