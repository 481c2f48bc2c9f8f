"""Who may see and change units of the tree: by the unit itself, or the one it is to be in."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, or_

from windlass.identity.permissions import Permissions
from windlass.identity.roles import Action, ResourceType
from windlass.identity.tokens import Caller
from windlass.kit.errors import ApiError
from windlass.org.scopes import ScopeColumns, ScopeType, Unit, ids_at, scope_path, within


@dataclass(frozen=True, slots=True)
class Access:
    """Checks what callers may do with units."""

    permissions: Permissions

    def require(
        self,
        caller: Caller,
        resource: ResourceType,
        action: Action,
        unit: Unit,
        missing: ApiError | None = None,
    ) -> None:
        """Return if the caller may do that at the unit.

        Raises Forbidden, or `missing` where the caller may not even know of the unit.
        """
        self.permissions.require(caller, resource, action, scope_path(unit), missing)

    def readable(
        self, caller: Caller, resource: ResourceType, level: ScopeType, columns: ScopeColumns
    ) -> ColumnElement[bool]:
        """The condition that the caller may read a row, whose own unit is of that level."""
        scopes = self.permissions.scopes(caller, resource, Action.READ)
        condition = within(scopes.paths, columns)
        on_the_way = ids_at(level, scopes.on_the_way)
        own = getattr(columns, level.value)
        if not on_the_way or own is None:
            return condition
        return or_(condition, own.in_(on_the_way))
