"""HTTP of workloads of every kind: lists, single ones, pods, events, logs."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse, StreamingResponse
from sqlalchemy import Row

from windlass.identity.tokens import Caller
from windlass.kit.errors import BadRequest, NotFound
from windlass.kit.http import QueryText, ShortReads, error_responses, list_query
from windlass.kit.paging import ListQuery, boolean_of, page_body
from windlass.workloads.addresses import Places
from windlass.workloads.kind import DesiredWorkload, Kinds
from windlass.workloads.live import LiveTraffic, live_view
from windlass.workloads.logs import read_log
from windlass.workloads.queries import WorkloadQueries
from windlass.workloads.views import detail_view, event_view, pod_view, workload_view

_BASE = "/api/v1/workloads"
_LONGEST_TAIL = 1_000_000
_TEXT = {"text/plain": {"schema": {"type": "string"}}}


@dataclass(frozen=True, slots=True)
class Workloads:
    """What these routes need."""

    queries: WorkloadQueries
    kinds: Kinds
    log_files: Callable[[str], Sequence[Path]]
    """The log of a replica, oldest file first."""
    traffic: LiveTraffic
    places: Places

    def desired(self, row: Row[Any]) -> DesiredWorkload:
        """What the workload's revision asks for."""
        return self.kinds.desired(row.type, row.revision_id, row.spec)

    def view(self, row: Row[Any]) -> dict[str, Any]:
        """A workload as lists show it."""
        return workload_view(row, self.desired(row), self.places)

    def show(self, caller: Caller, workload_id: str) -> dict[str, Any]:
        """One workload, and why it waits. Raises NotFound, Forbidden."""
        row = self.queries.workload(caller, workload_id)
        return detail_view(row, self.view(row))


def router(workloads: Workloads, authenticated: Callable[..., Any]) -> APIRouter:
    """The routes of workloads."""
    routes = APIRouter(tags=["Workloads"], responses=error_responses(400, 401, 403, 503))
    SignedIn = Annotated[Caller, Depends(authenticated)]  # noqa: N806
    queries = workloads.queries
    reads = ShortReads(queries.database)
    Query = Annotated[ListQuery, Depends(list_query)]  # noqa: N806

    @routes.get(_BASE, summary="List workloads")
    def list_workloads(caller: SignedIn, query: Query, deleted: QueryText = None) -> JSONResponse:
        rows = queries.workloads(caller, query, deleted=boolean_of("deleted", deleted))
        views = [workloads.view(row) for row in rows]
        return JSONResponse(page_body("workloads", views, query))

    @routes.get(_BASE + "/count", summary="Count workloads")
    def count_workloads(
        caller: SignedIn, query: Query, deleted: QueryText = None
    ) -> dict[str, int]:
        return {"count": queries.count(caller, query, deleted=boolean_of("deleted", deleted))}

    @routes.get(_BASE + "/live", summary="List what workloads are doing right now")
    def list_live_workloads(caller: SignedIn, query: Query) -> JSONResponse:
        measured = workloads.traffic.measurements()
        views = [
            live_view(row, workloads.desired(row), measured.get(row.id))
            for row in queries.workloads(caller, query, deleted=False)
        ]
        return JSONResponse(page_body("workloads", views, query))

    @routes.get(_BASE + "/{workload_id}", summary="Show a workload", responses=error_responses(404))
    async def get_workload(workload_id: str, caller: SignedIn) -> JSONResponse:
        return await reads(workloads.show, caller, workload_id)

    @routes.get(
        _BASE + "/{workload_id}/pods",
        summary="List a workload's pods",
        responses=error_responses(404),
    )
    def list_pods(
        workload_id: str, caller: SignedIn, query: Query, deleted: QueryText = None
    ) -> dict[str, Any]:
        owner = queries.workload(caller, workload_id, gone_too=True)
        rows = queries.pods(owner.id, query, deleted=boolean_of("deleted", deleted))
        desired = workloads.desired(owner)
        return page_body("pods", [pod_view(row, owner, desired) for row in rows], query)

    @routes.get(
        _BASE + "/{workload_id}/events",
        summary="List what happened to a workload",
        responses=error_responses(404),
    )
    def list_events(workload_id: str, caller: SignedIn, query: Query) -> dict[str, Any]:
        owner = queries.workload(caller, workload_id, gone_too=True)
        rows = queries.events(owner.id, query)
        return page_body("events", [event_view(row, owner) for row in rows], query)

    @routes.get(
        _BASE + "/{workload_id}/pods/{pod_id}/logs",
        summary="Read a replica's log",
        response_class=StreamingResponse,
        responses={200: {"description": "The log.", "content": _TEXT}, **error_responses(404)},
    )
    def get_logs(
        workload_id: str,
        pod_id: str,
        caller: SignedIn,
        follow: QueryText = None,
        tail: QueryText = None,
    ) -> StreamingResponse:
        queries.workload(caller, workload_id)
        pod = queries.pod(workload_id.lower(), pod_id)

        async def has_ended() -> bool:
            return await asyncio.to_thread(_pod_has_ended, queries, pod.workload_id, pod.id)

        stream = read_log(
            lambda: workloads.log_files(pod.id),
            _tail_of(tail),
            boolean_of("follow", follow),
            has_ended,
        )
        return StreamingResponse(stream, media_type="text/plain; charset=utf-8")

    return routes


def _pod_has_ended(queries: WorkloadQueries, workload_id: str, pod_id: str) -> bool:
    try:
        return queries.pod(workload_id, pod_id).exited_at is not None
    except NotFound:
        return True


def _tail_of(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit()) or len(text) > 7 or int(text) > _LONGEST_TAIL:
        raise BadRequest(f"tail: is {text!r}; it must be an integer from 0 to {_LONGEST_TAIL}")
    return int(text)
