"""Where an asset's name must be free: in its scope, in those above it and in those below; of some
kinds, in its whole cluster."""

from sqlalchemy import Connection, or_, select

from windlass.assets.kind import Kind
from windlass.assets.tables import asset
from windlass.kit.errors import Conflict
from windlass.org.scopes import ScopeType, Unit, scope_path, units_above


def require_free_name(
    connection: Connection, kind: Kind, name: str, unit: Unit, own_id: str | None = None
) -> None:
    """Return if an asset of that kind may be called so there.

    The tree must be locked. Raises Conflict.
    """
    if kind.named_within is ScopeType.CLUSTER:
        unit = Unit(unit.tenant_id, unit.cluster_id)
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
        taken = _taken(kind, name, holder.id, holder.scope, unit)
        raise Conflict(f"{kind.meta_path}name: {taken}")


def _taken(kind: Kind, name: str, holder_id: str, scope: str, unit: Unit) -> str:
    if kind.named_within is not None:
        return f"{name!r} is taken by a {kind.words} of this {kind.named_within}. Choose another."
    where = "this scope" if scope == unit.type else f"scope {scope}"
    return (
        f"{name!r} is taken by the {kind.words} {holder_id} of {where};"
        " a name is free where no scope above or below has it. Choose another."
    )
