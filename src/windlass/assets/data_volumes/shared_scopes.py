"""Use cases of the units that data volumes are shared with."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row

from windlass.assets.data_volumes.schemas import Scope, SharedScopesPatch
from windlass.assets.data_volumes.views import share_view
from windlass.assets.kinds import DATA_VOLUME
from windlass.assets.seen_users import seen_users
from windlass.assets.service import Assets
from windlass.assets.sharing import (
    add_share,
    level_of_share,
    names_of_units,
    remove_shares,
    shares_of,
)
from windlass.assets.surroundings import Surroundings
from windlass.assets.usage import Users, users_of
from windlass.identity.permissions import covers
from windlass.identity.roles import Action
from windlass.identity.tokens import Caller
from windlass.kit.errors import BadRequest, Conflict, FieldError, invalid_fields
from windlass.org.scopes import Unit, find_unit, scope_path
from windlass.org.tree import lock_tree
from windlass.spec.model import given


class SharedScopes:
    """Shares data volumes, within the cluster that their data is in."""

    def __init__(self, around: Surroundings, assets: Assets) -> None:
        self._around = around
        self._assets = assets

    def list(self, caller: Caller, volume_id: str) -> Sequence[dict[str, Any]]:
        """The units that a data volume is shared with, as far as the caller may know of them.

        Raises NotFound, Forbidden.
        """
        with self._around.database.read() as connection:
            row = self._assets.found(connection, caller, Action.READ, volume_id)
            return self.views(connection, caller, row.id, row.scope_path)

    def change(
        self, caller: Caller, volume_id: str, body: SharedScopesPatch
    ) -> Sequence[dict[str, Any]]:
        """Share a data volume with more units, and with others no more; both or nothing.

        Where it is shared already it stays, and it need not have been where it is taken away.
        Raises BadRequest, NotFound, Forbidden, and Conflict while templates name it where it could
        be used no more.
        """

        def work(connection: Connection) -> Sequence[dict[str, Any]]:
            # No template begins to name it meanwhile: that takes the tree, too.
            lock_tree(connection, caller.tenant_id)
            row = self._assets.found(connection, caller, Action.UPDATE, volume_id, lock=True)
            added = self._units(connection, caller, row, body.add, "add")
            removed = self._units(connection, caller, row, body.remove, "remove")
            if both := [path for path in added if path in removed]:
                _, where = removed[both[0]]
                raise invalid_fields([FieldError(where, "is added and removed at once")])
            before = _paths(connection, row)
            after = (before | set(added)) - set(removed)
            self._require_usable_where_used(connection, caller, row, after)
            now = self._around.clock.now()
            for path in added:
                if path not in before:
                    add_share(connection, row.id, added[path][0], caller.name, now)
            remove_shares(connection, row.id, sorted(before - after))
            self._assets.change(connection, caller, row, {})
            return self.views(connection, caller, row.id, row.scope_path)

        return self._around.database.write(work)

    def views(
        self, connection: Connection, caller: Caller, volume_id: str, path: str
    ) -> Sequence[dict[str, Any]]:
        """The same on the wire, within a transaction; `path` is that of the volume's own unit.
        Whoever may share it is shown all."""
        grants = self._around.access.permissions.of(caller)
        manages = grants.allow(DATA_VOLUME.resource, Action.UPDATE, path)
        shown = [
            share
            for share in shares_of(connection, volume_id)
            if manages or grants.know(share.scope_path)
        ]
        units = [level_of_share(share) for share in shown]
        names = names_of_units(connection, units)
        return [
            share_view(share, *unit, names.get(unit, unit[1]))
            for share, unit in zip(shown, units, strict=True)
        ]

    def _units(
        self,
        connection: Connection,
        caller: Caller,
        row: Row[Any],
        scopes: Sequence[Scope | None] | None,
        field: str,
    ) -> Mapping[str, tuple[Unit, str]]:
        """The units meant, by their paths, each with what in the body names it.

        To share with a unit takes the same permission there. Raises BadRequest, Forbidden.
        """
        grants = self._around.access.permissions.of(caller)
        found: dict[str, tuple[Unit, str]] = {}
        for index, scope in given(scopes):
            place = f"{field}[{index}]"
            unit = find_unit(connection, scope.scope_type, scope.scope_id)
            missing = BadRequest(
                f"{place}.scopeId: there is no {scope.scope_type} with the id {scope.scope_id!r}."
            )
            if unit is None or unit.tenant_id != caller.tenant_id:
                raise missing
            path = scope_path(unit)
            if field == "add":
                grants.require(DATA_VOLUME.resource, Action.UPDATE, path, missing)
            elif not grants.know(path) and path not in _paths(connection, row):
                raise missing
            if unit.cluster_id != row.cluster_id:
                problem = f"is in another cluster than the data, which is in {row.cluster_id}"
                raise invalid_fields([FieldError(f"{place}.scopeId", problem)])
            found[path] = unit, place
        return found

    def _require_usable_where_used(
        self, connection: Connection, caller: Caller, row: Row[Any], shared_with: Collection[str]
    ) -> None:
        """Raises Conflict where what uses it could do so no more."""
        paths = {row.scope_path, *shared_with}
        users = users_of(connection, self._around.workloads, [row.id])[row.id]
        lost = [
            user
            for user in users.assets
            if not any(covers(path, user.scope_path) for path in paths)
        ]
        if lost:
            seen = seen_users(Users(assets=lost), caller, self._around.access)
            raise Conflict(
                f"The data volume {row.name!r} is used by {seen.described()} where it would not be"
                " shared any more. Delete or change them first."
            )


def _paths(connection: Connection, row: Row[Any]) -> set[str]:
    return {share.scope_path for share in shares_of(connection, row.id)}
