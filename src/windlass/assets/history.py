"""What happened to assets of the kinds that have a history, newest first."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, insert, select

from windlass.assets.tables import asset_event
from windlass.kit.ids import new_id
from windlass.kit.paging import Page
from windlass.kit.timestamps import to_wire


def add_asset_event(
    connection: Connection, asset_id: str, reason: str, message: str, now: float
) -> None:
    """Keep, in the transaction that does it, what happens to an asset."""
    connection.execute(
        insert(asset_event).values(
            id=new_id(), asset_id=asset_id, at=now, reason=reason, message=message
        )
    )


def asset_events(connection: Connection, asset_id: str, page: Page) -> Sequence[Row[Any]]:
    """A page of them, and one more where there are more."""
    query = select(asset_event).where(asset_event.c.asset_id == asset_id)
    ordered = query.order_by(asset_event.c.at.desc(), asset_event.c.id.desc())
    return connection.execute(ordered.offset(page.offset).limit(page.limit + 1)).all()


def event_view(row: Row[Any], cluster_id: str) -> dict[str, Any]:
    """One of them on the wire."""
    at = to_wire(row.at)
    event = {
        "createdAt": at,
        "id": row.id,
        "type": "Normal",
        "clusterId": cluster_id,
        "message": row.message,
        "reason": row.reason,
        "source": "windlass",
    }
    return {"meta": {"creationTimestamp": at, "type": "Event"}, "spec": {"event": event}}
