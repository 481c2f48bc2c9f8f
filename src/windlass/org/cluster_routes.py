"""HTTP of clusters and of nodes."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response
from fastapi.responses import JSONResponse

from windlass.audit.origin import will_answer
from windlass.identity.tokens import Caller
from windlass.kit.bodies import parse_body, request_body
from windlass.kit.clock import Clock
from windlass.kit.errors import BadRequest
from windlass.kit.http import ContentType, QueryText, RawBody, error_responses, list_query
from windlass.kit.paging import ListQuery, boolean_of, page_body
from windlass.org.clusters import Clusters
from windlass.org.nodes import Nodes
from windlass.org.schemas import ClusterCreation, ClusterUpdate
from windlass.org.views import cluster_view, node_view

_CLUSTERS = "/api/v1/clusters"
_CLUSTER = _CLUSTERS + "/{cluster_id}"


def add_cluster_routes(
    routes: APIRouter, clusters: Clusters, authenticated: Callable[..., Any], clock: Clock
) -> None:
    """The routes of clusters."""
    Authenticated = Annotated[Caller, Depends(authenticated)]  # noqa: N806

    @routes.get(_CLUSTERS, summary="List clusters")
    def list_clusters(
        caller: Authenticated,
        verbosity: QueryText = None,
        includeRequestedForDelete: QueryText = None,  # noqa: N803
    ) -> list[dict[str, Any]]:
        boolean_of("includeRequestedForDelete", includeRequestedForDelete)
        full = _is_full(verbosity)
        return [cluster_view(row, clock.now(), full=full) for row in clusters.all(caller)]

    @routes.post(
        _CLUSTERS,
        status_code=201,
        summary="Add a cluster",
        responses=error_responses(409, 413),
        openapi_extra=request_body(ClusterCreation),
    )
    def create_cluster(
        raw: RawBody, content_type: ContentType, caller: Authenticated
    ) -> dict[str, Any]:
        body = parse_body(ClusterCreation, raw, content_type)
        return cluster_view(clusters.create(caller, body), clock.now(), full=True)

    @routes.get(_CLUSTER, summary="Show a cluster", responses=error_responses(404))
    def get_cluster(
        cluster_id: str, caller: Authenticated, verbosity: QueryText = None
    ) -> dict[str, Any]:
        full = _is_full(verbosity)
        return cluster_view(clusters.get(caller, cluster_id), clock.now(), full=full)

    @routes.put(
        _CLUSTER,
        status_code=204,
        summary="Rename a cluster",
        response_class=Response,
        responses=error_responses(404, 409, 413),
        openapi_extra=request_body(ClusterUpdate),
    )
    def update_cluster(
        cluster_id: str, raw: RawBody, content_type: ContentType, caller: Authenticated
    ) -> Response:
        body = parse_body(ClusterUpdate, raw, content_type)
        clusters.rename(caller, cluster_id, body)
        return Response(status_code=204)

    @routes.delete(
        _CLUSTER,
        status_code=202,
        summary="Remove a cluster",
        responses={204: {"description": "Removed, with its projects"}, **error_responses(404)},
    )
    def delete_cluster(cluster_id: str, caller: Authenticated, force: QueryText = None) -> Response:
        forced = boolean_of("force", force)
        will_answer(204 if forced else 202)
        clusters.delete(caller, cluster_id, force=forced)
        if forced:
            return Response(status_code=204)
        return JSONResponse({"code": 202, "message": "The cluster is being removed."}, 202)


def add_node_routes(routes: APIRouter, nodes: Nodes, authenticated: Callable[..., Any]) -> None:
    """The routes of nodes."""
    Authenticated = Annotated[Caller, Depends(authenticated)]  # noqa: N806
    Query = Annotated[ListQuery, Depends(list_query)]  # noqa: N806

    @routes.get("/api/v1/nodes", summary="List nodes")
    def list_nodes(query: Query, caller: Authenticated) -> dict[str, Any]:
        found = nodes.page(caller, query)
        return page_body("nodes", [node_view(item) for item in found], query)

    @routes.get("/api/v1/nodes/count", summary="Count nodes")
    def count_nodes(query: Query, caller: Authenticated) -> dict[str, int]:
        return {"count": nodes.count(caller, query)}

    @routes.get(
        _CLUSTER + "/nodes",
        summary="List a cluster's nodes",
        responses=error_responses(404),
        deprecated=True,
    )
    def list_nodes_of_cluster(
        cluster_id: str,
        query: Query,
        caller: Authenticated,
        nodeName: QueryText = None,  # noqa: N803
    ) -> dict[str, Any]:
        found = nodes.page(caller, query, cluster_id, nodeName)
        return page_body("nodes", [node_view(item) for item in found], query)

    @routes.get(
        _CLUSTER + "/nodes/count", summary="Count a cluster's nodes", responses=error_responses(404)
    )
    def count_nodes_of_cluster(
        cluster_id: str, query: Query, caller: Authenticated
    ) -> dict[str, int]:
        return {"count": nodes.count(caller, query, cluster_id)}


def _is_full(verbosity: str | None) -> bool:
    if verbosity not in (None, "full", "metadata"):
        raise BadRequest(f"verbosity: is {verbosity!r}; it must be full or metadata")
    return verbosity != "metadata"
