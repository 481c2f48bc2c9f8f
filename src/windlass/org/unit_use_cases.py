"""What is done alike with departments and with projects."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    Table,
    delete,
    func,
    insert,
    select,
    update,
)

from windlass.audit.origin import concerns
from windlass.audit.trail import Action as Deed
from windlass.audit.trail import Entity, record
from windlass.identity.access_rules import end_rules_within
from windlass.identity.roles import Action, ResourceType
from windlass.identity.tokens import Caller
from windlass.kit.errors import Conflict, FieldError, NotFound, invalid_fields
from windlass.kit.paging import Field, ListQuery, apply_order, conditions_of, contains
from windlass.org import scopes
from windlass.org.names import retired_name
from windlass.org.resource_bodies import ResourcesReader
from windlass.org.resource_store import load_resources, save_resources
from windlass.org.resources import Problem
from windlass.org.schemas import PoolResources, ResourcesUpdate, UnitUpdate
from windlass.org.scopes import ScopeColumns, ScopeType, scope_path
from windlass.org.surroundings import Surroundings, record_organisation_change
from windlass.org.tree import Pools, lock_tree, next_unit_id, pools_of
from windlass.org.unit_rules import ByPool, located, unit_errors
from windlass.org.units import Unit, load_units, quota_fields


@dataclass(frozen=True, slots=True)
class Kind:
    """Departments, or projects: where they are kept, and how one of them is found."""

    type: ResourceType
    level: ScopeType
    scope: ScopeColumns
    table: Table
    resources: Table
    fields: Mapping[str, Field]
    """By what lists are filtered and sorted, but for what takes some reading."""
    every: Callable[[int], Select[Any]]
    """Selects those of a tenant."""
    get: Callable[[Connection, int, str], Row[Any]]
    """The one of a tenant with that id. Raises NotFound."""
    missing: Callable[[str], NotFound]
    """What is said where there is none with that id."""
    unit: Callable[[int, Row[Any]], scopes.Unit]
    """Where in the tree of a tenant one stands."""


class UnitUseCases(ABC):
    """Each use case is one transaction: it finds what it is about, asks whether the caller may,
    checks, changes, and records that it did."""

    _kind: Kind

    def __init__(self, surroundings: Surroundings) -> None:
        self._around = surroundings

    def page(self, caller: Caller, query: ListQuery) -> Sequence[Unit]:
        """Up to `limit + 1` units. Raises BadRequest."""
        columns = self._kind.table.c
        with self._around.database.read() as connection:
            fields = self._fields(connection, query)
            ordered = apply_order(
                self._readable(caller).where(*self._conditions(query, fields)),
                fields,
                query.sort_by,
                query.sort_order,
                columns.name,
                columns.id,
            )
            page = ordered.offset(query.page.offset).limit(query.page.limit + 1)
            return self._units(connection, connection.execute(page).all())

    def count(self, caller: Caller, query: ListQuery) -> int:
        """How many units the same filters find. Raises BadRequest."""
        with self._around.database.read() as connection:
            fields = self._fields(connection, query)
            statement = self._readable(caller).where(*self._conditions(query, fields))
            counted = statement.with_only_columns(func.count(), maintain_column_froms=True)
            return int(connection.execute(counted).scalar_one())

    def get(self, caller: Caller, unit_id: str) -> Unit:
        """One unit. Raises NotFound."""
        with self._around.database.read() as connection:
            row = self._found(connection, caller, Action.READ, unit_id)
            return self._units(connection, [row])[0]

    def update_resources(
        self, caller: Caller, unit_id: str, body: ResourcesUpdate, *, partly: bool
    ) -> Unit:
        """Say what a unit may have: in all pools, or `partly` in those named and of what is given.

        Raises NotFound or BadRequest.
        """

        def work(connection: Connection) -> None:
            lock_tree(connection, caller.tenant_id)
            row = self._found(connection, caller, Action.UPDATE, unit_id)
            pools = pools_of(connection, row.cluster_id)
            after = self._checked(connection, row, pools, body.root, [], "", partly=partly)
            stamps = {"updated_at": self._around.clock.now(), "updated_by": caller.name}
            self._save(connection, caller, row, after, stamps)

        self._around.database.write(work)
        self._around.wake()
        return self._show(caller, unit_id)

    @abstractmethod
    def _problems(
        self, connection: Connection, row: Row[Any], after: ByPool, before: ByPool
    ) -> Iterable[Problem]:
        """What is wrong with what a unit is to have, by what those around it have and use."""

    def _replace(
        self,
        caller: Caller,
        unit_id: str,
        body: UnitUpdate,
        further_errors: Sequence[FieldError] = (),
    ) -> Unit:
        """Replace what can be changed of a unit. Raises NotFound or BadRequest."""

        def work(connection: Connection) -> None:
            lock_tree(connection, caller.tenant_id)
            row = self._found(connection, caller, Action.UPDATE, unit_id)
            pools = pools_of(connection, row.cluster_id)
            errors = [*unit_errors(body, pools), *further_errors]
            after = self._checked(connection, row, pools, body.resources, errors, "resources")
            self._save(connection, caller, row, after, self._values(caller, body))

        self._around.database.write(work)
        self._around.wake()
        return self._show(caller, unit_id)

    def _insert(
        self,
        connection: Connection,
        caller: Caller,
        body: UnitUpdate,
        after: ByPool,
        *,
        name: str,
        cluster_id: str,
        **further: Any,
    ) -> int:
        """Add a unit of that body, and return its id. Raises Conflict where its name is taken."""
        table = self._kind.table
        taken = select(table.c.id).where(table.c.cluster_id == cluster_id, table.c.name == name)
        holder = connection.execute(taken).scalar()
        if holder is not None:
            raise Conflict(
                f"name: {name!r} is taken by {self._kind.level.value} {holder}; choose another."
            )
        unit_id = next_unit_id(connection, caller.tenant_id)
        values = self._values(caller, body)
        connection.execute(
            insert(table).values(
                id=unit_id,
                cluster_id=cluster_id,
                name=name,
                created_at=values["updated_at"],
                created_by=caller.name,
                **values,
                **further,
            )
        )
        save_resources(connection, self._kind.resources, unit_id, after)
        return unit_id

    def _checked(
        self,
        connection: Connection,
        row: Row[Any],
        pools: Pools,
        entries: Sequence[PoolResources],
        errors: Sequence[FieldError],
        path: str,
        *,
        partly: bool = False,
    ) -> ByPool:
        """What the unit is to have by pool, or `errors` and all that is wrong with it."""
        reader = ResourcesReader(entries, pools.names, pools.default, path)
        before = load_resources(connection, self._kind.resources, [row.id])[row.id]
        after = reader.changing(before) if partly else reader.replacing()
        problems = self._problems(connection, row, after, before)
        found = [*errors, *reader.errors, *located(problems, reader.path_of, pools, path)]
        if found:
            raise invalid_fields(found)
        return after

    def _save(
        self,
        connection: Connection,
        caller: Caller,
        row: Row[Any],
        after: ByPool,
        values: dict[str, Any],
    ) -> None:
        table = self._kind.table
        connection.execute(update(table).where(table.c.id == row.id).values(**values))
        save_resources(connection, self._kind.resources, row.id, after)
        self._record(connection, Deed.UPDATE, self._kind.unit(caller.tenant_id, row))

    def _record(self, connection: Connection, deed: Deed, unit: scopes.Unit) -> None:
        """Note that it was done, and that the tree is not what it was."""
        entity = Entity(self._kind.type.value, unit.id, unit.name, scope_path(unit))
        record(connection, deed, entity)
        record_organisation_change(connection)

    def _found(
        self, connection: Connection, caller: Caller, action: Action, unit_id: str
    ) -> Row[Any]:
        """A unit with which the caller may do that. Raises NotFound, Forbidden."""
        row = self._kind.get(connection, caller.tenant_id, unit_id)
        unit = self._kind.unit(caller.tenant_id, row)
        concerns(row.name, unit.id, scope_path(unit))
        missing = self._kind.missing(unit_id)
        self._around.access.require(caller, self._kind.type, action, unit, missing)
        return row

    def _show(self, caller: Caller, unit_id: str) -> Unit:
        """A unit that the caller has just changed."""
        with self._around.database.read() as connection:
            row = self._kind.get(connection, caller.tenant_id, unit_id)
            return self._units(connection, [row])[0]

    def _units(self, connection: Connection, rows: Sequence[Row[Any]]) -> Sequence[Unit]:
        return load_units(connection, self._around.occupancy, rows, self._kind.resources)

    def _readable(self, caller: Caller) -> Select[Any]:
        kind = self._kind
        readable = self._around.access.readable(caller, kind.type, kind.level, kind.scope)
        return kind.every(caller.tenant_id).where(readable)

    def _fields(self, connection: Connection, query: ListQuery) -> dict[str, Field]:
        kind = self._kind
        occupancy = self._around.occupancy
        extra = quota_fields(connection, occupancy, query, kind.table, kind.resources)
        return {**kind.fields, **extra}

    def _conditions(
        self, query: ListQuery, fields: Mapping[str, Field]
    ) -> list[ColumnElement[bool]]:
        conditions = conditions_of(query.filter_by, fields)
        if query.search:
            conditions.append(contains(self._kind.table.c.name, query.search))
        return conditions

    def _values(self, caller: Caller, body: UnitUpdate) -> dict[str, Any]:
        """The columns that a body sets, whole."""
        return {
            "description": body.description or "",
            "default_node_pools": body.default_node_pools or None,
            "updated_at": self._around.clock.now(),
            "updated_by": caller.name,
        }


def retire_unit(
    connection: Connection, table: Table, resources: Table, unit: scopes.Unit, now: float
) -> None:
    """Remove an empty unit, with the access rules for it; its name is free again."""
    number = int(unit.id)
    connection.execute(delete(resources).where(resources.c.unit_id == number))
    connection.execute(
        update(table)
        .where(table.c.id == number)
        .values(name=retired_name(unit.name, number), deleted_at=now)
    )
    end_rules_within(connection, scope_path(unit), now)
