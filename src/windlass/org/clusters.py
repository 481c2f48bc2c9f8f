"""Use cases of clusters. The first one is this platform's own machine."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from windlass.audit.origin import concerns
from windlass.audit.trail import Action as Deed
from windlass.audit.trail import Entity, record
from windlass.identity.access_rules import end_rules_within, rename_scope
from windlass.identity.roles import Action, ResourceType
from windlass.identity.tokens import Caller
from windlass.kit.errors import BadRequest, Conflict, FieldError, invalid_fields
from windlass.kit.ids import new_id
from windlass.org.departments import retire_department
from windlass.org.names import plain_name_problem
from windlass.org.resource_store import save_resources
from windlass.org.resources import UNLIMITED
from windlass.org.schemas import ClusterCreation, ClusterUpdate
from windlass.org.scopes import ScopeColumns, ScopeType, Unit, scope_path
from windlass.org.surroundings import Surroundings, record_organisation_change
from windlass.org.tables import (
    cluster,
    department,
    department_resources,
    node_pool,
    project,
)
from windlass.org.tree import (
    FIRST_NAME,
    default_pool_values,
    get_cluster,
    lock_tree,
    next_unit_id,
    no_cluster,
)

_SCOPE = ScopeColumns(tenant=cluster.c.tenant_id, cluster=cluster.c.id)


class Clusters:
    """Each use case is one transaction: it finds what it is about, asks whether the caller may,
    checks, changes, and records that it did."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._around = surroundings

    def all(self, caller: Caller) -> Sequence[Row[Any]]:
        """Every cluster, oldest first."""
        with self._around.database.read() as connection:
            return connection.execute(
                select(cluster)
                .where(cluster.c.tenant_id == caller.tenant_id)
                .where(
                    self._around.access.readable(
                        caller, ResourceType.CLUSTER, ScopeType.CLUSTER, _SCOPE
                    )
                )
                .order_by(cluster.c.created_at, cluster.c.id)
            ).all()

    def get(self, caller: Caller, cluster_id: str) -> Row[Any]:
        """One cluster. Raises NotFound."""
        with self._around.database.read() as connection:
            return self._found(connection, caller, Action.READ, cluster_id)

    def create(self, caller: Caller, body: ClusterCreation) -> Row[Any]:
        """A cluster that waits to be connected, with a default department and node pool.

        Raises BadRequest, or Conflict where the name is taken.
        """
        cluster_id = new_id()

        def work(connection: Connection) -> None:
            lock_tree(connection, caller.tenant_id)
            above = Unit(caller.tenant_id)
            concerns(body.name, scope_path=scope_path(above))
            self._around.access.require(caller, ResourceType.CLUSTER, Action.CREATE, above)
            _require_name(connection, caller.tenant_id, body.name, None)
            now = self._around.clock.now()
            connection.execute(
                insert(cluster).values(
                    id=cluster_id,
                    tenant_id=caller.tenant_id,
                    name=body.name,
                    domain=body.domain or "",
                    connected=False,
                    created_at=now,
                    updated_at=now,
                )
            )
            _insert_defaults(connection, caller, cluster_id, now)
            _record(connection, Deed.CREATE, replace(above, cluster_id=cluster_id, name=body.name))

        self._around.database.write(work)
        with self._around.database.read() as connection:
            return get_cluster(connection, caller.tenant_id, cluster_id)

    def rename(self, caller: Caller, cluster_id: str, body: ClusterUpdate) -> None:
        """Give a cluster another name. Raises NotFound, BadRequest or Conflict."""

        def work(connection: Connection) -> None:
            lock_tree(connection, caller.tenant_id)
            row = self._found(connection, caller, Action.UPDATE, cluster_id)
            _require_name(connection, caller.tenant_id, body.name, row.id)
            connection.execute(
                update(cluster)
                .where(cluster.c.id == row.id)
                .values(name=body.name, updated_at=self._around.clock.now())
            )
            unit = Unit(caller.tenant_id, row.id, name=body.name)
            rename_scope(connection, scope_path(unit), body.name)
            _record(connection, Deed.UPDATE, unit)

        self._around.database.write(work)

    def delete(self, caller: Caller, cluster_id: str, *, force: bool) -> None:
        """Remove a cluster with its departments and node pools, and by `force` its projects, too.

        Raises NotFound, or BadRequest for the one that this platform runs on, and where projects or
        workloads are in the way.
        """

        def work(connection: Connection) -> None:
            lock_tree(connection, caller.tenant_id)
            row = self._found(connection, caller, Action.DELETE, cluster_id)
            if row.connected:
                raise BadRequest(
                    f"Cluster {row.name!r} is the machine that this platform runs on and cannot be"
                    " deleted."
                )
            self._require_empty(connection, row, force=force)
            unit = Unit(caller.tenant_id, row.id, name=row.name)
            now = self._around.clock.now()
            _remove(connection, unit, now)
            self._around.occupancy.delete_belongings(connection, scope_path(unit), now)
            _record(connection, Deed.DELETE, unit)
            record_organisation_change(connection)

        self._around.database.write(work)
        self._around.wake()

    def _found(
        self, connection: Connection, caller: Caller, action: Action, cluster_id: str
    ) -> Row[Any]:
        """A cluster with which the caller may do that. Raises NotFound, Forbidden."""
        row = get_cluster(connection, caller.tenant_id, cluster_id)
        unit = Unit(caller.tenant_id, row.id, name=row.name)
        concerns(row.name, unit.id, scope_path(unit))
        missing = no_cluster(cluster_id)
        self._around.access.require(caller, ResourceType.CLUSTER, action, unit, missing)
        return row

    def _require_empty(self, connection: Connection, row: Row[Any], *, force: bool) -> None:
        inside = connection.execute(
            select(project.c.id, project.c.name).where(
                project.c.cluster_id == row.id, project.c.deleted_at.is_(None)
            )
        ).all()
        workloads = self._around.occupancy.workloads_in(connection, [item.id for item in inside])
        if workloads:
            raise BadRequest(f"Cluster {row.name!r} has workloads: {', '.join(workloads[:10])}.")
        if inside and not force:
            named = ", ".join(item.name for item in inside[:10])
            raise BadRequest(
                f"Cluster {row.name!r} has projects: {named}. Delete them first, or ask with"
                " force=true."
            )


def _insert_defaults(connection: Connection, caller: Caller, cluster_id: str, now: float) -> None:
    stamps = {
        "cluster_id": cluster_id,
        "created_at": now,
        "created_by": caller.name,
        "updated_at": now,
        "updated_by": caller.name,
    }
    pool_id = next_unit_id(connection, caller.tenant_id)
    connection.execute(insert(node_pool).values(id=pool_id, **default_pool_values(), **stamps))
    department_id = next_unit_id(connection, caller.tenant_id)
    connection.execute(
        insert(department).values(id=department_id, name=FIRST_NAME, description="", **stamps)
    )
    save_resources(connection, department_resources, department_id, {pool_id: UNLIMITED})


def _require_name(connection: Connection, tenant_id: int, name: str, own_id: str | None) -> None:
    problem = plain_name_problem(name)
    if problem is not None:
        raise invalid_fields([FieldError("name", problem)])
    holder = connection.execute(
        select(cluster.c.id).where(cluster.c.tenant_id == tenant_id, cluster.c.name == name)
    ).scalar()
    if holder is not None and holder != own_id:
        raise Conflict(f"name: {name!r} is taken by cluster {holder}; choose another.")


def _remove(connection: Connection, unit: Unit, now: float) -> None:
    """Remove an empty cluster for good: no workload was ever in it."""
    living = select(department).where(
        department.c.cluster_id == unit.id, department.c.deleted_at.is_(None)
    )
    for row in connection.execute(living).all():
        retire_department(connection, replace(unit, department_id=str(row.id), name=row.name), now)
    for table in (project, department, node_pool):
        connection.execute(delete(table).where(table.c.cluster_id == unit.id))
    connection.execute(delete(cluster).where(cluster.c.id == unit.id))
    end_rules_within(connection, scope_path(unit), now)


def _record(connection: Connection, deed: Deed, unit: Unit) -> None:
    entity = Entity(ResourceType.CLUSTER.value, unit.id, unit.name, scope_path(unit))
    record(connection, deed, entity)
