"""What the gateway offers to whoever decides about routes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One ready replica."""

    replica_id: str
    host: str
    port: int

    @property
    def address(self) -> str:
        """As Envoy writes it."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Access(StrEnum):
    """Who may call."""

    PUBLIC = "public"
    AUTHENTICATED = "authenticated"


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
    access: Access = Access.PUBLIC
    request_timeout_seconds: float = 300.0
    no_replica_because: str | None = None
    """Set where it is certain that no replica will be there soon: while there is no endpoint,
    requests, held ones too, are answered 503 with this message. They still count as asked for."""
    held_limit: int = HELD_AT_ONCE
    """How many requests may wait at once; one more is answered 503 with `Retry-After`."""
    concurrency_limit: int = 0
    """Most requests in flight to one replica; the rest queue. 0 is no limit."""


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
    """Requests whose answer has ended."""
    answered_seconds: float = 0.0
    """How long these took, from being sent to a replica to the end of the answer, all together."""
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
        """Create or replace one workload's route."""

    def remove(self, workload_id: str, epoch: int) -> None:
        """Answer 404 from now on, held requests included; requests in flight go on."""

    def replace_all(self, routes: Sequence[Route], trust: TokenTrust, epoch: int) -> None:
        """Make these the only routes, changing nothing that is already so."""

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
