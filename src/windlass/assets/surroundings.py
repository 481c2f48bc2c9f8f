"""What the use cases of assets need around them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import Connection, Select

from windlass.assets.access import AssetAccess
from windlass.kit.clock import Clock
from windlass.kit.database import Database
from windlass.kit.errors import FieldError
from windlass.kit.sealing import Seal


@dataclass(frozen=True, slots=True)
class WorkloadUse:
    """One workload that uses an asset."""

    id: str
    name: str
    type: str
    """As workload records have it, such as `Inference`."""
    status: str
    scope_path: str
    """The path of its project."""


class Workloads(Protocol):
    """What is known of workloads by the subject that has them, within a transaction."""

    def using(
        self, connection: Connection, asset_ids: Collection[str]
    ) -> Mapping[str, Sequence[WorkloadUse]]:
        """The workloads that are not gone and use these assets, by asset; none where none does."""

    def ever_used(self) -> Select[tuple[str]]:
        """The ids of all assets that a workload on record uses or used, gone or not."""

    def objections(
        self, kind: str, spec: Mapping[str, Any], workload_type: str
    ) -> Sequence[FieldError]:
        """Why a workload of that type (`Inference`, …) could not be made from an asset with that
        spec. Paths are within the spec; one that is empty is about the type."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The store, the time, who may do what, who uses assets, and what seals their secrets."""

    database: Database
    clock: Clock
    access: AssetAccess
    workloads: Workloads
    seal: Seal
