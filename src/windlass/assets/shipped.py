"""What ships with the platform: `shipped.yaml`, brought into the store when it starts."""

import importlib.resources
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml
from sqlalchemy import Connection, Row, insert, select, update

from windlass.assets.kinds import KINDS_BY_NAME
from windlass.assets.schemas import AssetCreation, creation_model
from windlass.assets.store import next_update_count
from windlass.assets.tables import asset
from windlass.kit.clock import Clock
from windlass.kit.database import Database
from windlass.kit.ids import new_id
from windlass.org.scopes import ScopeType
from windlass.org.tree import lock_tree

_BY = "system"


@dataclass(frozen=True, slots=True)
class Shipped:
    """One asset that ships."""

    kind: str
    body: AssetCreation

    @property
    def name(self) -> str:
        """What it is called."""
        return self.body.meta.name

    def columns(self) -> dict[str, Any]:
        """What is kept of it."""
        supported = self.body.meta.workload_supported_types
        return {
            "description": self.body.meta.description,
            "supported_types": None if supported is None else supported.submitted(),
            "spec": self.body.spec.submitted(),
        }


def shipped_assets() -> Iterator[Shipped]:
    """Every entry of the file. Raises ValueError where one is no asset."""
    source = importlib.resources.files("windlass.assets").joinpath("shipped.yaml")
    facts = yaml.load(
        source.read_text("utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    )
    for name, entries in facts.items():
        model = creation_model(KINDS_BY_NAME[name])
        for entry in entries:
            yield Shipped(name, model.model_validate(_body(entry)))


def bring_in_shipped(database: Database, tenant_id: int, clock: Clock) -> None:
    """Have the store's be those of this version. A name that somebody took before is left alone."""
    wanted = list(shipped_assets())
    with database.read() as connection:
        if not list(_changes(connection, tenant_id, wanted)):
            return
    database.write(lambda connection: _save(connection, tenant_id, wanted, clock))


def _save(connection: Connection, tenant_id: int, wanted: list[Shipped], clock: Clock) -> None:
    lock_tree(connection, tenant_id)
    now = clock.now()
    for shipped, row in _changes(connection, tenant_id, wanted):
        values = {
            **shipped.columns(),
            "updated_at": now,
            "updated_by": _BY,
            "update_count": next_update_count(connection, tenant_id),
        }
        if row is not None:
            connection.execute(update(asset).where(asset.c.id == row.id).values(**values))
            continue
        connection.execute(
            insert(asset).values(
                id=new_id(),
                kind=shipped.kind,
                name=shipped.name,
                tenant_id=tenant_id,
                scope=ScopeType.SYSTEM.value,
                scope_path="",
                auto_delete=False,
                private=False,
                created_at=now,
                created_by=_BY,
                **values,
            )
        )


def _changes(
    connection: Connection, tenant_id: int, wanted: list[Shipped]
) -> Iterator[tuple[Shipped, Row[Any] | None]]:
    """Those that are not there yet, and those that are not as they should be with their rows."""
    taken: dict[tuple[str, str], Row[Any]] = {}
    names = sorted({shipped.name for shipped in wanted})
    query = select(asset).where(
        asset.c.tenant_id == tenant_id, asset.c.name.in_(names), asset.c.deleted_at.is_(None)
    )
    for row in connection.execute(query):
        taken[row.kind, row.name] = row
    for shipped in wanted:
        there = taken.get((shipped.kind, shipped.name))
        if there is None:
            yield shipped, None
        elif there.scope == ScopeType.SYSTEM and any(
            there._mapping[name] != value for name, value in shipped.columns().items()
        ):
            yield shipped, there


def _body(entry: Mapping[str, Any]) -> dict[str, Any]:
    meta = {key: value for key, value in entry.items() if key != "spec"}
    return {"meta": {**meta, "scope": "system"}, "spec": entry["spec"]}
