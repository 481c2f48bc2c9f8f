"""Reading assets of any kinds as callers see them."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, select

from windlass.assets.compliance import Question, compliance_view
from windlass.assets.kind import Kind
from windlass.assets.listing import AssetQuery, Extras, apply_query, known_project
from windlass.assets.seen_users import seen_users
from windlass.assets.surroundings import Surroundings
from windlass.assets.tables import asset
from windlass.assets.usage import last_uses, usage_times_view, usage_view, users_of
from windlass.assets.views import asset_view
from windlass.identity.tokens import Caller
from windlass.org.scopes import scope_path
from windlass.org.tables import project

_NO_STATUS: Mapping[str, Any] = {"status": "No status"}
"""There is nothing of an asset that has to be brought to the machine."""


class AssetRecords:
    """Shows assets of these kinds."""

    def __init__(self, around: Surroundings, kinds: Sequence[Kind]) -> None:
        self._around = around
        self._kinds = {kind.name: kind for kind in kinds}

    def page(self, caller: Caller, query: AssetQuery, extras: Extras) -> Sequence[dict[str, Any]]:
        """Those that the caller may read and asks for; with a page, up to one more than its limit.

        Raises BadRequest.
        """
        readable = self._around.access.readable(caller, self._kinds.values())
        with self._around.database.read() as connection:
            statement = apply_query(_rows().where(readable), query, connection, caller)
            rows = connection.execute(statement).all()
            return self._views(connection, caller, rows, extras)

    def one(
        self, connection: Connection, caller: Caller, asset_id: str, extras: Extras
    ) -> dict[str, Any]:
        """One of them, which the caller may read or has just changed."""
        row = connection.execute(_rows().where(asset.c.id == asset_id)).one()
        return self._views(connection, caller, [row], extras)[0]

    def _views(
        self, connection: Connection, caller: Caller, rows: Sequence[Row[Any]], extras: Extras
    ) -> list[dict[str, Any]]:
        beside = self._beside(connection, caller, rows, extras)
        specs = self._specs(connection, rows)
        return [asset_view(row, specs[row.id], beside[row.id]) for row in rows]

    def _specs(
        self, connection: Connection, rows: Sequence[Row[Any]]
    ) -> dict[str, Mapping[str, Any]]:
        specs: dict[str, Mapping[str, Any]] = {row.id: row.spec for row in rows}
        for kind in self._kinds.values():
            if kind.shown is not None:
                own = [row for row in rows if row.kind == kind.name]
                shown = kind.shown(connection, own)
                specs |= {row.id: spec for row, spec in zip(own, shown, strict=True)}
        return specs

    def _beside(
        self, connection: Connection, caller: Caller, rows: Sequence[Row[Any]], extras: Extras
    ) -> dict[str, dict[str, Any]]:
        ids = [row.id for row in rows]
        beside: dict[str, dict[str, Any]] = {asset_id: {} for asset_id in ids}
        question = self._question(connection, caller, extras)
        if extras.usage:
            users = users_of(connection, self._around.workloads, ids)
            for asset_id in ids:
                seen = seen_users(users[asset_id], caller, self._around.access)
                beside[asset_id]["usedBy"] = usage_view(seen)
        if extras.usage and question is not None:
            used = last_uses(connection, ids, question.project_id, question.workload_type)
            for asset_id in ids:
                beside[asset_id]["usageTimes"] = usage_times_view(used.get(asset_id))
        for row in rows:
            if extras.status and self._kinds[row.kind].has_status:
                beside[row.id]["status"] = _NO_STATUS
            if question is not None:
                view = compliance_view(row, row.spec, question, self._around.workloads)
                beside[row.id]["compliance"] = view
        return beside

    def _question(self, connection: Connection, caller: Caller, extras: Extras) -> Question | None:
        number, workload_type = extras.comply_to_project, extras.comply_to_workload_type
        if number is None or workload_type is None:
            return None
        found = known_project(connection, caller, number)
        grants = self._around.access.permissions.of(caller)
        if found is not None and not grants.know(scope_path(found)):
            found = None
        return Question(found, number, workload_type)


def _rows() -> Select[Any]:
    return select(asset, project.c.name.label("project_name")).outerjoin(
        project, project.c.id == asset.c.project_id
    )
