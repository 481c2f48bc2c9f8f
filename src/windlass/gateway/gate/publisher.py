"""Brings what the control plane wants to Envoy, in an order that loses no request.

From zero: endpoint in, held requests released, hold off. To zero: hold on, endpoint out. Each step
waits until Envoy has acknowledged the one before.
"""

import asyncio
import itertools
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Protocol

from windlass.gateway.gate.discovery import (
    LISTENER,
    Discovery,
    Rejected,
    ResourceKey,
)
from windlass.gateway.gate.holds import Denial, Outlook
from windlass.gateway.gate.inner_listeners import USUAL_LIMIT_SECONDS, InnerListeners
from windlass.gateway.gate.queues import Lent
from windlass.gateway.gate.resources import Resources, inner_limit
from windlass.gateway.gate.server_certificate import ServerCertificate
from windlass.gateway.gate.store import Record, Store
from windlass.gateway.gate.ways import cluster_names, is_held, listener_name, ways
from windlass.gateway.gate.workload import Workload, endpoint_keys
from windlass.gateway.gateway import Address, AddressInUse, Endpoint, Route
from windlass.gateway.names import NOT_HERE
from windlass.kit.clock import Clock

INTRODUCED_SECONDS = 60.0
"""For so long an introduction may be late: who introduces a workload waits no longer for the gate,
and whoever decides about routes has looked by then."""

_HEAD_START_SECONDS = 0.005


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


class Publisher:
    """Every workload's way to Envoy. For one event loop; not safe for threads."""

    def __init__(
        self, discovery: Discovery, store: Store, clock: Clock, certificate: ServerCertificate
    ) -> None:
        self._discovery = discovery
        self.inner_listeners = InnerListeners(discovery, clock)
        self._resources = Resources(discovery, certificate, self.inner_listeners)
        self._store = store
        self._clock = clock
        self._workloads: dict[str, Workload] = {}
        self._limits: Limits | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._gone: dict[str, float] = {}
        """When workloads were forgotten, or removed without being known, by the monotonic clock;
        the oldest first."""

    def load(self, limits: Limits) -> None:
        """Publish what was last obeyed, all at once: Envoy may be serving it already. From now on
        `limits` is told of what changes.

        Needs a running event loop.
        """
        self._limits = limits
        self._discovery.adopt = self.inner_listeners.adopt
        self.inner_listeners.publish(USUAL_LIMIT_SECONDS)
        for record in self._store.load_records():
            workload = Workload(record, saved=record)
            self._workloads[record.route.workload_id] = workload
            self._resources.publish_endpoints(workload)
            if not record.removed:
                self._resources.publish_routes(workload)
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
            known_since=self._discovery.known_since(told.depends_on),
        )

    def may_lend(self, workload_id: str) -> bool:
        """Whether Envoy can be lent slots of a workload, and has heard all else of it."""
        return self._discovery.lends and self.acknowledged_at(workload_id) is not None

    def lend(self, workload_id: str, lent: Lent) -> None:
        """Let Envoy hand out these slots, and no others. Does not wait; what is taken back is so
        once `acknowledged_at` says when."""
        workload = self._workloads.get(workload_id)
        if workload is None:
            return
        workload.lent = lent
        self._resources.publish_lent(workload)
        if workload.acknowledged_at is not None:
            workload.acknowledged_at = None
            workload.step = asyncio.create_task(self._bring(workload))

    def acknowledged_at(self, workload_id: str) -> float | None:
        """Since when Envoy has all of a workload, by the monotonic clock; None while it has not, or
        none is known."""
        workload = self._workloads.get(workload_id)
        return None if workload is None else workload.acknowledged_at

    async def put(self, route: Route) -> None:
        """Return once Envoy has acknowledged every step and the change is on disk.

        Raises RouteConflict, AddressInUse, Rejected, Superseded.
        """
        self._require_free(route)
        known = self._workloads.setdefault(route.workload_id, Workload(Record(route)))
        known.introduced_at = None
        record = Record(route, _leaving(known.record, route))
        try:
            if known.record == record and known.step is not None and not known.step.done():
                # It was introduced a moment ago, or the same is asked for again.
                await self._wait_for(known.step)
            else:
                await self._change(known, record)
        except Rejected as error:
            for address in known.addresses:
                if error.key == ResourceKey(LISTENER, listener_name(address)):
                    raise AddressInUse(_in_use(address, error.reason)) from error
            raise

    async def introduce(self, route: Route) -> None:
        """Publish a route, unless its workload is known or was forgotten a moment ago; return once
        Envoy has acknowledged what is known of it.

        Raises RouteConflict, Rejected.
        """
        self._forget_gone()
        if route.workload_id in self._gone:
            return
        known = self._workloads.get(route.workload_id)
        if known is None:
            self._require_free(route)
            known = self._workloads[route.workload_id] = Workload(Record(route))
            known.introduced_at = self._clock.monotonic()
            with suppress(Superseded):
                await self._change(known, known.record)
        # By now `put` may have said more, and begun anew.
        while known.step is not None and not known.step.done():
            with suppress(Superseded):
                await self._wait_for(known.step)

    def replica_is_ready(self, replica_id: str) -> None:
        """Its requests go there from now on, if it was said to be starting. Does not wait."""
        for workload in self._workloads.values():
            if _starting(workload.record, replica_id) is not None:
                task = asyncio.create_task(self._let_in(workload, replica_id))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def _let_in(self, workload: Workload, replica_id: str) -> None:
        # Looked for once more: others may have said so at the same moment.
        endpoint = _starting(workload.record, replica_id)
        if endpoint is None:
            return
        # The control plane puts the same, and is told why it is refused.
        with suppress(Superseded, Rejected, AddressInUse, RouteConflict):
            await self.put(_with_ready(workload.record.route, endpoint))

    async def remove(self, workload_id: str) -> None:
        """Return once new requests get 404. Raises Rejected, Superseded."""
        workload = self._workloads.get(workload_id)
        if workload is None:
            # Its introduction may yet come.
            self._note_gone(workload_id)
        else:
            await self._change(workload, workload.record.removed_now())

    async def replace_all(self, routes: Sequence[Route]) -> Sequence[str]:
        """Make these the only routes, but for those introduced a moment ago, of which the caller
        may not have known. Raises Superseded; the ids of those workloads of which `put` raises
        anything else are returned, for one that is wrong must keep no other out."""
        wanted = {route.workload_id for route in routes}
        gone = [
            workload_id
            for workload_id, workload in self._workloads.items()
            if workload_id not in wanted
            and not workload.record.removed
            and not self._is_just_introduced(workload)
        ]
        await asyncio.gather(*(self.remove(workload_id) for workload_id in gone))
        refused = await asyncio.gather(*(self._put_or_refuse(route) for route in routes))
        return [workload_id for workload_id in refused if workload_id is not None]

    async def _put_or_refuse(self, route: Route) -> str | None:
        """The workload's id where it cannot be served."""
        try:
            await self.put(route)
        except (AddressInUse, RouteConflict, Rejected):
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

    async def _change(self, workload: Workload, record: Record) -> None:
        if workload.step is not None:
            workload.step.cancel()
        before, workload.record = workload.record, record
        workload.acknowledged_at = None
        if self._limits is not None:
            self._limits.changed(before, record)
        workload.step = asyncio.create_task(self._bring(workload))
        await self._wait_for(workload.step)

    async def _wait_for(self, step: "asyncio.Task[None]") -> None:
        try:
            # A caller that gives up must not leave a change half made.
            await asyncio.shield(step)
        except asyncio.CancelledError:
            if step.cancelled():
                raise Superseded from None
            raise

    async def _bring(self, workload: Workload) -> None:
        record = workload.record
        # Nobody may be sent to a replica that is about to leave.
        await self._bring_lent(workload)
        if record.route.endpoints and record.route.unavailable is None and not record.removed:
            try:
                await self._bring_endpoints(workload)
            finally:
                # Only now: who waited for a replica goes first.
                saving = self._save(workload)
            await self._bring_routes_last(workload)
        else:
            saving = self._save(workload)
            await (self._bring_out if record.removed else self._bring_routes_first)(workload)
        await self._bring_lent(workload)
        workload.acknowledged_at = self._clock.monotonic()
        self.inner_listeners.settle(record.route.workload_id, inner_limit(record))
        if saving is not None:
            await asyncio.shield(saving)
        if record.removed and not record.draining:
            self._resources.withdraw_all_clusters(workload)
            del self._workloads[record.route.workload_id]
            self._note_gone(record.route.workload_id)

    def _save(self, workload: Workload) -> "asyncio.Task[None] | None":
        """Start to save, after whatever is still being saved of the same workload."""
        if workload.saved != workload.record:
            earlier, record = workload.saving, workload.record
            workload.saving = asyncio.create_task(self._save_after(earlier, workload, record))
        return workload.saving

    async def _save_after(
        self, earlier: "asyncio.Task[None] | None", workload: Workload, record: Record
    ) -> None:
        if earlier is not None:
            await asyncio.wait([earlier])
        if record.removed and not record.draining:
            await asyncio.to_thread(self._store.delete_record, record.route.workload_id)
        else:
            await asyncio.to_thread(self._store.save_record, record)
        workload.saved = record

    async def _bring_lent(self, workload: Workload) -> None:
        await self._discovery.wait_until_acknowledged(self._resources.publish_lent(workload))

    async def _bring_endpoints(self, workload: Workload) -> None:
        is_first = not workload.listed
        await self._discovery.wait_until_acknowledged(self._resources.publish_endpoints(workload))
        # Even where Envoy has nothing new to learn: a replica on its way out is wanted again.
        self._look_again(workload.record.route)
        # Who waited goes on in this round, and where it waited for the first replica, a little way
        # ahead: what follows is work for Envoy, too, and would take the processor from it.
        await asyncio.sleep(_HEAD_START_SECONDS if is_first else 0)

    async def _bring_routes_last(self, workload: Workload) -> None:
        acknowledged = self._discovery.wait_until_acknowledged
        await acknowledged(self._resources.publish_routes(workload))
        await acknowledged(self._resources.withdraw_clusters(workload))

    async def _bring_routes_first(self, workload: Workload) -> None:
        acknowledged = self._discovery.wait_until_acknowledged
        route = workload.record.route
        if not workload.clusters.issuperset(cluster_names(route)):
            await acknowledged(self._resources.publish_endpoints(workload))
        # Where the answer is 503 from now on, those who wait get theirs at once.
        self._look_again(route)
        await acknowledged(self._resources.publish_routes(workload))
        await acknowledged(self._resources.publish_endpoints(workload))
        await acknowledged(self._resources.withdraw_clusters(workload))

    async def _bring_out(self, workload: Workload) -> None:
        acknowledged = self._discovery.wait_until_acknowledged
        self._look_again(workload.record.route)
        await acknowledged(self._resources.withdraw_ways(workload))
        self._resources.withdraw_configurations(workload)
        await acknowledged(self._resources.publish_endpoints(workload))

    def _require_free(self, route: Route) -> None:
        """Raises RouteConflict where another workload has one of the keys, or two ways of this one
        have."""
        keys = [key for way in ways(route) for key in way.keys]
        if len(set(keys)) < len(keys):
            # Envoy would refuse it, and with it whatever else it is sent at once.
            raise RouteConflict(f"One key leads to two ways of workload {route.workload_id}.")
        for key in keys:
            owner = self._resources.owner(key)
            if owner is not None and owner != route.workload_id:
                raise RouteConflict(f"{key} belongs to workload {owner}.")

    def _is_just_introduced(self, workload: Workload) -> bool:
        since = workload.introduced_at
        return since is not None and self._clock.monotonic() - since < INTRODUCED_SECONDS

    def _note_gone(self, workload_id: str) -> None:
        self._gone.pop(workload_id, None)
        self._gone[workload_id] = self._clock.monotonic()
        self._forget_gone()

    def _forget_gone(self) -> None:
        """Forget those of whom no introduction can come any more."""
        oldest = self._clock.monotonic() - INTRODUCED_SECONDS
        past = itertools.takewhile(lambda gone: gone[1] < oldest, self._gone.items())
        for workload_id, _ in list(past):
            del self._gone[workload_id]

    def _look_again(self, route: Route) -> None:
        for key in endpoint_keys(route):
            self._discovery.look_again(key)


def _in_use(address: Address, reason: str) -> str:
    why = "something else listens there" if "already in use" in reason else reason
    return f"The gateway cannot listen on {address.host}:{address.port}: {why}."


def _starting(record: Record, replica_id: str) -> Endpoint | None:
    """What becomes an endpoint when that replica is ready."""
    found = (each for each in record.route.starting if each.replica_id == replica_id)
    return None if record.removed else next(found, None)


def _with_ready(route: Route, endpoint: Endpoint) -> Route:
    return replace(
        route,
        endpoints=(*route.endpoints, endpoint),
        starting=tuple(each for each in route.starting if each is not endpoint),
    )


def _leaving(record: Record, route: Route) -> tuple[Endpoint, ...]:
    """The replicas on their way out once `route` is wanted, but for those whose address is in use
    again: Envoy knows one endpoint by one address."""
    addresses = {(endpoint.host, endpoint.port) for endpoint in route.endpoints}
    candidates = {
        (endpoint.host, endpoint.port): endpoint
        for endpoint in (*record.draining, *record.route.endpoints)
    }
    return tuple(endpoint for key, endpoint in candidates.items() if key not in addresses)
