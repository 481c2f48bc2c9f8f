"""HTTP of inferences."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path
from fastapi.responses import JSONResponse

from windlass.assets.kinds import WORKLOAD_TEMPLATE
from windlass.identity.tokens import Caller
from windlass.kit.bodies import request_body
from windlass.kit.http import (
    ContentType,
    DryRun,
    RawBody,
    RequestId,
    ShortReads,
    error_responses,
)
from windlass.workloads.inferences.schemas import InferenceCreationRequest, LaunchRequest
from windlass.workloads.inferences.service import Inferences

_BASE = "/api/v1/workloads/inferences"
_TAGS: list[Any] = ["Inferences"]
_LAUNCH = f"{WORKLOAD_TEMPLATE.path}/{{{WORKLOAD_TEMPLATE.parameter}}}/launch"
_PREVIEWED: dict[int | str, dict[str, Any]] = {200: {"description": "What would be made."}}
TemplateId = Annotated[str, Path(alias=WORKLOAD_TEMPLATE.parameter)]


def router(inferences: Inferences, authenticated: Callable[..., Any]) -> APIRouter:
    """The routes of inferences."""
    reads = ShortReads(inferences.database)
    routes = APIRouter(responses=error_responses(400, 401, 403, 503))
    AuthenticatedCaller = Annotated[Caller, Depends(authenticated)]  # noqa: N806

    @routes.post(
        _BASE,
        status_code=202,
        tags=_TAGS,
        summary="Serve a model",
        responses=_PREVIEWED | error_responses(404, 409, 413),
        openapi_extra=request_body(InferenceCreationRequest),
    )
    def create_inference(
        raw: RawBody,
        content_type: ContentType,
        caller: AuthenticatedCaller,
        request_id: RequestId,
        dry_run: DryRun,
    ) -> JSONResponse:
        if dry_run:
            return JSONResponse(inferences.preview(raw, content_type, caller))
        return JSONResponse(inferences.create(raw, content_type, caller, request_id), 202)

    @routes.post(
        _LAUNCH,
        status_code=202,
        tags=[WORKLOAD_TEMPLATE.tag],
        summary="Launch: template",
        responses=_PREVIEWED | error_responses(404, 409, 413),
        openapi_extra=request_body(LaunchRequest),
    )
    def launch_template(
        template_id: TemplateId,
        raw: RawBody,
        content_type: ContentType,
        caller: AuthenticatedCaller,
        request_id: RequestId,
        dry_run: DryRun,
    ) -> JSONResponse:
        if dry_run:
            seen = inferences.preview_launch(template_id, raw, content_type, caller)
            return JSONResponse(seen)
        made = inferences.launch(template_id, raw, content_type, caller, request_id)
        return JSONResponse(made, 202)

    @routes.get(
        _BASE + "/{workload_id}",
        tags=_TAGS,
        summary="Show an inference",
        responses=error_responses(404),
    )
    async def get_inference(workload_id: str, caller: AuthenticatedCaller) -> JSONResponse:
        return await reads(inferences.show, caller, workload_id)

    @routes.delete(
        _BASE + "/{workload_id}",
        status_code=202,
        tags=_TAGS,
        summary="Remove an inference",
        responses=error_responses(404),
    )
    def delete_inference(
        workload_id: str, caller: AuthenticatedCaller, request_id: RequestId
    ) -> dict[str, Any]:
        inferences.delete(workload_id, caller, request_id)
        return {"code": 202, "message": "The inference is being removed."}

    return routes
