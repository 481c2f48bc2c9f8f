"""Assets in and out of the store, within a transaction of the caller's."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Row,
    Select,
    bindparam,
    delete,
    insert,
    or_,
    select,
    update,
)

from windlass.assets.access import seen_by, unknown
from windlass.assets.kind import Kind, Reference
from windlass.assets.sharing import usable_in
from windlass.assets.tables import asset, asset_last_use, asset_reference, asset_update_counter
from windlass.identity.tokens import Caller
from windlass.kit.errors import FieldError
from windlass.kit.ids import is_uuid
from windlass.org.scopes import Unit, units_above


def find_asset(
    connection: Connection, tenant_id: int, kind: Kind, asset_id: str, *, lock: bool = False
) -> Row[Any]:
    """One asset that is not deleted. With `lock` nobody else changes it, or begins to use it,
    before the transaction ends. Raises NotFound."""
    query = select(asset).where(
        asset.c.id == (asset_id.lower() if is_uuid(asset_id) else ""),
        asset.c.tenant_id == tenant_id,
        asset.c.kind == kind.name,
        asset.c.deleted_at.is_(None),
    )
    row = connection.execute(query.with_for_update() if lock else query).one_or_none()
    if row is None:
        raise unknown(kind, asset_id)
    return row


def find_deleted(
    connection: Connection, tenant_id: int, kind: Kind, asset_id: str
) -> Row[Any] | None:
    """The record of a deleted asset, as long as it is kept."""
    query = select(asset).where(
        asset.c.id == asset_id.lower(),
        asset.c.tenant_id == tenant_id,
        asset.c.kind == kind.name,
        asset.c.deleted_at.is_not(None),
    )
    return connection.execute(query).one_or_none() if is_uuid(asset_id) else None


def visible_assets(
    connection: Connection,
    asset_ids: Collection[str],
    unit: Unit,
    caller: Caller,
    *,
    hold: bool = False,
    with_references: bool = False,
) -> dict[str, Row[Any]]:
    """Those of these assets that can be used in the unit, by id; with what they refer to, too.

    With `hold` none of them is changed or deleted before the transaction ends.
    """
    query = _visible(hold=hold, with_references=with_references)
    rows = connection.execute(query, _place_of_use(asset_ids, unit, caller))
    return {row.id: row for row in rows}


def hold_versions(
    connection: Connection, versions: Mapping[str, int], unit: Unit, caller: Caller
) -> bool:
    """Whether all of these assets can be used in the unit and have these counts of updates still;
    if so, none of them is changed or deleted before the transaction ends."""
    rows = connection.execute(_held_versions(), _place_of_use(versions, unit, caller))
    return {row.id: row.update_count for row in rows} == dict(versions)


def usable_assets(
    connection: Connection, kinds: Collection[str], unit: Unit, caller: Caller
) -> Sequence[Row[Any]]:
    """All assets of these kinds that can be used in the unit, those nearest to it first."""
    query = select(asset).where(
        asset.c.kind.in_(sorted(kinds)),
        asset.c.scope_path.in_(units_above(unit)),
        asset.c.deleted_at.is_(None),
        seen_by(caller.id),
    )
    return connection.execute(query.order_by(asset.c.scope_path.desc(), asset.c.id)).all()


def last_name(connection: Connection, asset_id: str) -> str | None:
    """What an asset is called, or was when it was deleted."""
    found = connection.execute(select(asset.c.name).where(asset.c.id == asset_id.lower()))
    return found.scalar_one_or_none()


def reference_errors(
    references: Iterable[Reference], visible: Mapping[str, Row[Any]]
) -> list[FieldError]:
    """References to what there is none of, what cannot be used there, or what is something else."""
    errors = []
    for reference in references:
        found = visible.get(reference.asset_id.lower())
        if found is None or found.kind not in reference.kinds:
            wanted = " or ".join(sorted(reference.kinds))
            errors.append(
                FieldError(
                    reference.path,
                    f"there is no asset of kind {wanted} with the id {reference.asset_id!r} that"
                    " can be used in this scope",
                )
            )
    return errors


def save_references(connection: Connection, asset_id: str, references: Iterable[Reference]) -> None:
    """Keep what an asset refers to now."""
    connection.execute(delete(asset_reference).where(asset_reference.c.asset_id == asset_id))
    ids = sorted({reference.asset_id.lower() for reference in references})
    if ids:
        rows = [{"asset_id": asset_id, "refers_to": other} for other in ids]
        connection.execute(insert(asset_reference), rows)


def note_use(
    connection: Connection,
    asset_ids: Iterable[str],
    project_id: int,
    workload_type: str,
    now: float,
) -> None:
    """Remember that a workload of that type, in that project, was made from these."""
    key = {"project_id": project_id, "workload_type": workload_type}
    known = [asset_last_use.c[name] == value for name, value in key.items()]
    ids = sorted(asset_ids)
    changed = connection.execute(
        update(asset_last_use)
        .where(asset_last_use.c.asset_id.in_(ids), *known)
        .values(used_at=now)
        .returning(asset_last_use.c.asset_id)
    ).scalars()
    if missing := sorted(set(ids) - set(changed)):
        rows = [{"asset_id": asset_id, "used_at": now, **key} for asset_id in missing]
        connection.execute(insert(asset_last_use), rows)


def next_update_count(connection: Connection, tenant_id: int) -> int:
    """A number above those of all changes before. The tree must be locked."""
    count = connection.execute(
        update(asset_update_counter)
        .where(asset_update_counter.c.tenant_id == tenant_id)
        .values(value=asset_update_counter.c.value + 1)
        .returning(asset_update_counter.c.value)
    ).scalar_one_or_none()
    if count is not None:
        return int(count)
    connection.execute(insert(asset_update_counter).values(tenant_id=tenant_id, value=1))
    return 1


@cache
def _visible(*, hold: bool = False, with_references: bool = False) -> Select[Any]:
    """Asked with every launch, so that it is put together once."""
    ids: BindParameter[str] = bindparam("ids", expanding=True)
    chosen: ColumnElement[bool] = asset.c.id.in_(ids)
    if with_references:
        named = select(asset_reference.c.refers_to).where(asset_reference.c.asset_id.in_(ids))
        chosen = or_(chosen, asset.c.id.in_(named))
    query = select(asset).where(
        chosen,
        usable_in(bindparam("paths", expanding=True)),
        asset.c.deleted_at.is_(None),
        seen_by(bindparam("caller_id")),
    )
    # In one order, so that no two transactions wait for each other.
    query = query.order_by(asset.c.id)
    return query.with_for_update(read=True) if hold else query


@cache
def _held_versions() -> Select[Any]:
    return _visible(hold=True).with_only_columns(asset.c.id, asset.c.update_count)


def _place_of_use(asset_ids: Iterable[str], unit: Unit, caller: Caller) -> dict[str, Any]:
    return {
        "ids": sorted(set(asset_ids)),
        "paths": units_above(unit),
        "caller_id": caller.id,
    }
