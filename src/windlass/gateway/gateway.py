"""What the gateway offers to whoever decides about routes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One ready replica."""

    replica_id: str
    host: str
    port: int


class Access(StrEnum):
    """Who may call."""

    PUBLIC = "public"
    AUTHENTICATED = "authenticated"


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
