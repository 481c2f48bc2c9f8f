"""Further ways to a workload's replicas, beside the one to its serving port."""

from dataclasses import dataclass
from enum import StrEnum

from windlass.gateway.gateway import EVERYONE, Callers


class ExposureKind(StrEnum):
    """How a port is exposed; the values are those of connections on the wire."""

    INTERNAL = "ClusterIP"
    """Under a host name of its own, by the internal gateway alone."""
    NODE_PORT = "NodePort"
    """At a port of the gateway's own address."""
    URL = "ExternalUrl"
    """Under a host name of its own."""


@dataclass(frozen=True, slots=True)
class Exposure:
    """One port of the replicas, and how it is reached."""

    kind: ExposureKind
    container: int
    """The port as declared."""
    field: str
    """The JSON path of what asks for it, to which errors refer."""
    external: int | None = None
    """The port of the gateway's address, for a node port."""
    url: str | None = None
    """The URL asked for, for a URL; None is one made from the workload's name."""
    is_first: bool = True
    """Whether it is the first URL of the workload without one asked for."""
    callers: Callers = EVERYONE
    name: str | None = None
    tool_type: str | None = None
