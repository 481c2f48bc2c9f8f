"""The gate's two gRPC servers of `grpcio`: one that configures Envoy, one for the control plane."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import grpc
from envoy.service.discovery.v3 import discovery_pb2

from windlass.gateway.control_protocol import (
    ADDRESS_IN_USE,
    SERVICE,
    STALE_EPOCH,
    UNACKNOWLEDGED,
    UNBOUNDED_MESSAGES,
)
from windlass.gateway.gate.admin import EnvoyUnreachable
from windlass.gateway.gate.discovery import Discovery, Rejected
from windlass.gateway.gate.publisher import RouteConflict, Superseded
from windlass.gateway.gate.subscription import Subscription
from windlass.gateway.gateway import AddressInUse, StaleEpoch

Method = Callable[[Mapping[str, Any]], Awaitable[Mapping[str, Any]]]


def discovery_server(socket: Path, discovery: Discovery) -> grpc.aio.Server:
    """Answers Envoy: incremental aggregated discovery."""

    async def stream(
        requests: AsyncIterator[discovery_pb2.DeltaDiscoveryRequest],
        context: grpc.aio.ServicerContext,
    ) -> None:
        subscription = Subscription(discovery)
        discovery.connect(subscription)
        sending = asyncio.create_task(_send(subscription, context))
        try:
            async for request in requests:
                subscription.receive(request)
        finally:
            sending.cancel()
            discovery.disconnect(subscription)

    server = grpc.aio.server(options=UNBOUNDED_MESSAGES)
    server.add_generic_rpc_handlers(
        (
            grpc.method_handlers_generic_handler(
                "envoy.service.discovery.v3.AggregatedDiscoveryService",
                {
                    "DeltaAggregatedResources": grpc.stream_stream_rpc_method_handler(
                        stream,
                        discovery_pb2.DeltaDiscoveryRequest.FromString,
                        discovery_pb2.DeltaDiscoveryResponse.SerializeToString,
                    )
                },
            ),
        )
    )
    server.add_insecure_port(f"unix:{socket}")
    return server


def control_server(socket: Path, methods: Mapping[str, Method]) -> grpc.aio.Server:
    """Answers the control plane."""
    server = grpc.aio.server(options=UNBOUNDED_MESSAGES)
    handlers = {
        name: grpc.unary_unary_rpc_method_handler(_answering(method), json.loads, _dumped)
        for name, method in methods.items()
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
    server.add_insecure_port(f"unix:{socket}")
    return server


async def _send(subscription: Subscription, context: grpc.aio.ServicerContext) -> None:
    async for response in subscription.responses():
        await context.write(response)


def _answering(method: Method) -> Callable[[Any, grpc.aio.ServicerContext], Awaitable[Any]]:
    async def answer(body: Any, context: grpc.aio.ServicerContext) -> Any:
        try:
            return await method(body)
        except StaleEpoch as error:
            await context.abort(STALE_EPOCH, str(error))
        except AddressInUse as error:
            await context.abort(ADDRESS_IN_USE, str(error))
        except (Rejected, RouteConflict, EnvoyUnreachable, OSError) as error:
            await context.abort(UNACKNOWLEDGED, str(error))
        except Superseded:
            await context.abort(UNACKNOWLEDGED, "A later change took the place of this one.")

    return answer


def _dumped(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body).encode()
