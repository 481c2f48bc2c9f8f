"""Which workloads use which assets, and which assets they could be made from:
`windlass.assets.surroundings.Workloads`."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Select, insert, select

from windlass.assets.deletion import OF_ITSELF, delete_if_unused
from windlass.assets.store import note_use
from windlass.assets.surroundings import WorkloadUse
from windlass.kit.errors import FieldError
from windlass.workloads.access import scope_of
from windlass.workloads.tables import workload, workload_asset

Objections = Callable[[str, Mapping[str, Any]], Sequence[FieldError]]
"""Why workloads of one type could not be made from an asset of that kind with that spec."""


class WorkloadsByAsset:
    """Answers from the records of workloads."""

    def __init__(self, objections: Mapping[str, Objections]) -> None:
        """`objections` has every type of workload that can be run."""
        self._objections = objections

    def using(
        self, connection: Connection, asset_ids: Collection[str]
    ) -> Mapping[str, Sequence[WorkloadUse]]:
        """The workloads that are not gone and use these assets, by asset."""
        query: Select[Any] = (
            select(
                workload_asset.c.asset_id,
                workload.c.id,
                workload.c.name,
                workload.c.type,
                workload.c.phase,
                workload.c.tenant_id,
                workload.c.cluster_id,
                workload.c.department_id,
                workload.c.project_id,
            )
            .join(workload, workload.c.id == workload_asset.c.workload_id)
            .where(workload_asset.c.asset_id.in_(asset_ids), workload.c.deleted_at.is_(None))
            .order_by(workload.c.name, workload.c.id)
        )
        found: dict[str, list[WorkloadUse]] = {}
        for row in connection.execute(query):
            use = WorkloadUse(row.id, row.name, row.type, row.phase, scope_of(row))
            found.setdefault(row.asset_id, []).append(use)
        return found

    def ever_used(self) -> Select[tuple[str]]:
        """The ids of all assets that a workload on record uses or used, gone or not."""
        return select(workload_asset.c.asset_id)

    def objections(
        self, kind: str, spec: Mapping[str, Any], workload_type: str
    ) -> Sequence[FieldError]:
        """Why a workload of that type could not be made from such an asset."""
        check = self._objections.get(workload_type)
        if check is None:
            return [FieldError("", f"workloads of type {workload_type} cannot be run here yet")]
        return check(kind, spec)


def record_use(
    connection: Connection,
    workload_id: str,
    workload_type: str,
    project_id: int,
    asset_ids: Collection[str],
    now: float,
) -> None:
    """Keep which assets a new workload uses, in the transaction that makes it."""
    if not asset_ids:
        return
    rows = [{"workload_id": workload_id, "asset_id": asset_id} for asset_id in sorted(asset_ids)]
    connection.execute(insert(workload_asset), rows)
    note_use(connection, asset_ids, project_id, workload_type, now)


def end_use(
    connection: Connection, by_asset: WorkloadsByAsset, workload_id: str, name: str, now: float
) -> None:
    """Delete the assets that are to go with the workload, in the transaction in which it goes."""
    used = select(workload_asset.c.asset_id).where(workload_asset.c.workload_id == workload_id)
    ids = connection.execute(used).scalars().all()
    if ids:
        deleted_by = f"{OF_ITSELF}deleted with its last workload, {name}"
        delete_if_unused(connection, by_asset, ids, deleted_by, now)
