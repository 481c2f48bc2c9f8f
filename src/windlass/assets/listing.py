"""What lists of assets are asked for: filters, order, page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, false, or_

from windlass.assets.compliance import check_types
from windlass.assets.tables import asset
from windlass.identity.tokens import Caller
from windlass.kit.errors import BadRequest
from windlass.kit.http import QueryText
from windlass.kit.ids import is_uuid
from windlass.kit.paging import Field, Page, apply_order, boolean_of, contains, page_of, split_list
from windlass.org.scopes import ScopeType, Unit, find_unit, scope_path, units_above

SORTED_BY = {
    "name": Field(asset.c.name),
    "scope": Field(asset.c.scope),
    "kind": Field(asset.c.kind),
    "createdAt": Field(asset.c.created_at, float),
    "createdBy": Field(asset.c.created_by),
    "updatedAt": Field(asset.c.updated_at, float),
    "updatedBy": Field(asset.c.updated_by),
    "updateCount": Field(asset.c.update_count, int),
}
_SUPPORTED_TYPES = ("workspace", "training", "distributed", "inference")


@dataclass(frozen=True, slots=True)
class Extras:
    """What an answer is to show beside each asset."""

    usage: bool = False
    status: bool = False
    comply_to_project: int | None = None
    comply_to_workload_type: str | None = None


@dataclass(frozen=True, slots=True)
class AssetQuery:
    """What a list is asked for."""

    name: str | None = None
    search: str | None = None
    scope: ScopeType | None = None
    within: tuple[ScopeType, str] | None = None
    """The unit in which the assets can be used: its level and its id."""
    include_descendants: bool = False
    asset_ids: Sequence[str] = ()
    supported: Mapping[str, bool] = field(default_factory=dict)
    distributed_framework: str | None = None
    sort_by: str | None = None
    sort_order: str | None = None
    page: Page | None = None
    """None: all there are."""
    extras: Extras = Extras()


async def extras_of(
    usageInfo: QueryText = None,  # noqa: N803
    statusInfo: QueryText = None,  # noqa: N803
    complyToProject: QueryText = None,  # noqa: N803
    complyToWorkloadType: QueryText = None,  # noqa: N803
    complyToReplicaType: QueryText = None,  # noqa: N803
) -> Extras:
    """The parameters that lists and single assets have in common. Raises BadRequest."""
    check_types(complyToWorkloadType, complyToReplicaType)
    return Extras(
        usage=boolean_of("usageInfo", usageInfo),
        status=boolean_of("statusInfo", statusInfo),
        comply_to_project=_integer("complyToProject", complyToProject),
        comply_to_workload_type=complyToWorkloadType,
    )


async def query_of(
    name: QueryText = None,
    search: QueryText = None,
    scope: QueryText = None,
    projectId: QueryText = None,  # noqa: N803
    departmentId: QueryText = None,  # noqa: N803
    clusterId: QueryText = None,  # noqa: N803
    includeDescendants: QueryText = None,  # noqa: N803
    assetIds: QueryText = None,  # noqa: N803
    isWorkspace: QueryText = None,  # noqa: N803
    isTraining: QueryText = None,  # noqa: N803
    isDistributed: QueryText = None,  # noqa: N803
    isInference: QueryText = None,  # noqa: N803
    distributedFramework: QueryText = None,  # noqa: N803
    sortBy: QueryText = None,  # noqa: N803
    sortOrder: QueryText = None,  # noqa: N803
    offset: QueryText = None,
    limit: QueryText = None,
) -> AssetQuery:
    """The parameters that lists of assets have beside those of `extras_of`. Raises BadRequest."""
    for parameter, text in (
        ("name", name),
        ("search", search),
        ("distributedFramework", distributedFramework),
    ):
        if text is not None and "\0" in text:
            raise BadRequest(f"{parameter}: has a NUL character")
    descendants = boolean_of("includeDescendants", includeDescendants)
    if descendants and scope is not None:
        raise BadRequest("includeDescendants: must not be given together with scope")
    asked = (isWorkspace, isTraining, isDistributed, isInference)
    return AssetQuery(
        name=name,
        search=search,
        scope=_scope(scope),
        within=_deepest(clusterId, departmentId, projectId),
        include_descendants=descendants,
        asset_ids=_asset_ids(assetIds),
        supported={
            type_: boolean_of(f"is{type_.capitalize()}", text)
            for type_, text in zip(_SUPPORTED_TYPES, asked, strict=True)
            if text is not None
        },
        distributed_framework=distributedFramework,
        sort_by=sortBy,
        sort_order=sortOrder,
        page=None if limit is None and offset is None else page_of(offset, limit),
    )


def apply_query(
    statement: Select[Any], query: AssetQuery, connection: Connection, caller: Caller
) -> Select[Any]:
    """Those that are asked for, in that order, of the page's one more. Raises BadRequest."""
    chosen = statement.where(*_conditions(query, connection, caller))
    ordered = apply_order(
        chosen, SORTED_BY, query.sort_by, query.sort_order, asset.c.name, asset.c.id
    )
    if query.page is None:
        return ordered
    return ordered.offset(query.page.offset).limit(query.page.limit + 1)


def _conditions(
    query: AssetQuery, connection: Connection, caller: Caller
) -> list[ColumnElement[bool]]:
    conditions = [asset.c.deleted_at.is_(None), asset.c.tenant_id == caller.tenant_id]
    if query.name is not None:
        conditions.append(asset.c.name == query.name)
    if query.search:
        conditions.append(contains(asset.c.name, query.search))
    if query.asset_ids:
        conditions.append(asset.c.id.in_(query.asset_ids))
    if query.scope is not None:
        conditions.append(asset.c.scope == query.scope.value)
    if query.within is not None:
        conditions.append(_usable_in(query, connection, caller))
    for type_, wanted in query.supported.items():
        said = asset.c.supported_types[type_].as_boolean()
        conditions.append(said.is_not(false()) if wanted else said.is_(false()))
    if query.distributed_framework is not None:
        said = asset.c.supported_types["distFramework"].as_string()
        conditions.append(or_(said.is_(None), said == query.distributed_framework))
    return conditions


def _usable_in(query: AssetQuery, connection: Connection, caller: Caller) -> ColumnElement[bool]:
    assert query.within is not None
    unit = find_unit(connection, *query.within)
    if unit is None or unit.tenant_id != caller.tenant_id:
        return false()
    condition = asset.c.scope_path.in_(units_above(unit))
    if query.include_descendants:
        below = asset.c.scope_path.startswith(f"{scope_path(unit)}/", autoescape=True)
        return or_(condition, below)
    return condition


def known_project(connection: Connection, caller: Caller, project_id: int) -> Unit | None:
    """A project of the caller's tenant; None where there is none."""
    unit = find_unit(connection, ScopeType.PROJECT, str(project_id))
    return unit if unit is not None and unit.tenant_id == caller.tenant_id else None


def _deepest(
    cluster_id: str | None, department_id: str | None, project_id: str | None
) -> tuple[ScopeType, str] | None:
    """The smallest unit that is named: those above it say nothing more."""
    number = _integer("projectId", project_id)
    if number is not None:
        return ScopeType.PROJECT, str(number)
    if department_id is not None:
        return ScopeType.DEPARTMENT, department_id
    if cluster_id is None:
        return None
    if not is_uuid(cluster_id):
        raise BadRequest(f"clusterId: is {cluster_id!r}; it must be a UUID")
    return ScopeType.CLUSTER, cluster_id


def _scope(text: str | None) -> ScopeType | None:
    if text is None:
        return None
    try:
        return ScopeType(text)
    except ValueError:
        known = ", ".join(level.value for level in ScopeType)
        raise BadRequest(f"scope: is {text!r}; it must be one of {known}") from None


def _asset_ids(text: str | None) -> list[str]:
    ids = split_list(text)
    for asset_id in ids:
        if not is_uuid(asset_id):
            raise BadRequest(f"assetIds: {asset_id!r} is not a UUID")
    return [asset_id.lower() for asset_id in ids]


def _integer(name: str, text: str | None) -> int | None:
    if text is None:
        return None
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit()) or len(digits) > _MOST_DIGITS:
        raise BadRequest(f"{name}: is {text!r}; it must be an integer")
    return int(text)


_MOST_DIGITS = 18
