"""HTTP of data volumes."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Response
from fastapi.responses import JSONResponse

from windlass.assets.data_volumes.listing import Wanted, wanted_of
from windlass.assets.data_volumes.schemas import (
    DataVolumeCreation,
    DataVolumePatch,
    SharedScopesPatch,
)
from windlass.assets.data_volumes.service import DataVolumes
from windlass.assets.kinds import DATA_VOLUME
from windlass.identity.tokens import Caller
from windlass.kit.bodies import parse_body, request_body
from windlass.kit.errors import BadRequest
from windlass.kit.http import ContentType, DryRun, QueryText, RawBody, error_responses, list_query
from windlass.kit.ids import is_uuid
from windlass.kit.paging import ListQuery, page_body

_ALL = DATA_VOLUME.path
_ONE = f"{_ALL}/{{{DATA_VOLUME.parameter}}}"
_SHARED_SCOPES = {
    "shared_scopes": f"{_ONE}/sharedScopes",
    # What the vendor's Python client asks for instead.
    "shared_scopes_of_client": f"{_ONE}/shared-scopes",
}


def add_data_volume_routes(
    routes: APIRouter, volumes: DataVolumes, authenticated: Callable[..., Any]
) -> None:
    """The routes of data volumes."""
    Authenticated = Annotated[Caller, Depends(authenticated)]  # noqa: N806
    Query = Annotated[ListQuery, Depends(list_query)]  # noqa: N806
    Asked = Annotated[Wanted, Depends(wanted_of)]  # noqa: N806
    VolumeId = Annotated[str, Path(alias=DATA_VOLUME.parameter)]  # noqa: N806
    Name = Annotated[str, Depends(_data_name)]  # noqa: N806
    Cluster = Annotated[str, Depends(_cluster_id)]  # noqa: N806
    tags: list[Any] = [DATA_VOLUME.tag]

    @routes.get(_ALL, tags=tags, summary="List data volumes")
    def list_data_volumes(wanted: Asked, query: Query, caller: Authenticated) -> JSONResponse:
        found = volumes.page(caller, wanted, query)
        return JSONResponse(page_body("datavolumes", found, query))

    @routes.get(f"{_ALL}/count", tags=tags, summary="Count data volumes")
    def count_data_volumes(wanted: Asked, query: Query, caller: Authenticated) -> dict[str, int]:
        return {"count": volumes.count(caller, wanted, query)}

    @routes.get(
        f"{_ALL}/name-availability",
        tags=tags,
        status_code=204,
        summary="Ask whether a data volume may have a name",
        response_class=Response,
        responses=error_responses(409),
    )
    def data_volume_name_availability(name: Name, cluster: Cluster, caller: Authenticated) -> None:
        volumes.require_available(caller, name, cluster)

    @routes.post(
        _ALL,
        tags=tags,
        status_code=201,
        summary="Create a data volume",
        responses={200: {"description": "What would be made."}, **error_responses(409, 413)},
        openapi_extra=request_body(DataVolumeCreation),
    )
    def create_data_volume(
        raw: RawBody, content_type: ContentType, caller: Authenticated, dry_run: DryRun
    ) -> JSONResponse:
        body = parse_body(DataVolumeCreation, raw, content_type)
        made = volumes.create(caller, body, dry_run=dry_run)
        return JSONResponse(made, 200 if dry_run else 201)

    @routes.get(_ONE, tags=tags, summary="Show a data volume", responses=error_responses(404))
    def get_data_volume(volume_id: VolumeId, caller: Authenticated) -> JSONResponse:
        return JSONResponse(volumes.show(caller, volume_id))

    @routes.patch(
        _ONE,
        tags=tags,
        summary="Change a data volume",
        responses=error_responses(404, 413),
        openapi_extra=request_body(DataVolumePatch),
    )
    def patch_data_volume(
        volume_id: VolumeId,
        raw: RawBody,
        content_type: ContentType,
        caller: Authenticated,
        dry_run: DryRun,
    ) -> JSONResponse:
        body = parse_body(DataVolumePatch, raw, content_type)
        return JSONResponse(volumes.patch(caller, volume_id, body, dry_run=dry_run))

    @routes.delete(
        _ONE,
        tags=tags,
        status_code=204,
        summary="Remove a data volume",
        response_class=Response,
        responses=error_responses(404, 409),
    )
    def delete_data_volume(volume_id: VolumeId, caller: Authenticated) -> None:
        volumes.delete(caller, volume_id)

    for name, path in _SHARED_SCOPES.items():
        add_shared_scopes_routes(routes, volumes, authenticated, name, path)


def add_shared_scopes_routes(
    routes: APIRouter,
    volumes: DataVolumes,
    authenticated: Callable[..., Any],
    name: str,
    path: str,
) -> None:
    """The routes of what data volumes are shared with, at one of their paths."""
    Authenticated = Annotated[Caller, Depends(authenticated)]  # noqa: N806
    VolumeId = Annotated[str, Path(alias=DATA_VOLUME.parameter)]  # noqa: N806
    tags: list[Any] = [DATA_VOLUME.tag]

    @routes.get(
        path,
        tags=tags,
        summary="List what a data volume is shared with",
        name=f"get_{name}",
        responses=error_responses(404),
    )
    def get_shared_scopes(volume_id: VolumeId, caller: Authenticated) -> JSONResponse:
        return JSONResponse(volumes.scopes.list(caller, volume_id))

    @routes.patch(
        path,
        tags=tags,
        summary="Share a data volume",
        name=f"patch_{name}",
        responses=error_responses(404, 409, 413),
        openapi_extra=request_body(SharedScopesPatch),
    )
    def patch_shared_scopes(
        volume_id: VolumeId, raw: RawBody, content_type: ContentType, caller: Authenticated
    ) -> JSONResponse:
        body = parse_body(SharedScopesPatch, raw, content_type)
        return JSONResponse(volumes.scopes.change(caller, volume_id, body))


async def _data_name(dataName: QueryText = None) -> str:  # noqa: N803
    if not dataName:
        raise BadRequest("dataName: is required")
    if "\0" in dataName:
        raise BadRequest("dataName: has a NUL character")
    return dataName


async def _cluster_id(clusterId: QueryText = None) -> str:  # noqa: N803
    if clusterId is None:
        raise BadRequest("clusterId: is required")
    if not is_uuid(clusterId):
        raise BadRequest(f"clusterId: is {clusterId!r}; it must be a UUID")
    return clusterId
