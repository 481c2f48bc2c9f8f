"""Who uses assets: workloads, templates and other assets; and when they last did."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, Row, Select, select

from windlass.assets.surroundings import Workloads, WorkloadUse
from windlass.assets.tables import asset, asset_last_use, asset_reference
from windlass.kit.timestamps import optional_to_wire

TEMPLATE = "workload-template"
_ENVIRONMENT = "environment"
_COMPUTE = "compute"
_MOST_NAMED = 10
FIELD_OF_TYPE = {
    "Workspace": "workspaces",
    "Training": "trainings",
    "Distributed": "distributed",
    "Inference": "inferences",
}
"""Where `usedBy` lists workloads, by their type."""


@dataclass(frozen=True, slots=True)
class Users:
    """All that uses one asset."""

    workloads: Sequence[WorkloadUse] = ()
    assets: Sequence[Row[Any]] = ()
    """Templates among them: of each id, name and kind, and what says who may see it."""
    unseen: int = 0
    """How many there are beside these that are not to be named."""

    def __bool__(self) -> bool:
        return bool(self.workloads or self.assets or self.unseen)

    def without_workloads(self) -> "Users":
        """The assets among them."""
        return replace(self, workloads=())

    def described(self) -> str:
        """The first of them, each in words, and how many more there are."""
        names = [f"{user.type} {user.name}" for user in self.workloads]
        names += [f"{row.kind} {row.name}" for row in self.assets]
        told = names[:_MOST_NAMED]
        if more := len(names) - len(told):
            told.append(f"{more} more")
        if self.unseen:
            told.append(f"{self.unseen} that you may not see")
        return " and ".join(part for part in (", ".join(told[:-1]), told[-1]) if part)


def users_of(
    connection: Connection, workloads: Workloads, asset_ids: Collection[str]
) -> dict[str, Users]:
    """All that uses each of these assets, deleted things left out."""
    by_workload = workloads.using(connection, asset_ids)
    by_asset: dict[str, list[Row[Any]]] = {}
    query: Select[Any] = (
        select(
            asset_reference.c.refers_to,
            asset.c.id,
            asset.c.name,
            asset.c.kind,
            asset.c.tenant_id,
            asset.c.scope_path,
            asset.c.private,
            asset.c.owner_id,
        )
        .join(asset, asset.c.id == asset_reference.c.asset_id)
        .where(asset_reference.c.refers_to.in_(asset_ids), asset.c.deleted_at.is_(None))
        .order_by(asset.c.name, asset.c.id)
    )
    for row in connection.execute(query):
        by_asset.setdefault(row.refers_to, []).append(row)
    return {
        asset_id: Users(by_workload.get(asset_id, ()), by_asset.get(asset_id, ()))
        for asset_id in asset_ids
    }


def last_uses(
    connection: Connection, asset_ids: Collection[str], project_id: int, workload_type: str
) -> Mapping[str, float]:
    """When a workload of that type was last made from each in that project."""
    rows = connection.execute(
        select(asset_last_use.c.asset_id, asset_last_use.c.used_at).where(
            asset_last_use.c.asset_id.in_(asset_ids),
            asset_last_use.c.project_id == project_id,
            asset_last_use.c.workload_type == workload_type,
        )
    )
    return {row.asset_id: row.used_at for row in rows}


def usage_view(users: Users) -> dict[str, Any]:
    """`usedBy` on the wire."""
    view: dict[str, Any] = {field: [] for field in FIELD_OF_TYPE.values()}
    for use in users.workloads:
        if field := FIELD_OF_TYPE.get(use.type):
            view[field].append({"id": use.id, "name": use.name, "status": use.status})
    view["templates"] = [_reference(row) for row in users.assets if row.kind == TEMPLATE]
    view["assets"] = {
        "environments": [_reference(row) for row in users.assets if row.kind == _ENVIRONMENT],
        "computes": [_reference(row) for row in users.assets if row.kind == _COMPUTE],
        "datasources": [
            {**_reference(row), "kind": row.kind}
            for row in users.assets
            if row.kind not in (TEMPLATE, _ENVIRONMENT, _COMPUTE)
        ],
    }
    return view


def usage_times_view(used_at: float | None) -> dict[str, Any]:
    """`usageTimes` on the wire."""
    return {"lastUsedByWorkload": optional_to_wire(used_at)}


def _reference(row: Row[Any]) -> dict[str, str]:
    return {"id": row.id, "name": row.name}
