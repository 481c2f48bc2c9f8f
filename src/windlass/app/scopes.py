"""The organisation's tree, as identity asks for it."""

from sqlalchemy import Connection

from windlass.identity.access_rules import Scope
from windlass.org.scopes import ScopeType, find_unit, scope_path

_SYSTEM_NAME = "system"


class TreeOfScopes:
    """Finds the places that access rules are for."""

    def find(self, connection: Connection, scope_type: str, scope_id: str) -> Scope | None:
        """The scope of that type and id; None if there is none."""
        unit = find_unit(connection, scope_type, scope_id)
        if unit is None:
            return None
        is_system = scope_type == ScopeType.SYSTEM
        return Scope(
            type=scope_type,
            id=_SYSTEM_NAME if is_system else unit.id,
            name=_SYSTEM_NAME if is_system else unit.name,
            path=scope_path(unit),
            cluster_id=unit.cluster_id,
        )
