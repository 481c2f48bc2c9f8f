"""Use cases of nodes: showing them, and noting those that engines have."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from windlass.engines.engine import Node as EngineNode
from windlass.identity.roles import Action, ResourceType
from windlass.identity.tokens import Caller
from windlass.kit.database import Database
from windlass.kit.ids import new_id
from windlass.kit.paging import ListQuery
from windlass.kit.record_lists import Attribute, filter_records, page_of_records, sort_records
from windlass.org.access import Access
from windlass.org.scopes import ScopeColumns, ScopeType, Unit
from windlass.org.surroundings import record_organisation_change
from windlass.org.tables import cluster, node
from windlass.org.tree import get_cluster, no_cluster, pools_of

_SCOPE = ScopeColumns(cluster=node.c.cluster_id)


@dataclass(frozen=True, slots=True)
class ListedNode:
    """One node, with the name of the pool it is in."""

    row: Row[Any]
    node_pool: str


_ATTRIBUTES: dict[str, Attribute[ListedNode]] = {
    "name": Attribute(lambda item: item.row.name),
    "status": Attribute(lambda _: "Ready"),
    "nodePool": Attribute(lambda item: item.node_pool),
    "gpuType": Attribute(lambda item: item.row.gpu_type),
    "nvLinkDomainUid": Attribute(lambda _: None),
    "nvLinkCliqueId": Attribute(lambda _: None),
    "clusterUuid": Attribute(lambda item: item.row.cluster_id),
}


class Nodes:
    """Shows nodes; each use case is one reading."""

    def __init__(self, database: Database, access: Access) -> None:
        self._database = database
        self._access = access

    def page(
        self,
        caller: Caller,
        query: ListQuery,
        cluster_id: str | None = None,
        name: str | None = None,
    ) -> Sequence[ListedNode]:
        """Up to `limit + 1` nodes, of one cluster where it is given, with this name where one is.

        Raises BadRequest, or NotFound of the cluster.
        """
        found = self._found(caller, query, cluster_id)
        named = [item for item in found if name is None or item.row.name == name]
        return page_of_records(sort_records(named, query, _ATTRIBUTES, "name"), query)

    def count(self, caller: Caller, query: ListQuery, cluster_id: str | None = None) -> int:
        """How many nodes the same filters find. Raises BadRequest, or NotFound of the cluster."""
        return len(self._found(caller, query, cluster_id))

    def _found(
        self, caller: Caller, query: ListQuery, cluster_id: str | None
    ) -> Sequence[ListedNode]:
        with self._database.read() as connection:
            statement = (
                select(node)
                .join(cluster, cluster.c.id == node.c.cluster_id)
                .where(cluster.c.tenant_id == caller.tenant_id)
                .where(self._access.readable(caller, ResourceType.NODES, ScopeType.CLUSTER, _SCOPE))
                .order_by(node.c.name)
            )
            if cluster_id is not None:
                home = get_cluster(connection, caller.tenant_id, cluster_id)
                above, missing = Unit(caller.tenant_id, home.id), no_cluster(cluster_id)
                self._access.require(caller, ResourceType.NODES, Action.READ, above, missing)
                statement = statement.where(node.c.cluster_id == home.id)
            rows = connection.execute(statement).all()
            pools = {home: pools_of(connection, home) for home in {row.cluster_id for row in rows}}
        listed = [ListedNode(row, pools[row.cluster_id].name_of_node(row.name)) for row in rows]
        return filter_records(listed, query, _ATTRIBUTES, ("name",))


def register_nodes(
    connection: Connection, cluster_id: str, nodes: Sequence[EngineNode], now: float
) -> None:
    """Note which nodes a cluster has, as its engine tells."""
    known = {
        row.name: row
        for row in connection.execute(select(node).where(node.c.cluster_id == cluster_id))
    }
    wanted = {item.name: _values(item) for item in nodes}
    changed = False
    for name, values in wanted.items():
        row = known.get(name)
        if row is None:
            stamps = {"id": new_id(), "cluster_id": cluster_id, "created_at": now}
            connection.execute(insert(node).values(name=name, updated_at=now, **stamps, **values))
        elif any(getattr(row, key) != value for key, value in values.items()):
            statement = update(node).where(node.c.id == row.id).values(updated_at=now, **values)
            connection.execute(statement)
        else:
            continue
        changed = True
    gone = [row.id for name, row in known.items() if name not in wanted]
    if gone:
        connection.execute(delete(node).where(node.c.id.in_(gone)))
    if changed or gone:
        record_organisation_change(connection)


def _values(item: EngineNode) -> dict[str, Any]:
    models = sorted({device.model for device in item.devices})
    return {
        "labels": dict(item.labels),
        "taints": [
            {"key": taint.key, "value": taint.value, "effect": taint.effect}
            for taint in item.taints
        ],
        "gpu_type": ", ".join(models) or None,
        "gpu_count": len(item.devices),
        "simulated": item.simulated,
    }
