"""What a workload takes from assets: each says a part of its spec."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row

from windlass.assets.compliance import supports
from windlass.assets.kinds import KINDS
from windlass.assets.store import visible_assets
from windlass.identity.tokens import Caller
from windlass.kit.errors import FieldError, invalid_fields
from windlass.org.scopes import Unit
from windlass.spec.combination import Layer
from windlass.spec.model import SpecModel
from windlass.spec.scalars import NonEmpty, Uuid

ASSET = "asset"
"""The origin of what comes from one."""
_KINDS = {kind.name: kind for kind in KINDS}


class DataSourceId(SpecModel):
    """A data source, by its id and kind."""

    id: Uuid | None = None
    kind: NonEmpty | None = None


class AssetIds(SpecModel):
    """The assets that a workload is made from, by their ids. What the request says itself wins."""

    compute: Uuid | None = None
    """A compute resource: what each replica asks for."""
    environment: Uuid | None = None
    """What each replica runs."""
    datasources: list[DataSourceId] | None = None
    """What is mounted into each replica."""

    def by_kind(self) -> dict[str, str]:
        """Those that say something of the spec."""
        found = {"compute": self.compute, "environment": self.environment}
        return {kind: asset_id for kind, asset_id in found.items() if asset_id is not None}


@dataclass(frozen=True, slots=True)
class UsedAsset:
    """An asset as it was when a workload was made from it."""

    id: str
    path: str
    """Where the request names it."""
    update_count: int


@dataclass(frozen=True, slots=True)
class Taken:
    """What was found of the assets that a request names."""

    layers: Sequence[Layer] = ()
    used: Sequence[UsedAsset] = ()


class AssetChanged(Exception):
    """An asset is not any more as it was when it was read: read it again."""


def take_assets(
    connection: Connection,
    wanted: Mapping[str, str],
    path: str,
    unit: Unit,
    workload_type: str,
    caller: Caller,
) -> Taken:
    """What these assets, ids by kind, say of a workload of that type in that project.

    Raises BadRequest where there is no such asset that can be used there, or it is not for such
    workloads.
    """
    rows = visible_assets(connection, [item.lower() for item in wanted.values()], unit, caller)
    errors = [
        FieldError(f"{path}.{kind}", problem)
        for kind, asset_id in wanted.items()
        if (problem := _problem(kind, asset_id, rows.get(asset_id.lower()), workload_type))
    ]
    if errors:
        raise invalid_fields(errors)
    layers, used = [], []
    for kind, asset_id in wanted.items():
        row = rows[asset_id.lower()]
        in_workload = _KINDS[kind].in_workload
        assert in_workload is not None
        layers.append(Layer(ASSET, in_workload(row.spec)))
        used.append(UsedAsset(row.id, f"{path}.{kind}", row.update_count))
    return Taken(layers, used)


def hold_assets(
    connection: Connection, used: Collection[UsedAsset], unit: Unit, caller: Caller
) -> None:
    """Let none of these be changed or deleted before the transaction ends.

    Raises AssetChanged where one of them is not as it was.
    """
    if not used:
        return
    rows = visible_assets(connection, [item.id for item in used], unit, caller, hold=True)
    for item in used:
        row = rows.get(item.id)
        if row is None or row.update_count != item.update_count:
            raise AssetChanged


def _problem(kind: str, asset_id: str, row: Row[Any] | None, workload_type: str) -> str | None:
    words = _KINDS[kind].words
    if row is None or row.kind != kind:
        return f"there is no {words} with the id {asset_id!r} that can be used in this project"
    if not supports(row.supported_types, workload_type):
        return f"the {words} {row.name!r} is not meant for workloads of type {workload_type}"
    for error in _KINDS[kind].unfit(row.spec):
        return f"the {words} {row.name!r} cannot be used here: {error}"
    return None
