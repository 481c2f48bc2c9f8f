"""Use cases of assets, the same for every kind."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from windlass.assets.deletion import delete_asset, deletion_told
from windlass.assets.history import add_asset_event, asset_events, event_view
from windlass.assets.kind import Kind, WhileUsed
from windlass.assets.listing import AssetQuery, Extras
from windlass.assets.names import require_free_name
from windlass.assets.places import no_unit, place_columns, unit_of, unit_of_body
from windlass.assets.reading import read_asset
from windlass.assets.records import AssetRecords
from windlass.assets.schemas import (
    AssetCreation,
    AssetUpdate,
    CreationMeta,
    PartialUpdate,
    UpdateMeta,
    creation_model,
    update_model,
)
from windlass.assets.seen_users import seen_users
from windlass.assets.sharing import shares_of
from windlass.assets.store import (
    find_asset,
    find_deleted,
    next_update_count,
    reference_errors,
    save_references,
    visible_assets,
)
from windlass.assets.surroundings import Surroundings
from windlass.assets.tables import asset
from windlass.assets.usage import users_of
from windlass.audit.origin import concerns
from windlass.audit.trail import Action as Deed
from windlass.audit.trail import Entity, record
from windlass.identity.roles import Action
from windlass.identity.tokens import Caller
from windlass.kit.database import Database
from windlass.kit.errors import Conflict, FieldError, NotFound, PreconditionFailed, invalid_fields
from windlass.kit.ids import new_id
from windlass.kit.paging import Page
from windlass.kit.sealing import Unsealable
from windlass.org.scopes import ScopeType, Unit, scope_path
from windlass.org.tables import project
from windlass.org.tree import first_cluster, lock_tree
from windlass.spec.model import SpecModel, without_nulls

_EVENTS = {
    Deed.CREATE: ("Created", "Created"),
    Deed.UPDATE: ("Updated", "Changed"),
    Deed.DELETE: ("Deleted", "Deleted"),
}
"""What the history of an asset says of each: the reason, and the beginning of the message."""


class Assets:
    """The use cases of one kind. Each change is one transaction: it finds what it is about, asks
    whether the caller may, checks, changes, and records that it did."""

    def __init__(self, around: Surroundings, kind: Kind) -> None:
        self._around = around
        self._kind = kind
        self._records = AssetRecords(around, [kind])
        self.creation: type[AssetCreation] = creation_model(kind)
        self.update_body: type[AssetUpdate | PartialUpdate] = update_model(kind)

    def page(self, caller: Caller, query: AssetQuery, extras: Extras) -> Sequence[dict[str, Any]]:
        """Those that the caller may read and asks for; with a page, up to one more than its limit.

        Raises BadRequest.
        """
        return self._records.page(caller, query, extras)

    def show(self, caller: Caller, asset_id: str, extras: Extras) -> dict[str, Any]:
        """One asset. Raises NotFound, Forbidden."""
        with self._around.database.read() as connection:
            row = self.found(connection, caller, Action.READ, asset_id)
            return self._records.one(connection, caller, row.id, extras)

    def history(self, caller: Caller, asset_id: str, page: Page) -> Sequence[dict[str, Any]]:
        """What happened to an asset, newest first; up to one more than the page's limit.

        Raises NotFound, Forbidden.
        """
        with self._around.database.read() as connection:
            row = self.found(connection, caller, Action.READ, asset_id)
            cluster_id = row.cluster_id or first_cluster(connection, caller.tenant_id)
            events = asset_events(connection, row.id, page)
            return [event_view(event, cluster_id) for event in events]

    def create(
        self, caller: Caller, raw: bytes, content_type: str | None, *, dry_run: bool = False
    ) -> dict[str, Any]:
        """A new asset, or with `dry_run` what it would be. Raises BadRequest, Forbidden, or
        Conflict where the name is taken."""
        body = read_asset(self._kind, self.creation, raw, content_type)
        created_id = new_id()

        def work(connection: Connection) -> dict[str, Any]:
            unit = self.unit_of_new(connection, caller, body.meta)
            self._require_sound_references(connection, caller, body.spec, unit)
            self.add(connection, caller, created_id, unit, body)
            self._save_references(connection, created_id, body.spec)
            return self._records.one(connection, caller, created_id, Extras())

        return carried_out(self._around.database, work, dry_run=dry_run)

    def unit_of_new(self, connection: Connection, caller: Caller, meta: CreationMeta) -> Unit:
        """The unit of a new asset, where the caller may create one and there may be new ones.

        From then on the tree is locked. Raises BadRequest, Forbidden, Conflict.
        """
        concerns(meta.name)
        lock_tree(connection, caller.tenant_id)
        meta_path = self._kind.meta_path
        unit = unit_of_body(connection, caller, meta, meta_path)
        path = scope_path(unit)
        concerns(meta.name, scope_path=path)
        self._around.access.permissions.require(
            caller, self._kind.resource, Action.CREATE, path, no_unit(unit.type, unit.id, meta_path)
        )
        if unit.type is ScopeType.PROJECT:
            leaving = select(project.c.name).where(
                project.c.id == int(unit.id), project.c.delete_requested_at.is_not(None)
            )
            if connection.execute(leaving).first() is not None:
                raise Conflict(f"{meta_path}projectId: project {unit.name!r} is being deleted.")
        return unit

    def add(
        self,
        connection: Connection,
        caller: Caller,
        created_id: str,
        unit: Unit,
        body: AssetCreation,
    ) -> None:
        """The new asset in the unit, of which `unit_of_new` has said that it may be there; what it
        refers to is left to the caller. Raises Conflict where the name is taken."""
        require_free_name(connection, self._kind, body.meta.name, unit)
        now = self._around.clock.now()
        connection.execute(
            insert(asset).values(
                id=created_id,
                kind=self._kind.name,
                tenant_id=caller.tenant_id,
                **place_columns(unit),
                name=body.meta.name,
                description=body.meta.description,
                auto_delete=bool(body.meta.auto_delete),
                private=bool(body.meta.private),
                supported_types=_supported(body.meta),
                **self._spec_columns(_submitted(body.spec)),
                created_at=now,
                created_by=caller.name,
                owner_id=caller.id,
                **self._stamps(connection, caller, now),
            )
        )
        self._record(connection, caller, Deed.CREATE, created_id, body.meta.name, scope_path(unit))

    def update(
        self,
        caller: Caller,
        asset_id: str,
        raw: bytes,
        content_type: str | None,
        *,
        dry_run: bool = False,
    ) -> dict[str, Any]:
        """Replace the name, the description and the spec of an asset. What was made from it before
        stays as it is. Raises BadRequest, NotFound, Forbidden, Conflict.

        Secrets can only be compared with those that are kept by giving them again: so that whoever
        does can tell, a credential to which nothing new is said counts as not updated. With
        `dry_run`, which leaves no trace, it always counts as updated, so that no secret is found
        by trying.
        """
        body = read_asset(self._kind, self.update_body, raw, content_type)

        def work(connection: Connection) -> dict[str, Any]:
            lock_tree(connection, caller.tenant_id)
            row = self.found(connection, caller, Action.UPDATE, asset_id, lock=True)
            meta = body.meta or UpdateMeta(name=row.name, description=row.description)
            if errors := fixed_errors(row, meta):
                raise invalid_fields(errors)
            unit, name = unit_of(row), meta.name or str(row.name)
            self._require_sound_references(connection, caller, body.spec, unit)
            require_free_name(connection, self._kind, name, unit, row.id)
            values: dict[str, Any] = {"name": name, "description": meta.description}
            if body.spec is not None or not self._kind.updates_in_part:
                values |= self._spec_columns(self._spec_after(row, body.spec), row)
            is_new = dry_run or self._kind.conceal is None or _is_new(values, row)
            self.change(connection, caller, row, values, is_new=is_new)
            self._save_references(connection, row.id, body.spec)
            return self._records.one(connection, caller, row.id, Extras())

        return carried_out(self._around.database, work, dry_run=dry_run)

    def change(
        self,
        connection: Connection,
        caller: Caller,
        row: Row[Any],
        values: Mapping[str, Any],
        *,
        is_new: bool = True,
    ) -> None:
        """Give these columns of an asset other values; with `is_new` false only record that it was
        asked for. The tree must be locked."""
        if is_new:
            stamps = self._stamps(connection, caller, self._around.clock.now())
            statement = update(asset).where(asset.c.id == row.id)
            connection.execute(statement.values(**values, **stamps))
        name = values.get("name", row.name)
        self._record(connection, caller, Deed.UPDATE, row.id, name, row.scope_path)

    def delete(self, caller: Caller, asset_id: str) -> None:
        """Remove an asset.

        Raises NotFound, Forbidden, and, for kinds that must not go while they are used, Conflict
        or PreconditionFailed.
        """

        def work(connection: Connection) -> None:
            row = self.found(connection, caller, Action.DELETE, asset_id, lock=True)
            self._require_unused(connection, caller, row)
            delete_asset(connection, row.id, caller.name, self._around.clock.now())
            self._record(connection, caller, Deed.DELETE, row.id, row.name, row.scope_path)

        self._around.database.write(work)

    def found(
        self,
        connection: Connection,
        caller: Caller,
        action: Action,
        asset_id: str,
        *,
        lock: bool = False,
    ) -> Row[Any]:
        """An asset with which the caller may do that, within a transaction. With `lock` nobody else
        changes it, or begins to use it, before that ends. Raises NotFound, Forbidden."""
        try:
            row = find_asset(connection, caller.tenant_id, self._kind, asset_id, lock=lock)
        except NotFound:
            self._tell_of_deletion(connection, caller, asset_id)
            raise
        concerns(row.name, row.id, row.scope_path)
        shared = shares_of(connection, row.id) if self._kind.is_shared else ()
        self._around.access.require(
            caller, self._kind, action, row, asset_id, [share.scope_path for share in shared]
        )
        return row

    def _tell_of_deletion(self, connection: Connection, caller: Caller, asset_id: str) -> None:
        """Raises NotFound that says what became of an asset, where the caller might have read it
        and its record is still there."""
        row = find_deleted(connection, caller.tenant_id, self._kind, asset_id)
        if row is not None and self._around.access.sees(caller, self._kind, row):
            raise NotFound(deletion_told(self._kind, row))

    def _require_sound_references(
        self, connection: Connection, caller: Caller, spec: Any, unit: Unit
    ) -> None:
        references = self._references(spec)
        ids = [reference.asset_id.lower() for reference in references]
        visible = visible_assets(connection, ids, unit, caller, hold=True) if ids else {}
        if errors := reference_errors(references, visible):
            raise invalid_fields(errors)

    def _save_references(self, connection: Connection, asset_id: str, spec: Any) -> None:
        if isinstance(spec, self._kind.spec):
            save_references(connection, asset_id, self._references(spec))

    def _references(self, spec: Any) -> list[Any]:
        return list(self._kind.references(spec, "spec")) if isinstance(spec, SpecModel) else []

    def _spec_after(self, row: Row[Any], given: Any) -> dict[str, Any]:
        if self._kind.keeps is not None:
            return self._kind.keeps(row.spec, given)
        return _submitted(given)

    def _spec_columns(self, spec: dict[str, Any], before: Row[Any] | None = None) -> dict[str, Any]:
        if self._kind.conceal is None:
            return {"spec": spec}
        shown, secrets = self._kind.conceal(spec)
        if not secrets:
            return {"spec": shown, "sealed_secrets": None, "sealing_key_id": None}
        if before is not None and self._has_secrets(before, secrets):
            return {"spec": shown}
        sealed = self._around.seal.seal(json.dumps(secrets).encode())
        return {
            "spec": shown,
            "sealed_secrets": sealed,
            "sealing_key_id": self._around.seal.key_id,
        }

    def _has_secrets(self, row: Row[Any], secrets: Mapping[str, str]) -> bool:
        if row.sealed_secrets is None:
            return False
        try:
            return bool(json.loads(self._around.seal.open(row.sealed_secrets)) == secrets)
        except Unsealable:
            return False

    def _stamps(self, connection: Connection, caller: Caller, now: float) -> dict[str, Any]:
        return {
            "updated_at": now,
            "updated_by": caller.name,
            "update_count": next_update_count(connection, caller.tenant_id),
        }

    def _require_unused(self, connection: Connection, caller: Caller, row: Row[Any]) -> None:
        if self._kind.while_used is WhileUsed.DELETED:
            return
        found = users_of(connection, self._around.workloads, [row.id])[row.id]
        users = found if self._kind.is_read_by_workloads else found.without_workloads()
        if not users:
            return
        seen = seen_users(users, caller, self._around.access)
        message = (
            f"The {self._kind.words} {row.name!r} is used by {seen.described()}."
            " Delete or change them first."
        )
        if self._kind.while_used is WhileUsed.CONFLICT:
            raise Conflict(message)
        raise PreconditionFailed(message)

    def _record(
        self,
        connection: Connection,
        caller: Caller,
        deed: Deed,
        asset_id: str,
        name: str,
        path: str,
    ) -> None:
        details = {"kind": self._kind.name}
        record(connection, deed, Entity(self._kind.resource.value, asset_id, name, path, details))
        if self._kind.has_history:
            reason, told = _EVENTS[deed]
            now = self._around.clock.now()
            add_asset_event(connection, asset_id, reason, f"{told} by {caller.name}.", now)


def carried_out(
    database: Database, work: Callable[[Connection], dict[str, Any]], *, dry_run: bool
) -> dict[str, Any]:
    """What a change gives; with `dry_run` nothing of it is kept."""
    return database.rehearse(work) if dry_run else database.write(work)


def fixed_errors(row: Row[Any], meta: UpdateMeta) -> list[FieldError]:
    """What is given of what cannot be changed, and is not as it is."""
    actual: Mapping[str, tuple[Any, Any]] = {
        "scope": (meta.scope, row.scope),
        "clusterId": (meta.cluster_id and meta.cluster_id.lower(), row.cluster_id),
        "departmentId": (
            meta.department_id,
            None if row.department_id is None else str(row.department_id),
        ),
        "projectId": (meta.project_id, row.project_id),
        "autoDelete": (meta.auto_delete, row.auto_delete),
        "private": (meta.private, row.private),
        "workloadSupportedTypes": (_supported(meta), row.supported_types),
    }
    return [
        FieldError(f"meta.{field}", f"cannot be changed; it is {_told(kept)}")
        for field, (given, kept) in actual.items()
        if given is not None and given != kept
    ]


def _is_new(values: Mapping[str, Any], row: Row[Any]) -> bool:
    return any(row._mapping[column] != value for column, value in values.items())


def _told(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _supported(meta: CreationMeta | UpdateMeta) -> dict[str, Any] | None:
    supported = meta.workload_supported_types
    return None if supported is None else supported.submitted()


def _submitted(spec: Any) -> dict[str, Any]:
    return spec.submitted() if isinstance(spec, SpecModel) else without_nulls(spec or {})
