"""HTTP of the organisation."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends

from windlass.kit.clock import Clock
from windlass.kit.errors import BadRequest
from windlass.kit.http import QueryText, error_responses, list_query
from windlass.kit.paging import ListQuery, boolean_of, page_body
from windlass.org.service import Organisation
from windlass.org.views import cluster_view, department_view, project_view


def router(
    organisation: Organisation, authenticated: Callable[..., Any], clock: Clock
) -> APIRouter:
    """The routes of the organisation."""
    routes = APIRouter(
        tags=["Organisation"],
        dependencies=[Depends(authenticated)],
        responses=error_responses(400, 401, 503),
    )

    @routes.get("/api/v1/clusters", summary="List clusters")
    def list_clusters(
        verbosity: QueryText = None,
        includeRequestedForDelete: QueryText = None,  # noqa: N803
    ) -> list[dict[str, Any]]:
        boolean_of("includeRequestedForDelete", includeRequestedForDelete)
        full = _is_full(verbosity)
        return [cluster_view(row, clock.now(), full=full) for row in organisation.clusters()]

    @routes.get(
        "/api/v1/clusters/{cluster_id}", summary="Show a cluster", responses=error_responses(404)
    )
    def get_cluster(cluster_id: str, verbosity: QueryText = None) -> dict[str, Any]:
        return cluster_view(organisation.cluster(cluster_id), clock.now(), full=_is_full(verbosity))

    @routes.get("/api/v1/org-unit/departments", summary="List departments")
    def list_departments(query: Annotated[ListQuery, Depends(list_query)]) -> dict[str, Any]:
        rows = organisation.departments(query)
        return page_body("departments", [department_view(row) for row in rows], query)

    @routes.get(
        "/api/v1/org-unit/departments/{department_id}",
        summary="Show a department",
        responses=error_responses(404),
    )
    def get_department(department_id: str) -> dict[str, Any]:
        return department_view(organisation.department(department_id))

    @routes.get("/api/v1/org-unit/projects", summary="List projects")
    def list_projects(query: Annotated[ListQuery, Depends(list_query)]) -> dict[str, Any]:
        rows = organisation.projects(query)
        return page_body("projects", [project_view(row) for row in rows], query)

    @routes.get(
        "/api/v1/org-unit/projects/{project_id}",
        summary="Show a project",
        responses=error_responses(404),
    )
    def get_project(project_id: str) -> dict[str, Any]:
        return project_view(organisation.project(project_id))

    return routes


def _is_full(verbosity: str | None) -> bool:
    if verbosity not in (None, "full", "metadata"):
        raise BadRequest(f"verbosity: is {verbosity!r}; it must be full or metadata")
    return verbosity != "metadata"
