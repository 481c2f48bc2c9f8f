"""HTTP of projects."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response
from fastapi.responses import JSONResponse

from windlass.identity.tokens import Caller
from windlass.kit.bodies import parse_body, parse_list_body, request_body
from windlass.kit.http import ContentType, RawBody, error_responses, list_query
from windlass.kit.paging import ListQuery, page_body
from windlass.org.projects import Projects
from windlass.org.schemas import ProjectCreation, ProjectUpdate, ResourcesUpdate
from windlass.org.views import project_view, unit_resources_view

_PROJECTS = "/api/v1/org-unit/projects"
_PROJECT = _PROJECTS + "/{project_id}"


def add_project_routes(
    routes: APIRouter, projects: Projects, authenticated: Callable[..., Any]
) -> None:
    """The routes of projects."""
    Authenticated = Annotated[Caller, Depends(authenticated)]  # noqa: N806
    Query = Annotated[ListQuery, Depends(list_query)]  # noqa: N806

    @routes.get(_PROJECTS, summary="List projects")
    def list_projects(query: Query, caller: Authenticated) -> JSONResponse:
        views = [project_view(unit) for unit in projects.page(caller, query)]
        return JSONResponse(page_body("projects", views, query))

    @routes.get(_PROJECTS + "/count", summary="Count projects")
    def count_projects(query: Query, caller: Authenticated) -> dict[str, int]:
        return {"count": projects.count(caller, query)}

    @routes.post(
        _PROJECTS,
        status_code=201,
        summary="Create a project",
        responses=error_responses(409, 413),
        openapi_extra=request_body(ProjectCreation),
    )
    def create_project(
        raw: RawBody, content_type: ContentType, caller: Authenticated
    ) -> dict[str, Any]:
        body = parse_body(ProjectCreation, raw, content_type)
        return project_view(projects.create(caller, body))

    @routes.get(_PROJECT, summary="Show a project", responses=error_responses(404))
    def get_project(project_id: str, caller: Authenticated) -> dict[str, Any]:
        return project_view(projects.get(caller, project_id))

    @routes.put(
        _PROJECT,
        summary="Replace what can be changed of a project",
        responses=error_responses(404, 413),
        openapi_extra=request_body(ProjectUpdate),
    )
    def update_project(
        project_id: str, raw: RawBody, content_type: ContentType, caller: Authenticated
    ) -> dict[str, Any]:
        body = parse_body(ProjectUpdate, raw, content_type)
        return project_view(projects.update(caller, project_id, body))

    @routes.delete(
        _PROJECT,
        status_code=204,
        summary="Remove a project",
        response_class=Response,
        responses={
            202: {"description": "Its workloads are being ended; it goes with the last of them"},
            **error_responses(404),
        },
    )
    def delete_project(project_id: str, caller: Authenticated) -> Response:
        gone = projects.delete(caller, project_id)
        if gone:
            return Response(status_code=204)
        message = "The project goes with the last of its workloads, which are being ended."
        return JSONResponse({"code": 202, "message": message}, 202)

    def resources(
        project_id: str, raw: bytes, content_type: str | None, caller: Caller, *, partly: bool
    ) -> list[dict[str, Any]]:
        body = parse_list_body(ResourcesUpdate, raw, content_type)
        return unit_resources_view(
            projects.update_resources(caller, project_id, body, partly=partly)
        )

    @routes.put(
        _PROJECT + "/resources",
        summary="Replace what a project may have",
        responses=error_responses(404, 413),
        openapi_extra=request_body(ResourcesUpdate),
    )
    def update_project_resources(
        project_id: str, raw: RawBody, content_type: ContentType, caller: Authenticated
    ) -> list[dict[str, Any]]:
        return resources(project_id, raw, content_type, caller, partly=False)

    @routes.patch(
        _PROJECT + "/resources",
        summary="Change what a project may have",
        responses=error_responses(404, 413),
        openapi_extra=request_body(ResourcesUpdate),
    )
    def patch_project_resources(
        project_id: str, raw: RawBody, content_type: ContentType, caller: Authenticated
    ) -> list[dict[str, Any]]:
        return resources(project_id, raw, content_type, caller, partly=True)
