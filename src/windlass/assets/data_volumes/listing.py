"""What lists of data volumes are asked for: which of them, filters, order, page."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Select, String, case, cast, or_, select

from windlass.assets.data_volumes.views import LEAVING, READY_IS_NOT
from windlass.assets.tables import asset
from windlass.kit.errors import BadRequest
from windlass.kit.http import QueryText
from windlass.kit.paging import Field, ListQuery, apply_order, conditions_of, contains
from windlass.org.tables import project

_PHASE = case((project.c.delete_requested_at.is_not(None), LEAVING), else_=READY_IS_NOT)
_FIELDS = {
    "name": Field(asset.c.name),
    "projectId": Field(cast(asset.c.project_id, String)),
    "clusterId": Field(asset.c.cluster_id),
    "departmentId": Field(cast(asset.c.department_id, String)),
    "projectName": Field(project.c.name),
    "createdAt": Field(asset.c.created_at, float),
    "createdBy": Field(asset.c.created_by),
    "phase": Field(_PHASE),
}


class RequestType(StrEnum):
    """Which data volumes are asked for."""

    ORIGINATED = "Originated"
    USABLE_IN_PROJECT = "UsableInProject"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Those made in units where the caller may read them; or those usable in one project."""

    usable_in_project: str | None = None


async def wanted_of(
    requestType: QueryText = None,  # noqa: N803
    usableInProjectId: QueryText = None,  # noqa: N803
) -> Wanted:
    """The parameters that say which data volumes are meant. Raises BadRequest."""
    known = [kind.value for kind in RequestType]
    if requestType not in known:
        raise BadRequest(f"requestType: is {requestType!r}; it must be one of {', '.join(known)}")
    asks_for_project = requestType == RequestType.USABLE_IN_PROJECT
    if asks_for_project and not usableInProjectId:
        raise BadRequest(f"usableInProjectId: is required where requestType is {requestType}")
    if not asks_for_project and usableInProjectId is not None:
        raise BadRequest(
            f"usableInProjectId: must be left out where requestType is {requestType}; to ask for"
            f" those of a project, say requestType={RequestType.USABLE_IN_PROJECT.value}"
        )
    return Wanted(usableInProjectId)


def volumes() -> Select[Any]:
    """Data volumes with the names of their projects, and their phases."""
    columns = (asset, project.c.name.label("project_name"), _PHASE.label("phase"))
    return (
        select(*columns)
        .join(project, project.c.id == asset.c.project_id)
        .where(asset.c.deleted_at.is_(None))
    )


def conditions(query: ListQuery) -> list[ColumnElement[bool]]:
    """What filters and search ask for. Raises BadRequest."""
    found = conditions_of(query.filter_by, _FIELDS)
    if query.search:
        texts = (asset.c.name, asset.c.description, project.c.name)
        found.append(or_(*(contains(text, query.search) for text in texts)))
    return found


def ordered(statement: Select[Any], query: ListQuery) -> Select[Any]:
    """In the order asked for, of the page's one more. Raises BadRequest."""
    sorted_ = apply_order(
        statement, _FIELDS, query.sort_by, query.sort_order, asset.c.name, asset.c.id
    )
    return sorted_.offset(query.page.offset).limit(query.page.limit + 1)
