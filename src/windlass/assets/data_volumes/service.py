"""Use cases of data volumes, beside what the core does for every kind of asset."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, false, func, select

from windlass.assets.data_volumes import listing
from windlass.assets.data_volumes.listing import Wanted, volumes
from windlass.assets.data_volumes.schemas import DataVolumeCreation, DataVolumePatch
from windlass.assets.data_volumes.shared_scopes import SharedScopes
from windlass.assets.data_volumes.views import volume_view
from windlass.assets.history import add_asset_event
from windlass.assets.kind import Reference
from windlass.assets.kinds import DATA_VOLUME
from windlass.assets.kinds.data_volume import ORIGIN, DataVolumeSpec
from windlass.assets.names import require_free_name
from windlass.assets.schemas import CreationMeta, creation_model
from windlass.assets.service import Assets, carried_out
from windlass.assets.sharing import usable_in
from windlass.assets.store import save_references, usable_assets, visible_assets
from windlass.assets.surroundings import Surroundings
from windlass.assets.tables import asset
from windlass.identity.roles import Action
from windlass.identity.tokens import Caller
from windlass.kit.errors import BadRequest, FieldError, invalid_fields
from windlass.kit.ids import decimal_id, new_id
from windlass.kit.paging import ListQuery
from windlass.org.scopes import ScopeType, Unit, find_unit, scope_path, units_above
from windlass.org.tree import lock_tree

_MOST_NAMED = 10
_Creation = creation_model(DATA_VOLUME)


class DataVolumes:
    """What is done with data volumes. Each change is one transaction."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._assets = Assets(around, DATA_VOLUME)
        self._scopes = SharedScopes(around, self._assets)

    def page(self, caller: Caller, wanted: Wanted, query: ListQuery) -> list[dict[str, Any]]:
        """Those asked for that the caller may read; up to one more than the page's limit.

        Raises BadRequest.
        """
        with self._around.database.read() as connection:
            chosen = volumes().where(*self._conditions(connection, caller, wanted, query))
            rows = connection.execute(listing.ordered(chosen, query)).all()
            return _views(connection, rows)

    def count(self, caller: Caller, wanted: Wanted, query: ListQuery) -> int:
        """How many there are of these. Raises BadRequest."""
        with self._around.database.read() as connection:
            chosen = volumes().where(*self._conditions(connection, caller, wanted, query))
            counted = select(func.count()).select_from(chosen.subquery())
            return int(connection.execute(counted).scalar_one())

    def show(self, caller: Caller, volume_id: str) -> dict[str, Any]:
        """One, with the units it is shared with. Raises NotFound, Forbidden."""
        with self._around.database.read() as connection:
            row = self._assets.found(connection, caller, Action.READ, volume_id)
            return self._whole(connection, caller, row.id, row.scope_path)

    def create(
        self, caller: Caller, body: DataVolumeCreation, *, dry_run: bool = False
    ) -> dict[str, Any]:
        """A new one, or with `dry_run` what it would be. Raises BadRequest, Forbidden, or Conflict
        where the name is taken."""
        if body.should_delete_original_volume:
            problem = "must be false: the volume of the claim is what a data volume is made of"
            raise invalid_fields([FieldError("shouldDeleteOriginalVolume", problem)])
        project_id = decimal_id(body.project_id)
        if project_id < 0:
            raise _no_project(body.project_id)
        meta = CreationMeta.model_construct(
            name=body.name,
            description=body.description,
            scope=ScopeType.PROJECT.value,
            project_id=project_id,
        )
        creation = _Creation(meta=meta, spec=_spec(body))
        created_id = new_id()

        def work(connection: Connection) -> dict[str, Any]:
            unit = self._assets.unit_of_new(connection, caller, meta)
            origin = _origin(connection, caller, unit, body.origin_pvc_name)
            self._assets.add(connection, caller, created_id, unit, creation)
            reference = Reference("originPvcName", origin.id, frozenset({ORIGIN}))
            save_references(connection, created_id, [reference])
            told = f"The data volume {body.name} was made from it by {caller.name}."
            now = self._around.clock.now()
            add_asset_event(connection, origin.id, "DataVolumeCreated", told, now)
            return self._whole(connection, caller, created_id, scope_path(unit))

        return carried_out(self._around.database, work, dry_run=dry_run)

    def patch(
        self, caller: Caller, volume_id: str, body: DataVolumePatch, *, dry_run: bool = False
    ) -> dict[str, Any]:
        """Change its description, or with `dry_run` only see to it that this could be done. Raises
        BadRequest, NotFound, Forbidden."""

        def work(connection: Connection) -> dict[str, Any]:
            lock_tree(connection, caller.tenant_id)
            row = self._assets.found(connection, caller, Action.UPDATE, volume_id, lock=True)
            if errors := _fixed_errors(_one(connection, row.id), body):
                raise invalid_fields(errors)
            given = "description" in body.model_fields_set
            values = {"description": body.description} if given else {}
            self._assets.change(connection, caller, row, values)
            return _one(connection, row.id)

        return carried_out(self._around.database, work, dry_run=dry_run)

    def delete(self, caller: Caller, volume_id: str) -> None:
        """Remove one, wherever it is shared. Raises NotFound, Forbidden, and Conflict while
        templates name it."""
        self._assets.delete(caller, volume_id)

    def require_available(self, caller: Caller, name: str, cluster_id: str) -> None:
        """Return if a data volume may be called so in the cluster.

        Raises BadRequest, Forbidden, and Conflict where the name is taken.
        """
        with self._around.database.read() as connection:
            unit = find_unit(connection, ScopeType.CLUSTER, cluster_id)
            missing = BadRequest(f"clusterId: there is no cluster with the id {cluster_id!r}.")
            if unit is None or unit.tenant_id != caller.tenant_id:
                raise missing
            self._around.access.permissions.require(
                caller, DATA_VOLUME.resource, Action.READ, scope_path(unit), missing
            )
            require_free_name(connection, DATA_VOLUME, name, unit)

    @property
    def scopes(self) -> SharedScopes:
        """What is done with the units that they are shared with."""
        return self._scopes

    def _conditions(
        self, connection: Connection, caller: Caller, wanted: Wanted, query: ListQuery
    ) -> list[ColumnElement[bool]]:
        found = [asset.c.tenant_id == caller.tenant_id, *listing.conditions(query)]
        access = self._around.access
        if wanted.usable_in_project is None:
            return [*found, access.originated(caller, DATA_VOLUME)]
        unit = find_unit(connection, ScopeType.PROJECT, wanted.usable_in_project)
        grants = access.permissions.of(caller)
        if unit is None or not grants.allow(DATA_VOLUME.resource, Action.READ, scope_path(unit)):
            return [false()]
        return [*found, asset.c.kind == DATA_VOLUME.name, usable_in(units_above(unit))]

    def _whole(
        self, connection: Connection, caller: Caller, volume_id: str, path: str
    ) -> dict[str, Any]:
        shown = self._scopes.views(connection, caller, volume_id, path)
        return {**_one(connection, volume_id), "sharedScopes": shown}


def _spec(body: DataVolumeCreation) -> DataVolumeSpec:
    given = {
        "originPvcName": body.origin_pvc_name,
        "useOriginalVolume": body.use_original_volume is not False,
    }
    return DataVolumeSpec.model_validate(given)


def _origin(connection: Connection, caller: Caller, unit: Unit, name: str) -> Row[Any]:
    """The volume claim of that name, which stays until the transaction ends. Raises BadRequest."""
    usable = usable_assets(connection, [ORIGIN], unit, caller)
    fitting = [row for row in usable if row.name == name]
    fitting += [row for row in usable if row.spec.get("claimName") == name]
    for row in fitting:
        if held := visible_assets(connection, [row.id], unit, caller, hold=True):
            return held[row.id]
    known = ", ".join(row.name for row in usable[:_MOST_NAMED]) or "none"
    problem = (
        f"there is no volume claim {name!r} among the data sources of this project; there are"
        f" {known}"
    )
    raise invalid_fields([FieldError("originPvcName", problem)])


def _one(connection: Connection, volume_id: str) -> dict[str, Any]:
    rows = connection.execute(volumes().where(asset.c.id == volume_id)).all()
    return _views(connection, rows)[0]


def _views(connection: Connection, rows: Sequence[Row[Any]]) -> list[dict[str, Any]]:
    assert DATA_VOLUME.shown is not None
    specs = DATA_VOLUME.shown(connection, rows)
    return [volume_view(row, spec) for row, spec in zip(rows, specs, strict=True)]


def _fixed_errors(shown: dict[str, Any], body: DataVolumePatch) -> list[FieldError]:
    """What is given of what cannot be changed, and is not as it is."""
    return [
        FieldError(field, f"cannot be changed; it is {shown[field]!r}")
        for field, given in body.submitted().items()
        if field != "description" and given != shown[field]
    ]


def _no_project(project_id: str) -> BadRequest:
    return BadRequest(f"projectId: there is no project with the id {project_id!r}.")
