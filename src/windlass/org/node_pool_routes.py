"""HTTP of node pools."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response

from windlass.identity.tokens import Caller
from windlass.kit.bodies import parse_body, request_body
from windlass.kit.http import ContentType, RawBody, error_responses, list_query
from windlass.kit.paging import ListQuery, page_body
from windlass.org.node_pools import NodePools
from windlass.org.schemas import NodePoolCreation, NodePoolUpdate
from windlass.org.views import node_pool_view

_POOLS = "/api/v1/node-pools"
_POOL = _POOLS + "/{node_pool_id}"


def add_node_pool_routes(
    routes: APIRouter, pools: NodePools, authenticated: Callable[..., Any]
) -> None:
    """The routes of node pools."""
    Authenticated = Annotated[Caller, Depends(authenticated)]  # noqa: N806
    Query = Annotated[ListQuery, Depends(list_query)]  # noqa: N806

    @routes.get(_POOLS, summary="List node pools")
    def list_node_pools(query: Query, caller: Authenticated) -> dict[str, Any]:
        found = pools.page(caller, query)
        return page_body("nodepools", [node_pool_view(pool) for pool in found], query)

    @routes.get(_POOLS + "/count", summary="Count node pools")
    def count_node_pools(query: Query, caller: Authenticated) -> dict[str, int]:
        return {"count": pools.count(caller, query)}

    @routes.post(
        _POOLS,
        status_code=201,
        summary="Create a node pool",
        responses=error_responses(409, 413),
        openapi_extra=request_body(NodePoolCreation),
    )
    def create_node_pool(
        raw: RawBody, content_type: ContentType, caller: Authenticated
    ) -> dict[str, Any]:
        body = parse_body(NodePoolCreation, raw, content_type)
        return node_pool_view(pools.create(caller, body))

    @routes.get(_POOL, summary="Show a node pool", responses=error_responses(404))
    def get_node_pool(node_pool_id: str, caller: Authenticated) -> dict[str, Any]:
        return node_pool_view(pools.get(caller, node_pool_id))

    @routes.put(
        _POOL,
        summary="Replace what can be changed of a node pool",
        responses=error_responses(404, 409, 413),
        openapi_extra=request_body(NodePoolUpdate),
    )
    def update_node_pool(
        node_pool_id: str, raw: RawBody, content_type: ContentType, caller: Authenticated
    ) -> dict[str, Any]:
        body = parse_body(NodePoolUpdate, raw, content_type)
        return node_pool_view(pools.update(caller, node_pool_id, body, partly=False))

    @routes.patch(
        _POOL,
        summary="Change a node pool",
        responses=error_responses(404, 409, 413),
        openapi_extra=request_body(NodePoolUpdate),
    )
    def patch_node_pool(
        node_pool_id: str, raw: RawBody, content_type: ContentType, caller: Authenticated
    ) -> dict[str, Any]:
        body = parse_body(NodePoolUpdate, raw, content_type)
        return node_pool_view(pools.update(caller, node_pool_id, body, partly=True))

    @routes.delete(
        _POOL,
        status_code=204,
        summary="Remove a node pool",
        response_class=Response,
        responses=error_responses(404),
    )
    def delete_node_pool(node_pool_id: str, caller: Authenticated) -> Response:
        pools.delete(caller, node_pool_id)
        return Response(status_code=204)
