"""Workload types, priorities and categories, as the API lists them. All of them are built in."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends

from windlass.kit.errors import BadRequest, NotFound
from windlass.kit.http import QueryText, error_responses
from windlass.kit.paging import ListQuery, Page, boolean_of
from windlass.kit.record_lists import Attribute, filter_records, sort_records
from windlass.spec.priority import CATEGORIES, PRIORITY_CLASSES

_NAMESPACE = uuid.UUID("6e0c3bd8-2f36-5e0c-9a3b-0f1f5c1d7a52")
_SOURCE = "system"


@dataclass(frozen=True, slots=True)
class WorkloadType:
    """A kind of workload, with the category that its workloads have unless they say otherwise."""

    name: str
    group: str
    category: str


@dataclass(frozen=True, slots=True)
class _Priority:
    name: str
    value: int


_TYPES: dict[str, Attribute[WorkloadType]] = {
    "name": Attribute(lambda item: item.name),
    "group": Attribute(lambda item: item.group),
}
_PRIORITIES: dict[str, Attribute[_Priority]] = {
    "name": Attribute(lambda item: item.name),
    "source": Attribute(lambda _: _SOURCE),
    "value": Attribute(lambda item: item.value, int),
}


def router(types: Sequence[WorkloadType], authenticated: Callable[..., Any]) -> APIRouter:
    """The routes of workload properties, where there are workloads of these types."""
    routes = APIRouter(
        tags=["Workload properties"],
        dependencies=[Depends(authenticated)],
        responses=error_responses(400, 401, 403, 503),
    )

    @routes.get("/api/v1/workload-types", summary="List workload types")
    def list_types(
        externalTypesOnly: QueryText = None,  # noqa: N803
        filterBy: QueryText = None,  # noqa: N803
    ) -> dict[str, Any]:
        only_external = boolean_of("externalTypesOnly", externalTypesOnly)
        found = filter_records(types, ListQuery(Page(), filterBy), _TYPES)
        return {"types": [] if only_external else [_type_view(item) for item in found]}

    @routes.get(
        "/api/v1/workload-types/{workload_type_id}",
        summary="Show a workload type",
        responses=error_responses(404),
    )
    def get_type(workload_type_id: str) -> dict[str, Any]:
        found = _by_id({item.name: item for item in types}, "type", workload_type_id)
        if found is None:
            raise NotFound(f"There is no workload type with the id {workload_type_id!r}.")
        return _type_view(found)

    @routes.get("/api/v1/workload-priorities", summary="List workload priorities")
    def list_priorities(query: Annotated[ListQuery, Depends(_sorted_query)]) -> dict[str, Any]:
        known = [_Priority(name, value) for name, value in PRIORITY_CLASSES.items()]
        found = filter_records(known, query, _PRIORITIES)
        ordered = sort_records(found, query, _PRIORITIES, "value")
        return {"priorities": [_priority_view(item) for item in ordered]}

    @routes.get("/api/v1/workload-categories", summary="List workload categories")
    def list_categories() -> dict[str, Any]:
        return {"categories": [_category_view(name) for name in CATEGORIES]}

    @routes.get(
        "/api/v1/workload-categories/{category_id}",
        summary="Show a workload category",
        responses=error_responses(404),
    )
    def get_category(category_id: str) -> dict[str, Any]:
        found = _by_id({name: name for name in CATEGORIES}, "category", category_id)
        if found is None:
            raise NotFound(f"There is no workload category with the id {category_id!r}.")
        return _category_view(found)

    return routes


async def _sorted_query(
    filterBy: QueryText = None,  # noqa: N803
    sortBy: QueryText = None,  # noqa: N803
    sortOrder: QueryText = None,  # noqa: N803
) -> ListQuery:
    for name, text in (("filterBy", filterBy), ("sortBy", sortBy)):
        if text is not None and "\0" in text:
            raise BadRequest(f"{name}: has a NUL character")
    return ListQuery(Page(), filterBy, sortBy, sortOrder)


def _by_id(named: Mapping[str, Any], kind: str, wanted: str) -> Any:
    return next((item for name, item in named.items() if _id(kind, name) == wanted.lower()), None)


def _id(kind: str, name: str) -> str:
    """The same on every platform, so that what one client has noted holds for another."""
    return str(uuid.uuid5(_NAMESPACE, f"{kind}/{name}"))


def _type_view(item: WorkloadType) -> dict[str, Any]:
    priority = CATEGORIES[item.category]
    return {
        "id": _id("type", item.name),
        "name": item.name,
        "group": item.group,
        "categoryId": _id("category", item.category),
        "categoryName": item.category,
        "priorityId": _id("priority", priority),
        "priorityName": priority,
        "clusterStatuses": None,
    }


def _priority_view(item: _Priority) -> dict[str, Any]:
    return {
        "id": _id("priority", item.name),
        "name": item.name,
        "value": item.value,
        "source": _SOURCE,
    }


def _category_view(name: str) -> dict[str, Any]:
    return {
        "id": _id("category", name),
        "name": name,
        "description": f"Workloads of it have the priority {CATEGORIES[name]} unless they say"
        " otherwise.",
    }
