"""HTTP of assets, the same for every kind."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path
from fastapi.responses import JSONResponse, Response

from windlass.assets.data_volumes.routes import add_data_volume_routes
from windlass.assets.data_volumes.service import DataVolumes
from windlass.assets.descriptions import (
    ACCEPTED,
    answers,
    asset_schema,
    family_answers,
    list_schema,
)
from windlass.assets.kind import Kind, WhileUsed
from windlass.assets.kinds import FAMILIES, SERVED_ALIKE
from windlass.assets.listing import AssetQuery, Extras, extras_of, query_of
from windlass.assets.records import AssetRecords
from windlass.assets.service import Assets
from windlass.assets.surroundings import Surroundings
from windlass.identity.tokens import Caller
from windlass.kit.bodies import request_body
from windlass.kit.http import ContentType, DryRun, QueryText, RawBody, error_responses
from windlass.kit.paging import ListQuery, page_body, page_of

_NO_CONTENT = 204
_REFUSED_WHILE_USED = {
    WhileUsed.DELETED: (),
    WhileUsed.CONFLICT: (409,),
    WhileUsed.PRECONDITION_FAILED: (412,),
}


def router(around: Surroundings, authenticated: Callable[..., Any]) -> APIRouter:
    """The routes of all kinds."""
    routes = APIRouter(
        dependencies=[Depends(authenticated)], responses=error_responses(400, 401, 403, 503)
    )
    for kind in SERVED_ALIKE:
        add_asset_routes(routes, kind, Assets(around, kind), authenticated)
    for path in FAMILIES:
        add_family_route(routes, around, path, authenticated)
    add_data_volume_routes(routes, DataVolumes(around), authenticated)
    return routes


def add_asset_routes(
    routes: APIRouter, kind: Kind, assets: Assets, authenticated: Callable[..., Any]
) -> None:
    """The five routes of one kind."""
    Authenticated = Annotated[Caller, Depends(authenticated)]  # noqa: N806
    Query = Annotated[AssetQuery, Depends(query_of)]  # noqa: N806
    Asked = Annotated[Extras, Depends(extras_of)]  # noqa: N806
    AssetId = Annotated[str, Path(alias=kind.parameter)]  # noqa: N806
    one = f"{kind.path}/{{{kind.parameter}}}"
    tags: list[Any] = [kind.tag]

    shown = asset_schema(kind)
    changed = answers(kind, 200, shown) | answers(kind, 202, shown)

    @routes.get(
        kind.path,
        tags=tags,
        summary=f"List: {kind.words}",
        name=f"list_{kind.word}",
        responses=answers(kind, 200, list_schema(shown)),
    )
    def list_assets(query: Query, extras: Asked, caller: Authenticated) -> JSONResponse:
        return JSONResponse(entries_body(assets.page(caller, query, extras), query))

    @routes.post(
        kind.path,
        status_code=202,
        tags=tags,
        summary=f"Create: {kind.words}",
        name=f"create_{kind.word}",
        responses=changed | error_responses(409, 413),
        openapi_extra=request_body(assets.creation),
    )
    def create_asset(
        raw: RawBody, content_type: ContentType, caller: Authenticated, dry_run: DryRun
    ) -> JSONResponse:
        made = assets.create(caller, raw, content_type, dry_run=dry_run)
        return JSONResponse(made, 200 if dry_run else 202)

    @routes.get(
        one,
        tags=tags,
        summary=f"Show: {kind.words}",
        name=f"get_{kind.word}",
        responses=answers(kind, 200, shown) | error_responses(404),
    )
    def get_asset(asset_id: AssetId, extras: Asked, caller: Authenticated) -> JSONResponse:
        return JSONResponse(assets.show(caller, asset_id, extras))

    if kind.has_history:
        add_history_route(routes, kind, assets, authenticated)

    @routes.put(
        one,
        status_code=202,
        tags=tags,
        summary=f"Change: {kind.words}",
        name=f"update_{kind.word}",
        responses=changed | error_responses(404, 409, 413),
        openapi_extra=request_body(assets.update_body),
    )
    def update_asset(
        asset_id: AssetId,
        raw: RawBody,
        content_type: ContentType,
        caller: Authenticated,
        dry_run: DryRun,
    ) -> JSONResponse:
        after = assets.update(caller, asset_id, raw, content_type, dry_run=dry_run)
        return JSONResponse(after, 200 if dry_run else 202)

    @routes.delete(
        one,
        status_code=kind.deletion_status,
        tags=tags,
        summary=f"Remove: {kind.words}",
        name=f"delete_{kind.word}",
        responses=_deletion_answers(kind)
        | error_responses(404, *_REFUSED_WHILE_USED[kind.while_used]),
    )
    def delete_asset(asset_id: AssetId, caller: Authenticated) -> Response:
        assets.delete(caller, asset_id)
        if kind.deletion_status == _NO_CONTENT:
            return Response(status_code=_NO_CONTENT)
        return JSONResponse({"code": 202, "message": f"The {kind.words} is removed."}, 202)


def add_history_route(
    routes: APIRouter, kind: Kind, assets: Assets, authenticated: Callable[..., Any]
) -> None:
    """The route of what happened to an asset."""
    Authenticated = Annotated[Caller, Depends(authenticated)]  # noqa: N806
    AssetId = Annotated[str, Path(alias=kind.parameter)]  # noqa: N806
    Page = Annotated[ListQuery, Depends(_page)]  # noqa: N806

    @routes.get(
        f"{kind.path}/{{{kind.parameter}}}/history",
        tags=[kind.tag],
        summary=f"Show what happened: {kind.words}",
        name=f"get_{kind.word}_history",
        responses=error_responses(404),
    )
    def get_history(asset_id: AssetId, query: Page, caller: Authenticated) -> JSONResponse:
        return JSONResponse(
            page_body("records", assets.history(caller, asset_id, query.page), query)
        )


async def _page(offset: QueryText = None, limit: QueryText = None) -> ListQuery:
    return ListQuery(page_of(offset, limit))


def add_family_route(
    routes: APIRouter, around: Surroundings, path: str, authenticated: Callable[..., Any]
) -> None:
    """The list of several kinds together, each spec under its kind's name."""
    Authenticated = Annotated[Caller, Depends(authenticated)]  # noqa: N806
    Query = Annotated[AssetQuery, Depends(query_of)]  # noqa: N806
    Asked = Annotated[Extras, Depends(extras_of)]  # noqa: N806
    kinds = FAMILIES[path]
    records = AssetRecords(around, kinds)
    names = {kind.name: kind.family_name or kind.name for kind in kinds}

    @routes.get(
        path,
        tags=[kinds[0].tag],
        summary=f"List: {kinds[0].tag.lower()} of every kind",
        name=f"list_{path.rpartition('/')[2]}",
        responses=family_answers(kinds),
    )
    def list_family(query: Query, extras: Asked, caller: Authenticated) -> JSONResponse:
        found = [
            {**view, "spec": {names[view["meta"]["kind"]]: view["spec"]}}
            for view in records.page(caller, query, extras)
        ]
        return JSONResponse(entries_body(found, query))


def _deletion_answers(kind: Kind) -> dict[int | str, dict[str, Any]]:
    if kind.deletion_status == _NO_CONTENT:
        return {_NO_CONTENT: {"description": f"The {kind.words} is removed."}}
    return answers(kind, 202, ACCEPTED)


def entries_body(found: Sequence[dict[str, Any]], query: AssetQuery) -> dict[str, Any]:
    """The body of a list; `next` only where a page was asked for and there is more."""
    page = query.page
    if page is None:
        return {"entries": list(found)}
    body: dict[str, Any] = {"entries": list(found[: page.limit])}
    if len(found) > page.limit:
        body["next"] = page.offset + page.limit
    return body
