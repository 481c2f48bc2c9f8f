"""HTTP of the audit log."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse, Response

from windlass.audit.queries import (
    DEFAULT_SAMPLES,
    MOST_SAMPLES,
    AuditLog,
    AuditQuery,
    offset_of,
    time_range,
    whole_number,
)
from windlass.audit.views import as_csv, as_json, audit_view
from windlass.kit.errors import BadRequest
from windlass.kit.http import QueryText, error_responses
from windlass.kit.paging import boolean_of

_FILE: dict[str, Any] = {
    "application/octet-stream": {"schema": {"type": "string", "format": "binary"}}
}
_FORMATS = {"CSV": as_csv, "JSON": as_json}


async def audit_query(
    start: QueryText = None,
    end: QueryText = None,
    offset: QueryText = None,
    numberOfSamples: QueryText = None,  # noqa: N803
    sortBy: QueryText = None,  # noqa: N803
    sortOrder: QueryText = None,  # noqa: N803
    filterBy: QueryText = None,  # noqa: N803
    includeReads: QueryText = None,  # noqa: N803
) -> AuditQuery:
    """The parameters of both forms of the log. Raises BadRequest."""
    began, ended = time_range(start, end)
    return AuditQuery(
        start=began,
        end=ended,
        offset=offset_of(offset),
        samples=whole_number("numberOfSamples", numberOfSamples, DEFAULT_SAMPLES, MOST_SAMPLES),
        sort_by=sortBy,
        sort_order=sortOrder,
        filter_by=filterBy,
        with_reads=boolean_of("includeReads", includeReads),
    )


def router(log: AuditLog, tenant_of_caller: Callable[..., Any]) -> APIRouter:
    """The routes of the audit log; `tenant_of_caller` lets only those in who may read it."""
    routes = APIRouter(tags=["Audit"], responses=error_responses(400, 401, 403, 503))
    Query = Annotated[AuditQuery, Depends(audit_query)]  # noqa: N806
    Tenant = Annotated[int, Depends(tenant_of_caller)]  # noqa: N806

    @routes.get("/api/v1/audit/log", summary="List what was done, and what was refused")
    def list_audit_records(tenant_id: Tenant, query: Query) -> JSONResponse:
        rows = log.entries(tenant_id, query)
        total = log.count(tenant_id, query)
        shown = [audit_view(row, tenant_id) for row in rows]
        # One is what the published schema describes, the other what it requires.
        body: dict[str, Any] = {"total": total, "audit_logs": shown, "logs": shown}
        if rows and query.offset + len(rows) < total:
            body["next"] = query.offset + len(rows)
        return JSONResponse(body)

    @routes.get(
        "/api/v1/audit/log/file",
        summary="Download what was done, and what was refused",
        response_class=Response,
        responses={200: {"description": "The file.", "content": _FILE}},
    )
    def download_audit_records(
        tenant_id: Tenant,
        query: Query,
        file_type: QueryText = None,
        fileType: QueryText = None,  # noqa: N803
    ) -> Response:
        # The second is what the vendor's client calls the first.
        kind = file_type or fileType or "CSV"
        if kind not in _FORMATS:
            raise BadRequest(f"file_type: is {kind!r}; it must be CSV or JSON")
        rows = log.entries(tenant_id, query)
        body = _FORMATS[kind](audit_view(row, tenant_id) for row in rows)
        name = f"audit-log.{kind.lower()}"
        return Response(
            body,
            media_type="application/octet-stream",
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )

    return routes
