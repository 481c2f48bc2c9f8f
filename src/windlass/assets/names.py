"""Where an asset's name must be free: in its scope, in those above it and in those below."""

from sqlalchemy import Connection, or_, select

from windlass.assets.kind import Kind
from windlass.assets.tables import asset
from windlass.kit.errors import Conflict
from windlass.org.scopes import Unit, scope_path, units_above


def require_free_name(
    connection: Connection, kind: Kind, name: str, unit: Unit, own_id: str | None = None
) -> None:
    """Return if an asset of that kind may be called so there.

    The tree must be locked. Raises Conflict.
    """
    path = scope_path(unit)
    holder = connection.execute(
        select(asset.c.id, asset.c.scope)
        .where(
            asset.c.kind == kind.name,
            asset.c.name == name,
            asset.c.deleted_at.is_(None),
            or_(
                asset.c.scope_path.in_(units_above(unit)),
                asset.c.scope_path.startswith(f"{path}/", autoescape=True),
            ),
            asset.c.id != (own_id or ""),
        )
        .limit(1)
    ).one_or_none()
    if holder is not None:
        where = "this scope" if holder.scope == unit.type else f"scope {holder.scope}"
        raise Conflict(
            f"meta.name: {name!r} is taken by the {kind.words} {holder.id} of {where};"
            " a name is free where no scope above or below has it. Choose another."
        )
