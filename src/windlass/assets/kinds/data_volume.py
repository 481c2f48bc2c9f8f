"""Data volumes: the data of a volume claim, which other projects can be let use.

A data volume is in the project of its claim. They are kept complete; no engine here mounts them
yet.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, RowMapping, select

from windlass.assets.kind import Kind, WhileUsed
from windlass.assets.tables import asset, asset_reference
from windlass.identity.roles import ResourceType
from windlass.org.scopes import ScopeType
from windlass.spec.model import SpecModel
from windlass.spec.scalars import NonEmpty

ORIGIN = "pvc"
"""The kind of asset that one is made from."""


class DataVolumeSpec(SpecModel):
    """Where the data is."""

    origin_pvc_name: NonEmpty
    """The volume claim that has the data."""
    should_delete_original_volume: bool = False
    use_original_volume: bool = True
    """Whether it is the claim's own volume rather than a copy."""


def _shown(connection: Connection, rows: Sequence[Row[Any]]) -> list[dict[str, Any]]:
    """With the claim's name of today, unless it was given as the cluster calls it."""
    query = (
        select(asset_reference.c.asset_id, asset.c.name, asset.c.spec)
        .join(asset, asset.c.id == asset_reference.c.refers_to)
        .where(asset_reference.c.asset_id.in_([row.id for row in rows]))
    )
    origins = {row.asset_id: row._mapping for row in connection.execute(query)}
    return [_with_origin(row.spec, origins.get(row.id)) for row in rows]


def _with_origin(spec: dict[str, Any], origin: RowMapping | None) -> dict[str, Any]:
    if origin is None or spec["originPvcName"] == origin["spec"].get("claimName"):
        return spec
    return {**spec, "originPvcName": origin["name"]}


DATA_VOLUME = Kind(
    name="data-volume",
    words="data volume",
    path="/api/v1/datavolumes",
    tag="Data volumes",
    resource=ResourceType.DATA_VOLUMES,
    spec=DataVolumeSpec,
    while_used=WhileUsed.CONFLICT,
    shown=_shown,
    meta_path="",
    named_within=ScopeType.CLUSTER,
    is_shared=True,
    deletion_status=204,
)
