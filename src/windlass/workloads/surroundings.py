"""What those who reconcile workloads have around them, and the keys to wake each other by."""

from collections.abc import Callable
from dataclasses import dataclass

from windlass.engines.engine import Engine
from windlass.gateway.gateway import Gateway
from windlass.kit.clock import Clock
from windlass.kit.database import Database
from windlass.workloads.addresses import Places
from windlass.workloads.kind import Kinds
from windlass.workloads.secrets import SecretReader

WORKLOAD = "workload"
PLACEMENT = "placement"
EVERYTHING = "everything"
"""The one key of placement: it plans over the whole snapshot."""


@dataclass(frozen=True, slots=True)
class Tenure:
    """The right to reconcile: the lease's name and the epoch it was acquired with."""

    lease_name: str
    epoch: int


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What reconciling needs around it."""

    database: Database
    engine: Engine
    gateway: Gateway
    kinds: Kinds
    tenure: Tenure
    places: Places
    secrets: SecretReader
    cluster_id: str
    """The one whose nodes the engine has."""
    clock: Clock
    """Steady: decisions about how long something lasts go by it."""
    wall_clock: Clock
    """For what people read."""
    wake: Callable[[str, str], None]
    """Have a key of a kind looked at soon."""
