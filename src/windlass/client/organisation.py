"""The operations on departments, projects, node pools and nodes."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast
from urllib.parse import quote

from windlass.client.connection import Connection
from windlass.client.types import Node, NodePool, OrgUnit, PoolResources

_PAGE_SIZE = 500
_DEPARTMENTS = "/api/v1/org-unit/departments"
_PROJECTS = "/api/v1/org-unit/projects"
_POOLS = "/api/v1/node-pools"


class OrganisationOperations:
    """What there is to do with the tree. Each method raises ApiError, BadAnswer or Unreachable."""

    _connection: Connection

    def departments(
        self, *, filter_by: Sequence[str] = (), search: str | None = None
    ) -> Iterator[OrgUnit]:
        """Every department."""
        return self._pages(_DEPARTMENTS, "departments", filter_by, search)

    def department(self, department_id: str) -> OrgUnit:
        """One department. Raises NotFound."""
        path = f"{_DEPARTMENTS}/{_segment(department_id)}"
        return cast(OrgUnit, self._connection.request("GET", path))

    def create_department(self, body: Mapping[str, Any]) -> OrgUnit:
        """A new department."""
        return cast(OrgUnit, self._connection.request("POST", _DEPARTMENTS, body=body))

    def update_department(self, department_id: str, body: Mapping[str, Any]) -> OrgUnit:
        """Replace what can be changed of a department. Raises NotFound."""
        path = f"{_DEPARTMENTS}/{_segment(department_id)}"
        return cast(OrgUnit, self._connection.request("PUT", path, body=body))

    def change_department_resources(
        self, department_id: str, resources: Sequence[PoolResources]
    ) -> None:
        """Change what a department may have, where it is given. Raises NotFound."""
        path = f"{_DEPARTMENTS}/{_segment(department_id)}/resources"
        self._connection.request("PATCH", path, body=list(resources))

    def delete_department(self, department_id: str) -> None:
        """Remove a department and its empty projects. Raises NotFound."""
        self._connection.request("DELETE", f"{_DEPARTMENTS}/{_segment(department_id)}")

    def projects(
        self, *, filter_by: Sequence[str] = (), search: str | None = None
    ) -> Iterator[OrgUnit]:
        """Every project."""
        return self._pages(_PROJECTS, "projects", filter_by, search)

    def project(self, project_id: str) -> OrgUnit:
        """One project. Raises NotFound."""
        path = f"{_PROJECTS}/{_segment(project_id)}"
        return cast(OrgUnit, self._connection.request("GET", path))

    def create_project(self, body: Mapping[str, Any]) -> OrgUnit:
        """A new project."""
        return cast(OrgUnit, self._connection.request("POST", _PROJECTS, body=body))

    def update_project(self, project_id: str, body: Mapping[str, Any]) -> OrgUnit:
        """Replace what can be changed of a project. Raises NotFound."""
        path = f"{_PROJECTS}/{_segment(project_id)}"
        return cast(OrgUnit, self._connection.request("PUT", path, body=body))

    def change_project_resources(self, project_id: str, resources: Sequence[PoolResources]) -> None:
        """Change what a project may have, where it is given. Raises NotFound."""
        path = f"{_PROJECTS}/{_segment(project_id)}/resources"
        self._connection.request("PATCH", path, body=list(resources))

    def delete_project(self, project_id: str) -> bool:
        """Remove a project; whether it is gone at once, or with the last of its workloads.

        Raises NotFound.
        """
        path = f"{_PROJECTS}/{_segment(project_id)}"
        return self._connection.request("DELETE", path) is None

    def node_pools(self, *, filter_by: Sequence[str] = ()) -> Iterator[NodePool]:
        """Every node pool."""
        return self._pages(_POOLS, "nodepools", filter_by, None)

    def create_node_pool(self, body: Mapping[str, Any]) -> NodePool:
        """A new node pool."""
        return cast(NodePool, self._connection.request("POST", _POOLS, body=body))

    def change_node_pool(self, node_pool_id: str, body: Mapping[str, Any]) -> NodePool:
        """Change a node pool, where it is given. Raises NotFound."""
        path = f"{_POOLS}/{_segment(node_pool_id)}"
        return cast(NodePool, self._connection.request("PATCH", path, body=body))

    def delete_node_pool(self, node_pool_id: str) -> None:
        """Remove a node pool. Raises NotFound."""
        self._connection.request("DELETE", f"{_POOLS}/{_segment(node_pool_id)}")

    def nodes(self, *, filter_by: Sequence[str] = (), search: str | None = None) -> Iterator[Node]:
        """Every node."""
        return self._pages("/api/v1/nodes", "nodes", filter_by, search)

    def _pages(
        self, path: str, collection: str, filter_by: Sequence[str], search: str | None
    ) -> Iterator[Any]:
        wanted = {"filterBy": ",".join(filter_by), "search": search or ""}
        given = {name: value for name, value in wanted.items() if value}
        offset = 0
        while True:
            page = {"offset": str(offset), "limit": str(_PAGE_SIZE)}
            answer = self._connection.request("GET", path, parameters={**given, **page})
            yield from answer[collection]
            following = answer.get("next")
            if not following or following <= offset:
                return
            offset = following


def _segment(text: str) -> str:
    return quote(text, safe="")
