"""What a workload takes from assets: each says a part of its spec."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row

from windlass.assets.compliance import supports
from windlass.assets.kinds import KINDS_BY_NAME
from windlass.assets.store import hold_versions, last_name, visible_assets
from windlass.identity.tokens import Caller
from windlass.kit.errors import FieldError, invalid_fields
from windlass.org.scopes import Unit
from windlass.spec.combination import Layer
from windlass.spec.model import SpecModel
from windlass.spec.scalars import NonEmpty, Uuid

ASSET = "asset"
"""The origin of what comes from one."""


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
class WantedAsset:
    """An asset that a workload is to be made from."""

    kind: str
    id: str
    path: str
    """What in the request asks for it."""
    template: str | None = None
    """The name of the template that names it, where the request itself does not."""


@dataclass(frozen=True, slots=True)
class UsedAsset:
    """An asset as it was when a workload was made from it."""

    id: str
    update_count: int


@dataclass(frozen=True, slots=True)
class Taken:
    """What was found of the assets that a workload is to be made from."""

    layers: Sequence[Layer] = ()
    used: Sequence[UsedAsset] = ()
    specs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """By kind."""


class AssetChanged(Exception):
    """An asset is not any more as it was when it was read: read it again."""


def take_assets(
    connection: Connection,
    wanted: Sequence[WantedAsset],
    unit: Unit,
    workload_type: str,
    caller: Caller,
    known: Mapping[str, Row[Any]] | None = None,
) -> Taken:
    """What these assets say of a workload of that type in that project. `known` are those of them
    that have been read, and others.

    Raises BadRequest where there is no such asset that can be used there, or it is not for such
    workloads.
    """
    rows = dict(known or {})
    if unknown := [item.id.lower() for item in wanted if item.id.lower() not in rows]:
        rows |= visible_assets(connection, unknown, unit, caller)
    errors = [
        FieldError(item.path, problem)
        for item in wanted
        if (problem := _problem(connection, item, rows.get(item.id.lower()), workload_type))
    ]
    if errors:
        raise invalid_fields(errors)
    found = [rows[item.id.lower()] for item in wanted]
    return Taken(
        [Layer(ASSET, _part(row)) for row in found],
        [UsedAsset(row.id, row.update_count) for row in found],
        {row.kind: row.spec for row in found},
    )


def hold_assets(
    connection: Connection, used: Collection[UsedAsset], unit: Unit, caller: Caller
) -> None:
    """Let none of these be changed or deleted before the transaction ends.

    Raises AssetChanged where one of them is not as it was.
    """
    versions = {item.id: item.update_count for item in used}
    if versions and not hold_versions(connection, versions, unit, caller):
        raise AssetChanged


def _part(row: Row[Any]) -> dict[str, Any]:
    in_workload = KINDS_BY_NAME[row.kind].in_workload
    assert in_workload is not None
    return in_workload(row.spec)


def _problem(
    connection: Connection, item: WantedAsset, row: Row[Any] | None, workload_type: str
) -> str | None:
    kind = KINDS_BY_NAME[item.kind]
    of_template = "" if item.template is None else f"the template {item.template!r} needs "
    if row is None or row.kind != item.kind:
        if item.template is not None:
            called = last_name(connection, item.id)
            named = f"the {kind.words} {called!r} ({item.id})"
            return f"{of_template}{named}, which is gone or cannot be used in this project"
        return f"there is no {kind.words} with the id {item.id!r} that can be used in this project"
    told = f"{of_template}the {kind.words} {row.name!r}"
    which = ", which" if of_template else ""
    if kind.in_workload is None:
        return f"{told}{which} cannot be used in workloads yet"
    if not supports(row.supported_types, workload_type):
        return f"{told}{which} is not meant for workloads of type {workload_type}"
    for error in kind.unfit(row.spec):
        return f"{told}{which} cannot be used here: {error}"
    return None
