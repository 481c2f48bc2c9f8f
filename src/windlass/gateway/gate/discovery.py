"""The resources Envoy should have, and which of them it has acknowledged.

Versions are hashes of content, so that a gate which starts again from its snapshot agrees with what
an Envoy that kept running already has.
"""

import asyncio
import hashlib
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from google.protobuf import any_pb2
from google.protobuf.message import Message

_PREFIX = "type.googleapis.com/envoy.config."
CLUSTER = f"{_PREFIX}cluster.v3.Cluster"
ENDPOINTS = f"{_PREFIX}endpoint.v3.ClusterLoadAssignment"
LISTENER = f"{_PREFIX}listener.v3.Listener"
SCOPE = f"{_PREFIX}route.v3.ScopedRouteConfiguration"
ROUTES = f"{_PREFIX}route.v3.RouteConfiguration"
FILTER = f"{_PREFIX}core.v3.TypedExtensionConfig"
SECRET = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"


class ResourceKey(NamedTuple):
    """A resource's type and name."""

    type_url: str
    name: str


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource as it goes over the wire."""

    version: str
    packed: any_pb2.Any
    after_routes: bool
    """Sent after routes: they must have changed before this may take effect."""


class Rejected(Exception):
    """Envoy refused a resource, for the reason given."""

    def __init__(self, key: ResourceKey, reason: str) -> None:
        super().__init__(f"{key.type_url} {key.name}: {reason}")
        self.key = key
        self.reason = reason


class Subscriber(Protocol):
    """One connected Envoy."""

    def notice(self, key: ResourceKey) -> None:
        """A resource changed."""

    def has(self, key: ResourceKey, version: str | None) -> bool:
        """Whether this version is acknowledged; None stands for the absence of the resource."""

    @property
    def lends(self) -> bool:
        """Whether it can hand out slots that the gate has lent."""


class Discovery:
    """What every connected Envoy should have. For one event loop; not safe for threads."""

    def __init__(self) -> None:
        self._resources: dict[str, dict[str, Resource]] = defaultdict(dict)
        self._subscribers: set[Subscriber] = set()
        self._waiters: dict[ResourceKey, set[asyncio.Future[None]]] = defaultdict(set)
        self._rejected: dict[ResourceKey, str] = {}
        self.moment = 0
        """How often something has been acknowledged."""
        self._acknowledged_at: dict[ResourceKey, int] = {}
        """The last such moment of each resource."""
        self.adopt: Callable[[ResourceKey], None] = lambda _key: None
        """Told of what an Envoy that connects has already, before it is told what it should."""
        self.rejections = 0
        self.last_rejection: str | None = None

    @property
    def is_connected(self) -> bool:
        """Whether any Envoy is connected."""
        return bool(self._subscribers)

    @property
    def lends(self) -> bool:
        """Whether there is one Envoy alone, which can hand out slots that the gate has lent."""
        return len(self._subscribers) == 1 and all(each.lends for each in self._subscribers)

    def publish(
        self, type_url: str, name: str, message: Message, after_routes: bool = False
    ) -> ResourceKey:
        """Make this the content of a resource; nothing happens when it already is, unless it was
        refused: then it is tried again."""
        packed = any_pb2.Any()
        packed.Pack(message, deterministic=True)
        version = hashlib.blake2b(packed.value, digest_size=12).hexdigest()
        key = ResourceKey(type_url, name)
        current = self._resources[type_url].get(name)
        if current is None or current.version != version or key in self._rejected:
            self._rejected.pop(key, None)
            self._resources[type_url][name] = Resource(version, packed, after_routes)
            self._notify(key)
        return key

    def withdraw(self, type_url: str, name: str) -> ResourceKey:
        """Remove a resource, if it is there."""
        key = ResourceKey(type_url, name)
        self._rejected.pop(key, None)
        if self._resources[type_url].pop(name, None) is not None:
            self._notify(key)
        return key

    def get(self, key: ResourceKey) -> Resource | None:
        """A resource as it should be now."""
        return self._resources[key.type_url].get(key.name)

    def names(self, type_url: str) -> Iterator[str]:
        """The names of all resources of a type."""
        return iter(self._resources[type_url])

    def is_acknowledged(self, key: ResourceKey) -> bool:
        """Whether an Envoy is connected, and every connected one has exactly this version."""
        resource = self.get(key)
        version = None if resource is None else resource.version
        return self.is_connected and all(each.has(key, version) for each in self._subscribers)

    def known_since(self, keys: Iterable[ResourceKey]) -> int:
        """The moment from which on the last of these resources is as it is now, or earlier than
        any where they were acknowledged to another gate."""
        return max((self._acknowledged_at.get(key, 0) for key in keys), default=0)

    async def wait_until_acknowledged(self, keys: Iterable[ResourceKey]) -> None:
        """Wait for as long as it takes. Raises Rejected."""
        for key in keys:
            while not self.is_acknowledged(key):
                if key in self._rejected:
                    raise Rejected(key, self._rejected[key])
                await self.changed(key)

    async def changed(self, key: ResourceKey) -> None:
        """Wait until this resource changes, or what is acknowledged of it does. Raises Rejected."""
        await self.any_changed([key])

    async def any_changed(self, keys: Collection[ResourceKey]) -> None:
        """Wait until one of these resources changes, as `changed` does."""
        waiter = asyncio.get_running_loop().create_future()
        for key in keys:
            self._waiters[key].add(waiter)
        try:
            await waiter
        finally:
            for key in keys:
                if key in self._waiters:
                    self._waiters[key].discard(waiter)
                    if not self._waiters[key]:
                        del self._waiters[key]

    def connect(self, subscriber: Subscriber) -> None:
        """From now on, what counts must have been acknowledged by this Envoy, too."""
        self._subscribers.add(subscriber)
        self._rejected.clear()

    def disconnect(self, subscriber: Subscriber) -> None:
        """An Envoy is gone, and with it all that it had acknowledged."""
        self._subscribers.discard(subscriber)
        for key in list(self._waiters):
            self.look_again(key)

    def acknowledged(self, key: ResourceKey) -> None:
        """Wake those who wait for a resource that was just acknowledged."""
        self._rejected.pop(key, None)
        self.moment += 1
        if self.get(key) is None:
            self._acknowledged_at.pop(key, None)
        else:
            self._acknowledged_at[key] = self.moment
        self.look_again(key)

    def look_again_at_all(self, type_url: str) -> None:
        """Wake those who wait for any resource of a type."""
        for key in list(self._waiters):
            if key.type_url == type_url:
                self.look_again(key)

    def look_again(self, key: ResourceKey) -> None:
        """Wake those who wait for this resource."""
        for waiter in self._waiters.pop(key, ()):
            if not waiter.done():
                waiter.set_result(None)

    def rejected(self, key: ResourceKey, reason: str) -> None:
        """Tell those who wait for this resource that Envoy refuses it."""
        self._rejected[key] = reason
        self.rejections += 1
        self.last_rejection = f"{key.name}: {reason}"
        for waiter in self._waiters.pop(key, ()):
            if not waiter.done():
                waiter.set_exception(Rejected(key, reason))

    def _notify(self, key: ResourceKey) -> None:
        for subscriber in self._subscribers:
            subscriber.notice(key)
        self.look_again(key)
