"""One Envoy's incremental discovery stream.

The protocol is Envoy's "incremental xDS" over one aggregated stream: requests subscribe, carry what
the client already has, and acknowledge (or refuse) a response by its nonce.
"""

import asyncio
import itertools
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Sequence

from envoy.service.discovery.v3 import discovery_pb2

from windlass.gateway.gate.discovery import (
    CLUSTER,
    ENDPOINTS,
    FILTER,
    LISTENER,
    ROUTES,
    SCOPE,
    SECRET,
    Discovery,
    ResourceKey,
)
from windlass.gateway.names import LENDS

RESOURCES_PER_RESPONSE = 500
WILDCARD = "*"


class Subscription:
    """What one Envoy asked for, was sent and has acknowledged."""

    def __init__(self, discovery: Discovery) -> None:
        self._discovery = discovery
        self._wildcards: set[str] = set()
        self._subscribed: dict[str, set[str]] = {}
        self._acknowledged: dict[ResourceKey, str] = {}
        self._sent: dict[ResourceKey, str] = {}
        self._unanswered: dict[str, dict[ResourceKey, str | None]] = {}
        self._due: dict[str, set[str]] = defaultdict(set)
        self._suspected: set[ResourceKey] = set()
        """Refused together with others: sent by themselves from then on."""
        self._nonces = itertools.count(1)
        self._wake = asyncio.Event()
        self._lends = False

    @property
    def lends(self) -> bool:
        """Whether it can hand out slots that the gate has lent, as it says of itself."""
        return self._lends

    def notice(self, key: ResourceKey) -> None:
        """A resource changed; send it if this Envoy wants it."""
        if self._wants(key):
            self._due[key.type_url].add(key.name)
            self._wake.set()

    def has(self, key: ResourceKey, version: str | None) -> bool:
        """Whether this version is acknowledged; of a type never asked for, nothing is known."""
        return key.type_url in self._subscribed and self._acknowledged.get(key) == version

    def receive(self, request: discovery_pb2.DeltaDiscoveryRequest) -> None:
        """Take in one request."""
        if LENDS in request.node.metadata.fields:
            self._lends = request.node.metadata.fields[LENDS].bool_value
        if request.response_nonce:
            self._answer(request)
        type_url = request.type_url
        is_first = type_url not in self._subscribed
        if is_first:
            self._begin(request)
        for name in request.resource_names_subscribe:
            if name == WILDCARD:
                continue
            key = ResourceKey(type_url, name)
            self._subscribed[type_url].add(name)
            if not (is_first and name in request.initial_resource_versions):
                self._sent.pop(key, None)
                self._due[type_url].add(name)
        for name in request.resource_names_unsubscribe:
            self._forget(ResourceKey(type_url, name))
        if self._due:
            self._wake.set()

    async def responses(self) -> AsyncIterator[discovery_pb2.DeltaDiscoveryResponse]:
        """What to send, as it becomes due; endless."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            for type_url, names in self._take_due():
                for batch in self._batches(type_url, names):
                    response = self._response(type_url, batch)
                    if response is not None:
                        yield response

    def _begin(self, request: discovery_pb2.DeltaDiscoveryRequest) -> None:
        type_url = request.type_url
        self._subscribed[type_url] = set()
        due = self._due[type_url]
        asked = request.resource_names_subscribe
        if not asked or WILDCARD in asked:
            self._wildcards.add(type_url)
            due.update(self._discovery.names(type_url))
        for name, version in request.initial_resource_versions.items():
            key = ResourceKey(type_url, name)
            self._discovery.adopt(key)
            self._acknowledged[key] = self._sent[key] = version
            due.add(name)
        self._discovery.look_again_at_all(type_url)

    def _answer(self, request: discovery_pb2.DeltaDiscoveryRequest) -> None:
        answered = self._unanswered.pop(request.response_nonce, {})
        if request.HasField("error_detail"):
            self._take_back(list(answered), request.error_detail.message)
            return
        for key, version in answered.items():
            if version is None:
                self._acknowledged.pop(key, None)
            elif self._wants(key):
                self._acknowledged[key] = version
            self._discovery.acknowledged(key)

    def _take_back(self, refused: Sequence[ResourceKey], reason: str) -> None:
        """Envoy refuses a response as a whole: of several, each is tried once more by itself, so
        that one that is wrong takes no other with it."""
        for key in refused:
            self._sent.pop(key, None)
        if len(refused) == 1:
            self._discovery.rejected(refused[0], reason)
            return
        self._suspected.update(refused)
        for key in refused:
            self._due[key.type_url].add(key.name)

    def _batches(self, type_url: str, names: set[str]) -> Iterator[list[str]]:
        suspected = {name for name in names if ResourceKey(type_url, name) in self._suspected}
        yield from ([name] for name in sorted(suspected))
        if suspected == names and names:
            return
        # One listener that cannot be bound must not have others refused with it.
        size = 1 if type_url == LISTENER else RESOURCES_PER_RESPONSE
        yield from _batches(names - suspected, size)

    def _forget(self, key: ResourceKey) -> None:
        self._subscribed[key.type_url].discard(key.name)
        self._acknowledged.pop(key, None)
        self._sent.pop(key, None)
        self._discovery.look_again(key)

    def _wants(self, key: ResourceKey) -> bool:
        return key.type_url in self._wildcards or key.name in self._subscribed.get(key.type_url, ())

    def _take_due(self) -> Iterator[tuple[str, set[str]]]:
        """Clusters before what names them, and endpoints before routes; but an endpoint leaves only
        after the route that holds requests instead is there."""
        late: set[str] = set()
        for type_url in (CLUSTER, ENDPOINTS, SECRET, FILTER, LISTENER, SCOPE, ROUTES):
            names = self._due.pop(type_url, None)
            if names is None:
                continue
            if type_url == ENDPOINTS:
                late = {name for name in names if self._is_late(name)}
                names -= late
                if not names:
                    continue
            yield type_url, names
        if late:
            yield ENDPOINTS, late

    def _is_late(self, name: str) -> bool:
        resource = self._discovery.get(ResourceKey(ENDPOINTS, name))
        return resource is None or resource.after_routes

    def _response(
        self, type_url: str, names: list[str]
    ) -> discovery_pb2.DeltaDiscoveryResponse | None:
        nonce = str(next(self._nonces))
        response = discovery_pb2.DeltaDiscoveryResponse(type_url=type_url, nonce=nonce)
        carried: dict[ResourceKey, str | None] = {}
        for name in names:
            key = ResourceKey(type_url, name)
            resource = self._discovery.get(key)
            if resource is None:
                if self._wants(key):
                    response.removed_resources.append(name)
                    self._sent.pop(key, None)
                    self._suspected.discard(key)
                    carried[key] = None
            elif self._sent.get(key) != resource.version:
                response.resources.add(
                    name=name, version=resource.version, resource=resource.packed
                )
                self._sent[key] = resource.version
                # Contents recur, and with them versions: an earlier word does not count any more.
                self._acknowledged.pop(key, None)
                carried[key] = resource.version
        # The first answer to a wildcard is due even when it is empty: Envoy waits for it.
        if not carried and names:
            return None
        self._unanswered[nonce] = carried
        return response


def _batches(names: set[str], size: int) -> Iterator[list[str]]:
    ordered = sorted(names)
    yield ordered[:size]
    for start in range(size, len(ordered), size):
        yield ordered[start : start + size]
