"""What Envoy is told of each workload: its clusters and endpoints, its routes with the ways to
them, and the listeners that these need.

What these functions return is what Envoy must acknowledge to know of it.
"""

from collections.abc import Set

from windlass.gateway.gate import inner
from windlass.gateway.gate.discovery import (
    CLUSTER,
    ENDPOINTS,
    LISTENER,
    ROUTES,
    SCOPE,
    Discovery,
    ResourceKey,
)
from windlass.gateway.gate.inner_listeners import InnerListeners
from windlass.gateway.gate.replicas import clusters, load_assignments
from windlass.gateway.gate.routes import route_configurations, scope_names, scopes
from windlass.gateway.gate.server_certificate import ServerCertificate
from windlass.gateway.gate.store import Record
from windlass.gateway.gate.ways import (
    cluster_names,
    counted_clusters,
    limit_seconds,
    listener_name,
    ways,
)
from windlass.gateway.gate.workload import Workload, serving_addresses
from windlass.gateway.gateway import Address


class Resources:
    """Publishes what follows from a workload's record, and withdraws it."""

    def __init__(
        self,
        discovery: Discovery,
        certificate: ServerCertificate,
        inner_listeners: InnerListeners,
    ) -> None:
        self._inner_listeners = inner_listeners
        self._discovery = discovery
        self._certificate = certificate
        self._owners: dict[str, str] = {}

    def owner(self, key: str) -> str | None:
        """The workload to which a host or path leads."""
        return self._owners.get(key)

    def publish_endpoints(self, workload: Workload) -> list[ResourceKey]:
        """Clusters, and the replicas of each."""
        record = workload.record
        route = record.route
        workload.listed = frozenset(serving_addresses(route))
        workload.clusters |= set(cluster_names(route))
        keys = [
            self._discovery.publish(CLUSTER, name, built) for name, built in clusters(route).items()
        ]
        keys += [
            self._discovery.publish(ENDPOINTS, name, built, after_routes=not route.endpoints)
            for name, built in load_assignments(route, record.draining).items()
        ]
        return keys

    def publish_routes(self, workload: Workload) -> list[ResourceKey]:
        """Every way in, and what these need."""
        route = workload.record.route
        wanted = scopes(route)
        keys = self._withdraw_scopes(workload, workload.scope_keys.keys() - wanted.keys())
        addresses = frozenset(way.listen for way in ways(route) if way.listen is not None)
        keys += self._withdraw_listeners(workload, workload.addresses - addresses)
        for key, name in scope_names(route).items():
            self._owners[key] = route.workload_id
            workload.scope_keys[name] = key
        keys += [self._discovery.publish(SCOPE, name, scope) for name, scope in wanted.items()]
        workload.routed = route
        configurations = route_configurations(route, workload.lent)
        limit = inner_limit(workload.record)
        if limit is not None:
            keys += self._inner_listeners.use(route.workload_id, limit)
        if route.concurrency_limit:
            keys += self._publish_again()
        keys += [
            self._discovery.publish(ROUTES, name, configuration)
            for name, configuration in configurations.items()
        ]
        for name in workload.configurations - configurations.keys():
            self._discovery.withdraw(ROUTES, name)
        workload.configurations = frozenset(configurations)
        keys += [
            self._discovery.publish(
                LISTENER,
                listener_name(address),
                inner.of_address(address, tls=self._certificate.is_wanted),
            )
            for address in addresses
        ]
        workload.addresses = addresses
        return keys

    def publish_lent(self, workload: Workload) -> list[ResourceKey]:
        """What Envoy may hand out of its slots, whatever else is about to change."""
        if workload.lent is None or workload.routed is None or not workload.configurations:
            return []
        return [
            self._discovery.publish(ROUTES, name, configuration)
            for name, configuration in route_configurations(workload.routed, workload.lent).items()
        ]

    def withdraw_ways(self, workload: Workload) -> list[ResourceKey]:
        """Nothing leads to the workload any more."""
        keys = self._withdraw_scopes(workload, set(workload.scope_keys))
        return keys + self._withdraw_listeners(workload, workload.addresses)

    def withdraw_configurations(self, workload: Workload) -> None:
        """Remove its routes, once nothing leads to them."""
        for name in workload.configurations:
            self._discovery.withdraw(ROUTES, name)
        workload.configurations = frozenset()

    def withdraw_clusters(self, workload: Workload) -> list[ResourceKey]:
        """Remove those of ports that there are no more, once no route leads there. That of slots
        stays, since the requests that it counts may be in flight."""
        route = workload.record.route
        gone = workload.clusters - set(counted_clusters(route))
        workload.clusters -= gone
        return [
            self._discovery.withdraw(type_url, name)
            for name in gone
            for type_url in (CLUSTER, ENDPOINTS)
        ]

    def withdraw_all_clusters(self, workload: Workload) -> None:
        """Remove what is left of a workload."""
        for name in workload.clusters:
            self._discovery.withdraw(CLUSTER, name)
            self._discovery.withdraw(ENDPOINTS, name)

    def _publish_again(self) -> list[ResourceKey]:
        """For all limited workloads together, from the first on."""
        again, listener = inner.again_clusters(), inner.again()
        return [
            *(self._discovery.publish(CLUSTER, name, each) for name, each in again.items()),
            self._discovery.publish(LISTENER, listener.name, listener),
        ]

    def _withdraw_scopes(self, workload: Workload, names: Set[str]) -> list[ResourceKey]:
        for name in names:
            self._owners.pop(workload.scope_keys.pop(name), None)
        return [self._discovery.withdraw(SCOPE, name) for name in names]

    def _withdraw_listeners(self, workload: Workload, addresses: Set[Address]) -> list[ResourceKey]:
        workload.addresses -= addresses
        return [self._discovery.withdraw(LISTENER, listener_name(each)) for each in addresses]


def inner_limit(record: Record) -> float | None:
    """The time-out by whose inner listener requests may go; None where none does."""
    route = record.route
    return None if record.removed or route.unavailable is not None else limit_seconds(route)
