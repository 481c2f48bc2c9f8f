"""Brings what the control plane wants to Envoy, in an order that loses no request.

From zero: endpoint in, held requests released, hold off. To zero: hold on, endpoint out. Each step
waits until Envoy has acknowledged the one before.
"""

import asyncio
from collections.abc import Sequence, Set
from dataclasses import dataclass, field, replace
from typing import Protocol

from windlass.gateway.gate import inner
from windlass.gateway.gate.discovery import (
    CLUSTER,
    ENDPOINTS,
    LISTENER,
    ROUTES,
    SCOPE,
    Discovery,
    Rejected,
    ResourceKey,
)
from windlass.gateway.gate.holds import Denial, Outlook
from windlass.gateway.gate.replicas import clusters, load_assignments
from windlass.gateway.gate.routes import route_configurations, scope_names, scopes
from windlass.gateway.gate.server_certificate import ServerCertificate
from windlass.gateway.gate.store import Record, Store
from windlass.gateway.gate.ways import cluster_names, is_held, limit_seconds, listener_name, ways
from windlass.gateway.gateway import Address, AddressInUse, Endpoint, Route
from windlass.gateway.names import NOT_HERE
from windlass.kit.clock import Clock

USUAL_LIMIT_SECONDS = 300.0
"""There is always an inner listener for this time-out, and with it the filter of tokens."""


class RouteConflict(Exception):
    """A host or path belongs to another workload."""


class Superseded(Exception):
    """A later change of the same workload took the place of this one."""


class Limits(Protocol):
    """Who lets requests to limited workloads in."""

    def loaded(self, record: Record) -> None:
        """A workload is known from before: requests may be in flight."""

    def changed(self, before: Record, after: Record) -> None:
        """A workload is wanted otherwise from now on."""


@dataclass(slots=True)
class _Workload:
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
    step: "asyncio.Task[None] | None" = None
    """Brings `record` to Envoy; a later change cancels it."""
    saved: Record | None = None
    saving: "asyncio.Task[None] | None" = None
    acknowledged_at: float | None = None
    """When Envoy had all of `record`, by the monotonic clock."""
    _told: "_Told | None" = None

    @property
    def told(self) -> "_Told":
        """What the route says to each request that asks; written down once for each route."""
        if self._told is None or self._told.route is not self.record.route:
            route = self.record.route
            self._told = _Told(route, tuple(_serving(route)), endpoint_keys(route))
        return self._told


@dataclass(frozen=True, slots=True)
class _Told:
    route: Route
    serving: tuple[str, ...]
    """The addresses of replicas that take requests."""
    depends_on: tuple[ResourceKey, ...]


class Publisher:
    """Every workload's way to Envoy. For one event loop; not safe for threads."""

    def __init__(
        self, discovery: Discovery, store: Store, clock: Clock, certificate: ServerCertificate
    ) -> None:
        self._discovery = discovery
        self._certificate = certificate
        self._store = store
        self._clock = clock
        self._workloads: dict[str, _Workload] = {}
        self._limits: Limits | None = None
        self._owners: dict[str, str] = {}

    def load(self, limits: Limits) -> None:
        """Publish what was last obeyed, all at once: Envoy may be serving it already. From now on
        `limits` is told of what changes.

        Needs a running event loop.
        """
        self._limits = limits
        self._publish_inner(USUAL_LIMIT_SECONDS)
        for record in self._store.load_records():
            workload = _Workload(record, saved=record)
            self._workloads[record.route.workload_id] = workload
            self._publish_endpoints(workload)
            if not record.removed:
                self._publish_routes(workload)
            limits.loaded(record)
            if record.removed or record.draining or record.route.concurrency_limit:
                # Known to be acknowledged before requests in flight are counted.
                workload.step = asyncio.create_task(self._bring(workload))

    @property
    def records(self) -> Sequence[Record]:
        """Every workload, those on their way out included."""
        return [workload.record for workload in self._workloads.values()]

    def record(self, workload_id: str) -> Record | None:
        """One workload."""
        workload = self._workloads.get(workload_id)
        return None if workload is None else workload.record

    def holds_requests(self, workload_id: str) -> bool:
        """Whether a workload's requests have to wait for its first replica."""
        record = self.record(workload_id)
        return record is not None and not record.removed and is_held(record.route)

    def outlook(self, workload_id: str) -> Outlook:
        """How things stand for a workload's held requests."""
        workload = self._workloads.get(workload_id)
        if workload is None or workload.record.removed:
            return Outlook(denial=Denial(404, NOT_HERE))
        route = workload.record.route
        if route.unavailable is not None:
            return Outlook(denial=Denial(503, route.unavailable))
        has_endpoint, told = bool(route.endpoints), workload.told
        known = all(self._discovery.is_acknowledged(key) for key in told.depends_on)
        # What is wanted may not be published yet; or no longer wanted, and not yet withdrawn.
        addresses = [address for address in told.serving if address in workload.listed]
        return Outlook(
            hopeless_because=None if has_endpoint else route.no_replica_because,
            has_endpoint=has_endpoint,
            may_pass=bool(addresses) and known,
            addresses=tuple(addresses) if known else (),
            concurrency_limit=route.concurrency_limit,
            limit_seconds=route.request_timeout_seconds,
            held_limit=route.held_limit,
            depends_on=told.depends_on,
        )

    def seconds_acknowledged(self, workload_id: str) -> float | None:
        """For how long Envoy has had all of a workload; None while it has not, or none is known."""
        workload = self._workloads.get(workload_id)
        if workload is None or workload.acknowledged_at is None:
            return None
        return self._clock.monotonic() - workload.acknowledged_at

    async def put(self, route: Route) -> None:
        """Return once Envoy has acknowledged every step and the change is on disk.

        Raises RouteConflict, AddressInUse, Rejected, Superseded.
        """
        for key in scope_names(route):
            owner = self._owners.get(key)
            if owner is not None and owner != route.workload_id:
                raise RouteConflict(f"{key} belongs to workload {owner}.")
        known = self._workloads.setdefault(route.workload_id, _Workload(Record(route)))
        try:
            await self._change(known, Record(route, _leaving(known.record, route)))
        except Rejected as error:
            for address in known.addresses:
                if error.key == ResourceKey(LISTENER, listener_name(address)):
                    raise AddressInUse(_in_use(address, error.reason)) from error
            raise

    async def remove(self, workload_id: str) -> None:
        """Return once new requests get 404. Raises Rejected, Superseded."""
        workload = self._workloads.get(workload_id)
        if workload is not None:
            await self._change(workload, workload.record.removed_now())

    async def replace_all(self, routes: Sequence[Route]) -> Sequence[str]:
        """Make these the only routes. Raises as `put` does, but for AddressInUse: the ids of those
        workloads are returned."""
        wanted = {route.workload_id for route in routes}
        gone = [
            workload_id
            for workload_id, workload in self._workloads.items()
            if workload_id not in wanted and not workload.record.removed
        ]
        await asyncio.gather(*(self.remove(workload_id) for workload_id in gone))
        refused = await asyncio.gather(*(self._put_unless_in_use(route) for route in routes))
        return [workload_id for workload_id in refused if workload_id is not None]

    async def _put_unless_in_use(self, route: Route) -> str | None:
        """The workload's id where an address of it is in use."""
        try:
            await self.put(route)
        except AddressInUse:
            return route.workload_id
        return None

    async def drained(self, record: Record, replica_ids: frozenset[str]) -> None:
        """Forget replicas whose last request has ended, and a removed workload with its last.

        Does nothing when `record` is no longer how things stand, or a change is under way.
        """
        workload = self._workloads.get(record.route.workload_id)
        if workload is None or workload.record is not record:
            return
        if workload.step is not None and not workload.step.done():
            return
        remaining = tuple(each for each in record.draining if each.replica_id not in replica_ids)
        await self._change(workload, replace(record, draining=remaining))

    async def _change(self, workload: _Workload, record: Record) -> None:
        if workload.step is not None:
            workload.step.cancel()
        before, workload.record = workload.record, record
        workload.acknowledged_at = None
        if self._limits is not None:
            self._limits.changed(before, record)
        step = workload.step = asyncio.create_task(self._bring(workload))
        try:
            # A caller that gives up must not leave a change half made.
            await asyncio.shield(step)
        except asyncio.CancelledError:
            if step.cancelled():
                raise Superseded from None
            raise

    async def _bring(self, workload: _Workload) -> None:
        record = workload.record
        saving = self._save(workload)
        if record.removed:
            await self._bring_out(workload)
        elif record.route.endpoints and record.route.unavailable is None:
            await self._bring_endpoints_first(workload)
        else:
            await self._bring_routes_first(workload)
        workload.acknowledged_at = self._clock.monotonic()
        if saving is not None:
            await asyncio.shield(saving)
        if record.removed and not record.draining:
            self._forget(workload)

    def _save(self, workload: _Workload) -> "asyncio.Task[None] | None":
        """Start to save, after whatever is still being saved of the same workload."""
        if workload.saved != workload.record:
            earlier, record = workload.saving, workload.record
            workload.saving = asyncio.create_task(self._save_after(earlier, workload, record))
        return workload.saving

    async def _save_after(
        self, earlier: "asyncio.Task[None] | None", workload: _Workload, record: Record
    ) -> None:
        if earlier is not None:
            await asyncio.wait([earlier])
        if record.removed and not record.draining:
            await asyncio.to_thread(self._store.delete_record, record.route.workload_id)
        else:
            await asyncio.to_thread(self._store.save_record, record)
        workload.saved = record

    async def _bring_endpoints_first(self, workload: _Workload) -> None:
        acknowledged = self._discovery.wait_until_acknowledged
        await acknowledged(self._publish_endpoints(workload))
        # Even where Envoy has nothing new to learn: a replica on its way out is wanted again.
        self._look_again(workload.record.route)
        await acknowledged(self._publish_routes(workload))
        await acknowledged(self._withdraw_clusters(workload))

    async def _bring_routes_first(self, workload: _Workload) -> None:
        acknowledged = self._discovery.wait_until_acknowledged
        route = workload.record.route
        if not workload.clusters.issuperset(cluster_names(route)):
            await acknowledged(self._publish_endpoints(workload))
        # Where the answer is 503 from now on, those who wait get theirs at once.
        self._look_again(route)
        await acknowledged(self._publish_routes(workload))
        await acknowledged(self._publish_endpoints(workload))
        await acknowledged(self._withdraw_clusters(workload))

    async def _bring_out(self, workload: _Workload) -> None:
        acknowledged = self._discovery.wait_until_acknowledged
        self._look_again(workload.record.route)
        gone = self._withdraw_scopes(workload, set(workload.scope_keys))
        gone += self._withdraw_listeners(workload, workload.addresses)
        await acknowledged(gone)
        for name in workload.configurations:
            self._discovery.withdraw(ROUTES, name)
        workload.configurations = frozenset()
        await acknowledged(self._publish_endpoints(workload))

    def _look_again(self, route: Route) -> None:
        for key in endpoint_keys(route):
            self._discovery.look_again(key)

    def _publish_endpoints(self, workload: _Workload) -> list[ResourceKey]:
        record = workload.record
        route = record.route
        workload.listed = frozenset(_serving(route))
        workload.clusters |= set(cluster_names(route))
        keys = [
            self._discovery.publish(CLUSTER, name, built) for name, built in clusters(route).items()
        ]
        keys += [
            self._discovery.publish(ENDPOINTS, name, built, after_routes=not route.endpoints)
            for name, built in load_assignments(route, record.draining).items()
        ]
        return keys

    def _publish_routes(self, workload: _Workload) -> list[ResourceKey]:
        route = workload.record.route
        wanted = scopes(route)
        keys = self._withdraw_scopes(workload, workload.scope_keys.keys() - wanted.keys())
        addresses = frozenset(way.listen for way in ways(route) if way.listen is not None)
        keys += self._withdraw_listeners(workload, workload.addresses - addresses)
        for key, name in scope_names(route).items():
            self._owners[key] = route.workload_id
            workload.scope_keys[name] = key
        keys += [self._discovery.publish(SCOPE, name, scope) for name, scope in wanted.items()]
        configurations = route_configurations(route)
        if route.unavailable is None:
            keys += self._publish_inner(limit_seconds(route))
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

    def _publish_inner(self, limit: float) -> list[ResourceKey]:
        """There are as many as there are different time-outs: a few, so they stay."""
        name = inner.inner_name(limit)
        listener = ResourceKey(LISTENER, name)
        if self._discovery.get(listener) is None:
            for cluster_name, cluster in inner.clusters(limit).items():
                self._discovery.publish(CLUSTER, cluster_name, cluster)
            self._discovery.publish(LISTENER, name, inner.listener(limit))
        return [*(ResourceKey(CLUSTER, each) for each in inner.cluster_names(limit)), listener]

    def _publish_again(self) -> list[ResourceKey]:
        """For all limited workloads together, from the first on."""
        clusters, listener = inner.again_clusters(), inner.again()
        return [
            *(self._discovery.publish(CLUSTER, name, each) for name, each in clusters.items()),
            self._discovery.publish(LISTENER, listener.name, listener),
        ]

    def _withdraw_scopes(self, workload: _Workload, names: Set[str]) -> list[ResourceKey]:
        for name in names:
            self._owners.pop(workload.scope_keys.pop(name), None)
        return [self._discovery.withdraw(SCOPE, name) for name in names]

    def _withdraw_listeners(
        self, workload: _Workload, addresses: Set[Address]
    ) -> list[ResourceKey]:
        workload.addresses -= addresses
        return [self._discovery.withdraw(LISTENER, listener_name(each)) for each in addresses]

    def _withdraw_clusters(self, workload: _Workload) -> list[ResourceKey]:
        """Remove those of ports that there are no more, once no route leads there."""
        gone = workload.clusters - set(cluster_names(workload.record.route))
        workload.clusters -= gone
        return [
            self._discovery.withdraw(type_url, name)
            for name in gone
            for type_url in (CLUSTER, ENDPOINTS)
        ]

    def _forget(self, workload: _Workload) -> None:
        for name in workload.clusters:
            self._discovery.withdraw(CLUSTER, name)
            self._discovery.withdraw(ENDPOINTS, name)
        del self._workloads[workload.record.route.workload_id]


def _in_use(address: Address, reason: str) -> str:
    why = "something else listens there" if "already in use" in reason else reason
    return f"The gateway cannot listen on {address.host}:{address.port}: {why}."


def endpoint_keys(route: Route) -> tuple[ResourceKey, ...]:
    """What Envoy must have acknowledged to know a workload's endpoints."""
    return tuple(ResourceKey(ENDPOINTS, name) for name in cluster_names(route))


def _serving(route: Route) -> list[str]:
    """Where replicas take requests that may be limited."""
    return [str(endpoint.addresses[0]) for endpoint in route.endpoints]


def _leaving(record: Record, route: Route) -> tuple[Endpoint, ...]:
    """The replicas on their way out once `route` is wanted, but for those whose address is in use
    again: Envoy knows one endpoint by one address."""
    addresses = {(endpoint.host, endpoint.port) for endpoint in route.endpoints}
    candidates = {
        (endpoint.host, endpoint.port): endpoint
        for endpoint in (*record.draining, *record.route.endpoints)
    }
    return tuple(endpoint for key, endpoint in candidates.items() if key not in addresses)
