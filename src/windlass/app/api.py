"""The API process: routes over use cases over the store."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from sqlalchemy import select, text

from windlass.app import images, sealing_keys
from windlass.app.context import LEASE, Context
from windlass.app.http import answer_errors
from windlass.app.images import MachineImages
from windlass.app.openapi import serve_openapi
from windlass.app.platform import Platform
from windlass.app.scopes import TreeOfScopes
from windlass.app.sealing_keys import SealingKeys
from windlass.assets import routes as asset_routes
from windlass.assets.access import AssetAccess
from windlass.assets.surroundings import Surroundings as AssetSurroundings
from windlass.audit import routes as audit_routes
from windlass.audit.middleware import Audited
from windlass.audit.queries import AuditLog
from windlass.audit.tables import audit_record
from windlass.control.changes import Waker
from windlass.control.lease import current_holder
from windlass.identity import access_routes
from windlass.identity import routes as identity_routes
from windlass.identity.access_service import AccessRules
from windlass.identity.authentication import Authentication
from windlass.identity.operations import describe
from windlass.identity.permissions import Permissions
from windlass.identity.tokens import Caller
from windlass.kit.clock import SystemClock
from windlass.kit.database import Database
from windlass.kit.errors import ApiError
from windlass.kit.http import error_responses
from windlass.org import routes as org_routes
from windlass.org.access import Access
from windlass.org.surroundings import Surroundings as OrganisationSurroundings
from windlass.org.tables import cluster
from windlass.workloads import properties as workload_properties
from windlass.workloads import routes as workload_routes
from windlass.workloads.access import WorkloadAccess
from windlass.workloads.asset_use import WorkloadsByAsset
from windlass.workloads.inferences import routes as inference_routes
from windlass.workloads.inferences.asset_objections import inference_objections
from windlass.workloads.inferences.creation import TYPE as INFERENCE
from windlass.workloads.inferences.desired import DEFAULT_CATEGORY
from windlass.workloads.inferences.service import Inferences
from windlass.workloads.introduction import Introduction
from windlass.workloads.live import LiveTraffic
from windlass.workloads.occupancy import WorkloadOccupancy
from windlass.workloads.properties import WorkloadType
from windlass.workloads.queries import WorkloadQueries

_WORKLOAD_TYPES = (WorkloadType(INFERENCE, "run.ai", DEFAULT_CATEGORY),)
# Whoever looks at the platform must not wait long for a gate that is down.
_GATE_SECONDS = 1.0


def create_api(context: Context, database: Database) -> FastAPI:
    """The application of one process."""
    clock = SystemClock()
    permissions = Permissions(database)
    engine = context.engine()
    authority = context.authority(database)
    authenticated = Authentication(authority, database, permissions)
    queries = WorkloadQueries(database, WorkloadAccess(permissions))
    waker = Waker(context.data.wake_up)

    api = FastAPI(title="Windlass", docs_url=None, redoc_url=None, redirect_slashes=False)
    api.state.external_url = context.settings.external_url
    answer_errors(api)
    api.add_middleware(Audited, database=database, clock=clock, describe=describe)
    gate = context.gate(_GATE_SECONDS)
    platform = Platform(context, database, engine, gate)
    # Routes are tried in this order: those asked for most often come first.
    inferences = Inferences(
        database,
        queries,
        clock,
        engine.refusals,
        Introduction(gate, context.places()),
        waker.wake,
    )
    api.include_router(inference_routes.router(inferences, authenticated))
    workloads = workload_routes.Workloads(
        queries,
        context.kinds(),
        engine.log_files,
        LiveTraffic(gate, clock),
        context.places(),
    )
    api.include_router(workload_routes.router(workloads, authenticated))
    api.include_router(_own_routes(context, database, platform, authenticated))
    api.include_router(images.router(MachineImages(database, engine.images), authenticated))
    seal, lock_file = context.foundation.seal, context.data.sealing_key.with_suffix(".lock")
    keys = SealingKeys(database, seal, lock_file)
    api.include_router(sealing_keys.router(keys, authenticated))
    api.include_router(
        identity_routes.router(
            database, authority, authenticated, context.foundation.seal, clock, waker.wake
        )
    )
    rules = AccessRules(database, permissions, TreeOfScopes(), clock)
    api.include_router(access_routes.router(rules, permissions, authenticated))
    api.include_router(audit_routes.router(_audit_log(database), _tenant_of(authenticated)))
    organisation = OrganisationSurroundings(
        database,
        clock,
        Access(permissions),
        WorkloadOccupancy(context.kinds(), clock),
        waker.wake,
    )
    api.include_router(org_routes.router(organisation, authenticated))
    assets = AssetSurroundings(
        database,
        clock,
        AssetAccess(permissions),
        WorkloadsByAsset({INFERENCE: inference_objections}),
        context.foundation.seal,
    )
    api.include_router(asset_routes.router(assets, authenticated))
    api.include_router(workload_properties.router(_WORKLOAD_TYPES, authenticated))
    serve_openapi(api)
    return api


def _audit_log(database: Database) -> AuditLog:
    name = select(cluster.c.name).where(cluster.c.id == audit_record.c.cluster_id)
    return AuditLog(database, name.scalar_subquery())


def _tenant_of(authenticated: Callable[..., Any]) -> Callable[..., int]:
    def tenant_id(caller: Annotated[Caller, Depends(authenticated)]) -> int:
        return caller.tenant_id

    return tenant_id


def _own_routes(
    context: Context,
    database: Database,
    platform: Platform,
    authenticated: Callable[..., Any],
) -> APIRouter:
    routes = APIRouter(tags=["Platform"])
    open_to_all: dict[str, Any] = {"security": []}

    @routes.get("/healthz", summary="Whether the API process lives", openapi_extra=open_to_all)
    async def healthz() -> JSONResponse:
        return JSONResponse({"status": "ok"})

    @routes.get(
        "/readyz",
        summary="Whether the store answers and the controllers run",
        responses=error_responses(503),
        openapi_extra=open_to_all,
    )
    def readyz() -> JSONResponse:
        problem = _not_ready(database)
        if problem is None:
            return JSONResponse({"status": "ok"})
        return JSONResponse({"code": 503, "message": problem}, 503, {"Retry-After": "1"})

    @routes.get(
        "/metrics",
        summary="Counters for Prometheus",
        response_class=PlainTextResponse,
        responses={200: {"description": "The counters, in the text format of Prometheus."}},
        openapi_extra=open_to_all,
    )
    def metrics() -> Response:
        registry = CollectorRegistry()
        MultiProcessCollector(registry, str(context.data.metrics))  # type: ignore[no-untyped-call]
        body = generate_latest(registry) + platform.gate_metrics()
        return Response(body, media_type=CONTENT_TYPE_LATEST)

    @routes.get(
        "/api/v1/platform",
        summary="Show the platform itself",
        dependencies=[Depends(authenticated)],
        responses=error_responses(401, 403, 503),
    )
    def get_platform() -> dict[str, Any]:
        return platform.view()

    return routes


def _not_ready(database: Database) -> str | None:
    try:
        with database.read() as connection:
            connection.execute(text("SELECT 1"))
            holder = current_holder(connection, LEASE)
    except ApiError as error:
        return error.message
    if holder is None or holder[0].is_dead():
        return "No controllers run: what is asked for is kept, and done once they do."
    return None
