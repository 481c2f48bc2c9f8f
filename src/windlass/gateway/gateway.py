"""What the gateway offers to whoever decides about routes."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Address:
    """A host and a TCP port, which is never 0: who listens picks one and keeps it."""

    host: str
    port: int

    def __str__(self) -> str:
        """As Envoy writes it."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One replica."""

    replica_id: str
    host: str
    port: int
    additional_ports: Mapping[int, int] = field(default_factory=dict)
    """Where each of the workload's additional ports is reached on `host`, by the declared port."""

    @property
    def addresses(self) -> tuple[Address, ...]:
        """Where it answers, over all its ports, the serving port first."""
        numbers = (self.port, *self.additional_ports.values())
        return tuple(Address(self.host, number) for number in numbers)


class Access(StrEnum):
    """Who may call."""

    PUBLIC = "public"
    AUTHENTICATED = "authenticated"
    """Whoever has a valid token."""
    AUTHORIZED = "authorized"
    """Whoever has a valid token and is listed, or in a group that is."""


@dataclass(frozen=True, slots=True)
class Callers:
    """Who may call, with the lists that `Access.AUTHORIZED` goes by."""

    access: Access = Access.PUBLIC
    users: tuple[str, ...] = ()
    """As the token's claim `email` has them; upper and lower case count as the same."""
    groups: tuple[str, ...] = ()
    """As the token's claim `groups` has them."""


EVERYONE = Callers()


class ReplicaProtocol(StrEnum):
    """How a replica is spoken to."""

    HTTP = "http"
    """HTTP/1.1, and WebSocket."""
    GRPC = "grpc"
    """HTTP/2 with prior knowledge."""
    AS_CLIENT = "as-client"
    """HTTP/1.1, or HTTP/2 with prior knowledge, whichever the client speaks."""


@dataclass(frozen=True, slots=True)
class AdditionalRoute:
    """A further way into a workload, with callers of its own; it waits and wakes like the first."""

    name: str
    """Unique within the workload."""
    port: int | None
    """The additional port that it leads to, as declared; None is the serving port."""
    hosts: tuple[str, ...] = ()
    """Exact host names in lower case, without a port."""
    listen: Address | None = None
    """An address that leads here alone, whatever host or path is asked for."""
    internal_only: bool = False
    """The outer gateway answers 404."""
    callers: Callers = EVERYONE


HELD_AT_ONCE = 5_000
"""How many requests of one workload may wait, unless its route says otherwise."""


@dataclass(frozen=True, slots=True)
class Route:
    """How one workload is reached."""

    workload_id: str
    hosts: tuple[str, ...]
    """Exact host names in lower case, without a port."""
    path_prefix: str
    """`/project/name`, which is removed before a request reaches a replica."""
    endpoints: tuple[Endpoint, ...] = ()
    unavailable: str | None = None
    """When set, requests, held ones too, are answered 503 with this message."""
    callers: Callers = EVERYONE
    internal_only: bool = False
    """The outer gateway answers 404."""
    protocol: ReplicaProtocol = ReplicaProtocol.HTTP
    """Of the serving port; additional ports are spoken to as the client speaks."""
    additional: tuple[AdditionalRoute, ...] = ()
    request_timeout_seconds: float = 300.0
    no_replica_because: str | None = None
    """Set where it is certain that no replica will be there soon: while there is no endpoint,
    requests, held ones too, are answered 503 with this message. They still count as asked for."""
    held_limit: int = HELD_AT_ONCE
    """How many requests may wait at once; one more is answered 503 with `Retry-After`."""
    concurrency_limit: int = 0
    """Most requests in flight to one replica; the rest queue. 0 is no limit."""
    starting: tuple[Endpoint, ...] = ()
    """What becomes an endpoint when its replica says that it is ready, to the gate itself: requests
    that wait need wait for nobody else."""


@dataclass(frozen=True, slots=True)
class ReplicaCounters:
    """What one replica was sent. Totals only grow, until the gateway's processes start again."""

    started: int = 0
    """Requests ever sent to it."""
    in_flight: int = 0


@dataclass(frozen=True, slots=True)
class TrafficCounters:
    """One workload's traffic. Totals only grow, until the gateway's processes start again: a total
    that is less than before has begun again at 0."""

    at: float = 0.0
    """When it was read, in seconds by the gate's monotonic clock."""
    started: int = 0
    """Requests ever sent to a replica."""
    answered: int = 0
    """Requests whose answer has ended: of late ones it may be learned only a second later, and of
    a WebSocket, or where the client left, never."""
    answered_seconds: float = 0.0
    """How long these took, from the end of the request to the end of the answer, all together."""
    outlasting: int = 0
    """Of those answered, how many took longer than a second."""
    in_flight: int = 0
    held: int = 0
    """Requests that wait for a replica or for a slot on one."""
    held_seconds: float = 0.0
    """How long requests have waited, all together, those that wait now included."""
    asked: int = 0
    """Requests that ever began to wait or were refused for want of a replica."""
    released: int = 0
    """Of these, how many have waited and were then sent on: `started` counts them, too."""
    replicas: Mapping[str, ReplicaCounters] = field(default_factory=dict)
    """By replica id."""


@dataclass(frozen=True, slots=True)
class TokenTrust:
    """Which bearer tokens count as signed in: the issuer's public keys as a JWK set."""

    issuer: str
    jwks: Mapping[str, Any]
    audience: str | None = None
    """Whom a token must be meant for; None is anyone."""
    revoked: tuple[str, ...] = ()
    """Tokens that carry one of these as `sid` or `gen` do not count any more."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """What the outer gateway shows to clients: both in PEM, and a pair."""

    chain: str
    """The gateway's own certificate first, then those that lead to an authority."""
    key: str = field(repr=False)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the chain as it is written."""
        return sha256(self.chain.encode()).hexdigest()


class AddressInUse(Exception):
    """The gateway cannot listen where a route says: something else does."""


class GatewayUnavailable(Exception):
    """The gate or Envoy did not acknowledge the change; it may or may not have taken effect."""


class StaleEpoch(Exception):
    """The caller's lease is older than one the gate has already obeyed."""


class Gateway(Protocol):
    """Every method returns only once Envoy has acknowledged the change on a live stream.

    Every method may be called from any thread, and raises StaleEpoch or GatewayUnavailable.
    With no endpoint and `unavailable` None, requests are held until one is there or they time out.
    """

    def put(self, route: Route, epoch: int) -> None:
        """Create or replace one workload's route.

        Raises AddressInUse where an address it listens on is taken; the rest of it is in effect.
        """

    def introduce(self, route: Route) -> None:
        """Have requests to a workload that has just been made held, until `put` says more of it.

        For those who may not decide about routes: where the workload is known, or was removed a
        moment ago, nothing changes. Where an address is taken, `put` will say so. Raises no
        StaleEpoch.
        """

    def remove(self, workload_id: str, epoch: int) -> None:
        """Answer 404 from now on, held requests included; requests in flight go on."""

    def trust(self, trust: TokenTrust, epoch: int) -> None:
        """Let these tokens count from now on, and no others; streams that run go on."""

    def certify(self, certificate: Certificate, epoch: int) -> None:
        """Show this certificate to clients that connect from now on; connections that are there
        stay. Raises GatewayUnavailable, too, where Envoy refuses it: then the former one stays."""

    def replace_all(
        self,
        routes: Sequence[Route],
        trust: TokenTrust,
        epoch: int,
        certificate: Certificate | None = None,
    ) -> Collection[str]:
        """Make these the only routes, changing nothing that is already so. Without a certificate
        the gateway speaks plain HTTP.

        The ids of those workloads that cannot be served: `put` says why. All others are.
        """

    def in_flight(self, workload_id: str) -> Mapping[str, int]:
        """Requests now in flight, by replica id, of replicas listed or still draining.

        A replica that `put` no longer lists drains; it is left out once its last request has ended.
        That of a removed workload does the same.
        """

    def traffic(self) -> Mapping[str, TrafficCounters]:
        """The traffic of every workload, by its id. Meant to be asked once a second.

        Raises GatewayUnavailable.
        """

    def watch_held(self) -> Iterator[str]:
        """The id of every workload for which a request waits while it has no endpoint: at first of
        all there are, then of each at once when the first such request arrives, or is refused.

        Ends by raising GatewayUnavailable when the gate goes, or when the client is closed.
        """
