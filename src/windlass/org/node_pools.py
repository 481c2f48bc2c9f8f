"""Use cases of node pools: the nodes of a cluster with one label, scheduled in one way.

A node is in the pool whose label it has, or else in the default pool, which always is.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from windlass.audit.origin import concerns
from windlass.audit.trail import Action as Deed
from windlass.audit.trail import Entity, record
from windlass.identity.roles import Action, ResourceType
from windlass.identity.tokens import Caller
from windlass.kit.errors import BadRequest, Conflict, FieldError, invalid_fields
from windlass.kit.paging import ListQuery
from windlass.kit.record_lists import Attribute, filter_records, page_of_records, sort_records
from windlass.org.names import node_pool_name_problem
from windlass.org.node_pool_rules import DEFAULT_COLUMNS, given_columns, node_pool_errors
from windlass.org.schemas import NodePoolCreation, NodePoolUpdate
from windlass.org.scopes import ScopeColumns, ScopeType, Unit, scope_path
from windlass.org.surroundings import Surroundings, record_organisation_change
from windlass.org.tables import (
    department,
    department_resources,
    node,
    node_pool,
    project,
    project_resources,
)
from windlass.org.tree import (
    cluster_of_body,
    get_node_pool,
    lock_tree,
    next_unit_id,
    no_cluster,
    no_node_pool,
    node_pools,
    pools_of,
)

_SCOPE = ScopeColumns(cluster=node_pool.c.cluster_id)

_MOST_NAMED = 10


@dataclass(frozen=True, slots=True)
class ListedPool:
    """One node pool, with the names of the nodes in it."""

    row: Row[Any]
    nodes: tuple[str, ...]

    @property
    def phase(self) -> str:
        """Whether there is something in it."""
        return "Ready" if self.nodes else "Empty"


_ATTRIBUTES: dict[str, Attribute[ListedPool]] = {
    "name": Attribute(lambda pool: pool.row.name),
    "clusterId": Attribute(lambda pool: pool.row.cluster_id),
    "phase": Attribute(lambda pool: pool.phase),
    "createdAt": Attribute(lambda pool: pool.row.created_at, float),
    "updatedAt": Attribute(lambda pool: pool.row.updated_at, float),
    "gpuNetworkAccelerationDetection": Attribute(lambda _: "Auto"),
    "gpuNetworkAccelerationDetected": Attribute(lambda _: False, bool),
    "gpuNetworkAccelerationLabelKey": Attribute(lambda _: None),
    "networkTopologyName": Attribute(lambda _: None),
    "swapEnabled": Attribute(lambda _: False, bool),
    "nodeLevelSchedulerEnabled": Attribute(lambda _: False, bool),
}


class NodePools:
    """Each use case is one transaction: it finds what it is about, asks whether the caller may,
    checks, changes, and records that it did."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._around = surroundings

    def page(self, caller: Caller, query: ListQuery) -> Sequence[ListedPool]:
        """Up to `limit + 1` node pools. Raises BadRequest."""
        found = sort_records(self._found(caller, query), query, _ATTRIBUTES, "name")
        return page_of_records(found, query)

    def count(self, caller: Caller, query: ListQuery) -> int:
        """How many node pools the same filters find. Raises BadRequest."""
        return len(self._found(caller, query))

    def get(self, caller: Caller, node_pool_id: str) -> ListedPool:
        """One node pool. Raises NotFound."""
        with self._around.database.read() as connection:
            row = self._one(connection, caller, Action.READ, node_pool_id)
            return _listed(connection, [row])[0]

    def create(self, caller: Caller, body: NodePoolCreation) -> ListedPool:
        """A new node pool; whoever wants to use it must be given a share of it.

        Raises BadRequest, or Conflict where its name or its label is taken.
        """

        def work(connection: Connection) -> str:
            lock_tree(connection, caller.tenant_id)
            home = cluster_of_body(connection, caller.tenant_id, body.cluster_id)
            above = Unit(caller.tenant_id, home.id)
            concerns(body.name, scope_path=scope_path(above))
            missing = BadRequest(f"clusterId: {no_cluster(body.cluster_id).message}")
            self._around.access.require(
                caller, ResourceType.NODE_POOLS, Action.CREATE, above, missing
            )
            problem = node_pool_name_problem(body.name)
            errors = [] if problem is None else [FieldError("name", problem)]
            errors += node_pool_errors(body)
            if errors:
                raise invalid_fields(errors)
            _require_free_name(connection, home.id, body.name)
            label = (body.label_key, body.label_value)
            _require_free_label(connection, home.id, label, None)
            pool_id = next_unit_id(connection, caller.tenant_id)
            now = self._around.clock.now()
            values = {**DEFAULT_COLUMNS, **given_columns(body)}
            connection.execute(
                insert(node_pool).values(
                    id=pool_id,
                    cluster_id=home.id,
                    name=body.name,
                    is_default=False,
                    created_at=now,
                    created_by=caller.name,
                    updated_at=now,
                    updated_by=caller.name,
                    **values,
                )
            )
            _record(connection, Deed.CREATE, above, str(pool_id), body.name)
            record_organisation_change(connection)
            return str(pool_id)

        created = self._around.database.write(work)
        self._around.wake()
        return self._show(caller, created)

    def update(
        self, caller: Caller, node_pool_id: str, body: NodePoolUpdate, *, partly: bool
    ) -> ListedPool:
        """Change a node pool; its label stays where it is left out, other things only `partly`.

        Raises NotFound, BadRequest, or Conflict where its label is taken.
        """

        def work(connection: Connection) -> None:
            lock_tree(connection, caller.tenant_id)
            row = self._one(connection, caller, Action.UPDATE, node_pool_id)
            errors = list(node_pool_errors(body))
            label = (body.label_key or row.label_key, body.label_value or row.label_value)
            if row.is_default and label != (row.label_key, row.label_value):
                errors.append(
                    FieldError("labelKey", "cannot be changed: nodes of no other pool are in it")
                )
            if errors:
                raise invalid_fields(errors)
            _require_free_label(connection, row.cluster_id, label, row.id)
            left_out = {} if partly else DEFAULT_COLUMNS
            values = {**left_out, **given_columns(body)}
            connection.execute(
                update(node_pool)
                .where(node_pool.c.id == row.id)
                .values(updated_at=self._around.clock.now(), updated_by=caller.name, **values)
            )
            above = Unit(caller.tenant_id, row.cluster_id)
            _record(connection, Deed.UPDATE, above, str(row.id), row.name)
            record_organisation_change(connection)

        self._around.database.write(work)
        self._around.wake()
        return self._show(caller, node_pool_id)

    def delete(self, caller: Caller, node_pool_id: str) -> None:
        """Remove a node pool; its nodes come into another, and what units may have of it is gone.

        Raises NotFound, or BadRequest for the default pool and for one that is in use.
        """

        def work(connection: Connection) -> None:
            lock_tree(connection, caller.tenant_id)
            row = self._one(connection, caller, Action.DELETE, node_pool_id)
            if row.is_default:
                raise BadRequest(
                    f"Node pool {row.name!r} is the default one and cannot be deleted: nodes that"
                    " are in no other pool are in it."
                )
            users = self._users(connection, row)
            if users:
                named = ", ".join(users[:_MOST_NAMED])
                raise BadRequest(f"Node pool {row.name!r} is in use: {named}.")
            for table in (department_resources, project_resources):
                connection.execute(delete(table).where(table.c.node_pool_id == row.id))
            connection.execute(delete(node_pool).where(node_pool.c.id == row.id))
            above = Unit(caller.tenant_id, row.cluster_id)
            _record(connection, Deed.DELETE, above, str(row.id), row.name)
            record_organisation_change(connection)

        self._around.database.write(work)
        self._around.wake()

    def _found(self, caller: Caller, query: ListQuery) -> list[ListedPool]:
        with self._around.database.read() as connection:
            readable = self._around.access.readable(
                caller, ResourceType.NODE_POOLS, ScopeType.CLUSTER, _SCOPE
            )
            found = node_pools(caller.tenant_id).where(readable).order_by(node_pool.c.id)
            rows = connection.execute(found).all()
            return filter_records(_listed(connection, rows), query, _ATTRIBUTES)

    def _one(
        self, connection: Connection, caller: Caller, action: Action, node_pool_id: str
    ) -> Row[Any]:
        """A node pool with which the caller may do that. Raises NotFound, Forbidden."""
        row = get_node_pool(connection, caller.tenant_id, node_pool_id)
        above = Unit(caller.tenant_id, row.cluster_id)
        concerns(row.name, str(row.id), scope_path(above))
        missing = no_node_pool(node_pool_id)
        self._around.access.require(caller, ResourceType.NODE_POOLS, action, above, missing)
        return row

    def _show(self, caller: Caller, node_pool_id: str) -> ListedPool:
        """A node pool that the caller has just changed."""
        with self._around.database.read() as connection:
            row = get_node_pool(connection, caller.tenant_id, node_pool_id)
            return _listed(connection, [row])[0]

    def _users(self, connection: Connection, row: Row[Any]) -> list[str]:
        """Who names the pool or has a place in it, in words."""
        asking = self._around.occupancy.workloads_asking_for(connection, row.cluster_id, row.name)
        return [
            *_units_that_default_to(connection, row),
            *asking,
            *self._placed_inside(connection, row),
        ]

    def _placed_inside(self, connection: Connection, row: Row[Any]) -> Iterator[str]:
        pools = pools_of(connection, row.cluster_id)
        inside = {name for name, pool in pools.pool_of_node.items() if pool == row.id}
        count = sum(
            occupant.node_name in inside
            for occupant in self._around.occupancy.occupants(connection, None)
        )
        if count:
            yield f"{count} pods have their places in it"


def _record(connection: Connection, deed: Deed, above: Unit, pool_id: str, name: str) -> None:
    entity = Entity(ResourceType.NODE_POOLS.value, pool_id, name, scope_path(above))
    record(connection, deed, entity)


def _listed(connection: Connection, rows: Sequence[Row[Any]]) -> list[ListedPool]:
    nodes: dict[int, list[str]] = {}
    for cluster_id in {row.cluster_id for row in rows}:
        pools = pools_of(connection, cluster_id)
        names = select(node.c.name).where(node.c.cluster_id == cluster_id).order_by(node.c.name)
        for name in connection.execute(names).scalars():
            nodes.setdefault(pools.pool_of_node.get(name, pools.default), []).append(name)
    return [ListedPool(row, tuple(nodes.get(row.id, ()))) for row in rows]


def _require_free_name(connection: Connection, cluster_id: str, name: str) -> None:
    holder = connection.execute(
        select(node_pool.c.id).where(node_pool.c.cluster_id == cluster_id, node_pool.c.name == name)
    ).scalar()
    if holder is not None:
        raise Conflict(f"name: {name!r} is taken by node pool {holder}; choose another.")


def _require_free_label(
    connection: Connection, cluster_id: str, label: tuple[str, str], own_id: int | None
) -> None:
    """Fail where another pool has this label, or a node has it and that of another pool too."""
    pools = connection.execute(
        select(node_pool).where(node_pool.c.cluster_id == cluster_id, node_pool.c.id != own_id)
        if own_id is not None
        else select(node_pool).where(node_pool.c.cluster_id == cluster_id)
    ).all()
    key, value = label
    for pool in pools:
        if (pool.label_key, pool.label_value) == label:
            raise Conflict(
                f"labelValue: the label {key}={value} is that of node pool {pool.name!r}."
            )
    others = [pool for pool in pools if not pool.is_default]
    nodes = connection.execute(
        select(node.c.name, node.c.labels).where(node.c.cluster_id == cluster_id)
    )
    for item in nodes:
        labels: Mapping[str, str] = item.labels
        if labels.get(key) != value:
            continue
        for pool in others:
            if labels.get(pool.label_key) == pool.label_value:
                raise Conflict(
                    f"labelValue: node {item.name!r} has the label {key}={value}, and that of node"
                    f" pool {pool.name!r} too: a node is in one pool only."
                )


def _units_that_default_to(connection: Connection, row: Row[Any]) -> Iterator[str]:
    for kind, table in (("department", department), ("project", project)):
        rows = connection.execute(
            select(table.c.name, table.c.default_node_pools).where(
                table.c.cluster_id == row.cluster_id, table.c.deleted_at.is_(None)
            )
        )
        for unit in rows:
            if row.name in (unit.default_node_pools or ()):
                yield f"{kind} {unit.name} has it as a default"
