"""Who may see, use and change assets: by the unit that each is in.

Whoever may read a kind somewhere sees what can be used there: what is in that unit, below it, on
the way from the tenant to it, and what ships with the platform. An asset marked private is there
for its creator alone. To use an asset one needs no permission but that to create what uses it.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, Row, and_, false, or_

from windlass.assets.kind import Kind
from windlass.assets.tables import asset
from windlass.identity.permissions import Permissions
from windlass.identity.roles import Action, ResourceType
from windlass.identity.tokens import Caller
from windlass.kit.errors import Forbidden, NotFound
from windlass.org.scopes import ScopeColumns, ScopeType, within

_COLUMNS = ScopeColumns(
    tenant=asset.c.tenant_id,
    cluster=asset.c.cluster_id,
    department=asset.c.department_id,
    project=asset.c.project_id,
)


@dataclass(frozen=True, slots=True)
class AssetAccess:
    """Checks what callers may do with assets."""

    permissions: Permissions

    def require(
        self,
        caller: Caller,
        kind: Kind,
        action: Action,
        row: Row[Any],
        asked_for: str,
        shared_with: Collection[str] = (),
    ) -> None:
        """Return if the caller may do that with the asset; reading it, in a unit that it is shared
        with, too, each given as its path.

        Raises NotFound as if there were none, Forbidden if the caller may know of its unit, and
        for every change of what ships with the platform.
        """
        missing = unknown(kind, asked_for)
        if is_hidden_from(row, caller):
            raise missing
        if action is Action.READ and any(
            self.permissions.of(caller).allow(kind.resource, action, path) for path in shared_with
        ):
            return
        ships = row.scope == ScopeType.SYSTEM
        # To all who ask, what ships is as if it were the tenant's own.
        path = f"/{row.tenant_id}" if ships else row.scope_path
        self.permissions.require(caller, kind.resource, action, path, missing)
        if ships and action is not Action.READ:
            raise Forbidden(
                f"The {kind.words} {row.name!r} ships with the platform and cannot be changed;"
                " create one of your own."
            )

    def readable(self, caller: Caller, kinds: Iterable[Kind]) -> ColumnElement[bool]:
        """The condition that the caller may read an asset of one of these kinds."""
        conditions = [
            and_(asset.c.kind == kind.name, self._readable(caller, kind)) for kind in kinds
        ]
        return and_(or_(*conditions), seen_by(caller.id))

    def sees(self, caller: Caller, kind: Kind, row: Row[Any]) -> bool:
        """Whether the caller may read an asset of that kind."""
        path = row.scope_path or f"/{row.tenant_id}"
        allowed = self.permissions.of(caller).allow(kind.resource, Action.READ, path)
        return allowed and not is_hidden_from(row, caller)

    def sees_workload(self, caller: Caller, scope_path: str) -> bool:
        """Whether the caller may read the workloads of a project."""
        return self.permissions.of(caller).allow(ResourceType.WORKLOADS, Action.READ, scope_path)

    def _readable(self, caller: Caller, kind: Kind) -> ColumnElement[bool]:
        scopes = self.permissions.scopes(caller, kind.resource, Action.READ)
        if not scopes.paths:
            return false()
        return or_(
            within(scopes.paths, _COLUMNS),
            asset.c.scope_path.in_(sorted({"", *scopes.on_the_way})),
        )

    def originated(self, caller: Caller, kind: Kind) -> ColumnElement[bool]:
        """The condition that an asset is of that kind and in a unit where the caller may read it,
        and not only shared with one."""
        scopes = self.permissions.scopes(caller, kind.resource, Action.READ)
        return and_(asset.c.kind == kind.name, within(scopes.paths, _COLUMNS), seen_by(caller.id))


def seen_by(caller_id: str | BindParameter[str]) -> ColumnElement[bool]:
    """The condition that an asset is not another's private one."""
    return or_(asset.c.private.is_(False), asset.c.owner_id == caller_id)


def is_hidden_from(row: Row[Any], caller: Caller) -> bool:
    """Whether it is another's private one."""
    return bool(row.private) and row.owner_id != caller.id


def unknown(kind: Kind, asset_id: str) -> NotFound:
    """What is said of an asset that there is none of, or that is not to be known of."""
    return NotFound(f"There is no {kind.words} with the id {asset_id!r}.")
