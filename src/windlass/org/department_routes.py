"""HTTP of departments."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response
from fastapi.responses import JSONResponse

from windlass.identity.tokens import Caller
from windlass.kit.bodies import parse_body, parse_list_body, request_body
from windlass.kit.errors import BadRequest
from windlass.kit.http import ContentType, QueryText, RawBody, error_responses, list_query
from windlass.kit.paging import ListQuery, page_body
from windlass.org.departments import Departments
from windlass.org.schemas import DepartmentCreation, ResourcesUpdate, UnitUpdate
from windlass.org.units import Unit
from windlass.org.views import (
    brief_department_view,
    department_view,
    unit_resources_view,
    whole_department_view,
)

_DEPARTMENTS = "/api/v1/org-unit/departments"
_DEPARTMENT = _DEPARTMENTS + "/{department_id}"


def add_department_routes(
    routes: APIRouter, departments: Departments, authenticated: Callable[..., Any]
) -> None:
    """The routes of departments."""
    Authenticated = Annotated[Caller, Depends(authenticated)]  # noqa: N806
    Query = Annotated[ListQuery, Depends(list_query)]  # noqa: N806

    def whole(unit: Unit) -> dict[str, Any]:
        return whole_department_view(unit, departments.resources_of_projects(unit))

    @routes.get(_DEPARTMENTS, summary="List departments")
    def list_departments(
        query: Query, caller: Authenticated, verbosity: QueryText = None
    ) -> JSONResponse:
        if verbosity not in (None, "meta", "brief", "verbose"):
            raise BadRequest(f"verbosity: is {verbosity!r}; it must be meta, brief or verbose")
        show = brief_department_view if verbosity == "meta" else department_view
        views = [show(unit) for unit in departments.page(caller, query)]
        return JSONResponse(page_body("departments", views, query))

    @routes.get(_DEPARTMENTS + "/count", summary="Count departments")
    def count_departments(query: Query, caller: Authenticated) -> dict[str, int]:
        return {"count": departments.count(caller, query)}

    @routes.post(
        _DEPARTMENTS,
        status_code=201,
        summary="Create a department",
        responses=error_responses(409, 413),
        openapi_extra=request_body(DepartmentCreation),
    )
    def create_department(
        raw: RawBody, content_type: ContentType, caller: Authenticated
    ) -> dict[str, Any]:
        body = parse_body(DepartmentCreation, raw, content_type)
        return whole(departments.create(caller, body))

    @routes.get(_DEPARTMENT, summary="Show a department", responses=error_responses(404))
    def get_department(department_id: str, caller: Authenticated) -> dict[str, Any]:
        return whole(departments.get(caller, department_id))

    @routes.put(
        _DEPARTMENT,
        summary="Replace what can be changed of a department",
        responses=error_responses(404, 413),
        openapi_extra=request_body(UnitUpdate),
    )
    def update_department(
        department_id: str, raw: RawBody, content_type: ContentType, caller: Authenticated
    ) -> dict[str, Any]:
        body = parse_body(UnitUpdate, raw, content_type)
        return whole(departments.update(caller, department_id, body))

    @routes.delete(
        _DEPARTMENT,
        status_code=204,
        summary="Remove a department and its projects",
        response_class=Response,
        responses=error_responses(404),
    )
    def delete_department(department_id: str, caller: Authenticated) -> Response:
        departments.delete(caller, department_id)
        return Response(status_code=204)

    def resources(
        department_id: str, raw: bytes, content_type: str | None, caller: Caller, *, partly: bool
    ) -> list[dict[str, Any]]:
        body = parse_list_body(ResourcesUpdate, raw, content_type)
        return unit_resources_view(
            departments.update_resources(caller, department_id, body, partly=partly)
        )

    @routes.put(
        _DEPARTMENT + "/resources",
        summary="Replace what a department may have",
        responses=error_responses(404, 413),
        openapi_extra=request_body(ResourcesUpdate),
    )
    def update_department_resources(
        department_id: str, raw: RawBody, content_type: ContentType, caller: Authenticated
    ) -> list[dict[str, Any]]:
        return resources(department_id, raw, content_type, caller, partly=False)

    @routes.patch(
        _DEPARTMENT + "/resources",
        summary="Change what a department may have",
        responses=error_responses(404, 413),
        openapi_extra=request_body(ResourcesUpdate),
    )
    def patch_department_resources(
        department_id: str, raw: RawBody, content_type: ContentType, caller: Authenticated
    ) -> list[dict[str, Any]]:
        return resources(department_id, raw, content_type, caller, partly=True)
