"""HTTP of inferences."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse

from windlass.identity.tokens import Caller
from windlass.kit.bodies import request_body
from windlass.kit.http import ContentType, RawBody, RequestId, ShortReads, error_responses
from windlass.workloads.inferences.schemas import InferenceCreationRequest
from windlass.workloads.inferences.service import Inferences

_BASE = "/api/v1/workloads/inferences"


def router(inferences: Inferences, authenticated: Callable[..., Any]) -> APIRouter:
    """The routes of inferences."""
    reads = ShortReads(inferences.database)
    routes = APIRouter(tags=["Inferences"], responses=error_responses(400, 401, 403, 503))
    AuthenticatedCaller = Annotated[Caller, Depends(authenticated)]  # noqa: N806

    @routes.post(
        _BASE,
        status_code=202,
        summary="Serve a model",
        responses=error_responses(404, 409, 413),
        openapi_extra=request_body(InferenceCreationRequest),
    )
    def create_inference(
        raw: RawBody, content_type: ContentType, caller: AuthenticatedCaller, request_id: RequestId
    ) -> dict[str, Any]:
        return inferences.create(raw, content_type, caller, request_id)

    @routes.get(
        _BASE + "/{workload_id}", summary="Show an inference", responses=error_responses(404)
    )
    async def get_inference(workload_id: str, caller: AuthenticatedCaller) -> JSONResponse:
        return await reads(inferences.show, caller, workload_id)

    @routes.delete(
        _BASE + "/{workload_id}",
        status_code=202,
        summary="Remove an inference",
        responses=error_responses(404),
    )
    def delete_inference(
        workload_id: str, caller: AuthenticatedCaller, request_id: RequestId
    ) -> dict[str, Any]:
        inferences.delete(workload_id, caller, request_id)
        return {"code": 202, "message": "The inference is being removed."}

    return routes
