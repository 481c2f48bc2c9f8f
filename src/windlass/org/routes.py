"""HTTP of the organisation, put together."""

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Depends

from windlass.kit.http import error_responses
from windlass.org.cluster_routes import add_cluster_routes, add_node_routes
from windlass.org.clusters import Clusters
from windlass.org.department_routes import add_department_routes
from windlass.org.departments import Departments
from windlass.org.node_pool_routes import add_node_pool_routes
from windlass.org.node_pools import NodePools
from windlass.org.nodes import Nodes
from windlass.org.project_routes import add_project_routes
from windlass.org.projects import Projects
from windlass.org.surroundings import Surroundings
from windlass.org.views import rank_views


def router(surroundings: Surroundings, authenticated: Callable[..., Any]) -> APIRouter:
    """The routes of the organisation."""
    routes = APIRouter(
        tags=["Organisation"],
        dependencies=[Depends(authenticated)],
        responses=error_responses(400, 401, 403, 503),
    )
    add_project_routes(routes, Projects(surroundings), authenticated)
    add_department_routes(routes, Departments(surroundings), authenticated)
    add_node_pool_routes(routes, NodePools(surroundings), authenticated)
    add_node_routes(routes, Nodes(surroundings.database, surroundings.access), authenticated)
    add_cluster_routes(routes, Clusters(surroundings), authenticated, surroundings.clock)

    @routes.get("/api/v1/org-unit/priorities", summary="List the ranks of units")
    def list_ranks() -> dict[str, Any]:
        return {"priorities": rank_views()}

    return routes
