"""The gateway as the control plane sees it: calls to the gate over its Unix socket."""

import json
import os
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import grpc

from windlass.gateway.control_protocol import (
    ADDRESS_IN_USE,
    SERVICE,
    STALE_EPOCH,
    UNACKNOWLEDGED,
    UNBOUNDED_MESSAGES,
)
from windlass.gateway.files import GatewayFiles
from windlass.gateway.gateway import (
    AddressInUse,
    Certificate,
    GatewayUnavailable,
    Route,
    StaleEpoch,
    TokenTrust,
    TrafficCounters,
)
from windlass.gateway.wire import (
    certificate_to_json,
    route_to_json,
    traffic_from_json,
    trust_to_json,
)
from windlass.kit.clock import Clock, SystemClock

LONGEST_SOCKET_PATH = 107
_CHANNEL_OPTIONS = [
    *UNBOUNDED_MESSAGES,
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.min_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 500),
    ("grpc.enable_http_proxy", 0),
]


class GateClient:
    """Implements `Gateway`. Threads may share it; processes may not, but it may be made before a
    fork, since it connects with its first call."""

    def __init__(
        self, directory: Path, timeout_seconds: float = 10.0, clock: Clock | None = None
    ) -> None:
        """`directory` is the gate's; no call takes longer than `timeout_seconds`."""
        self._socket = GatewayFiles(directory.absolute()).control_socket
        self._timeout_seconds = timeout_seconds
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._channel: grpc.Channel | None = None
        self._directory_descriptor: int | None = None

    def put(self, route: Route, epoch: int) -> None:
        """Create or replace one workload's route. Raises AddressInUse."""
        self._call("Put", {"route": route_to_json(route), "epoch": epoch})

    def introduce(self, route: Route) -> None:
        """Have requests to a workload that has just been made held; at once GatewayUnavailable
        where there never was a gate."""
        if not self._socket.exists():
            raise GatewayUnavailable("Introduce: there is no gate")
        self._call("Introduce", {"route": route_to_json(route)})

    def remove(self, workload_id: str, epoch: int) -> None:
        """Answer 404 from now on, held requests included; requests in flight go on."""
        self._call("Remove", {"workload_id": workload_id, "epoch": epoch})

    def trust(self, trust: TokenTrust, epoch: int) -> None:
        """Let these tokens count from now on, and no others."""
        self._call("Trust", {"trust": trust_to_json(trust), "epoch": epoch})

    def certify(self, certificate: Certificate, epoch: int) -> None:
        """Show this certificate to clients that connect from now on."""
        self._call("Certify", {"certificate": certificate_to_json(certificate), "epoch": epoch})

    def replace_all(
        self,
        routes: Sequence[Route],
        trust: TokenTrust,
        epoch: int,
        certificate: Certificate | None = None,
    ) -> Collection[str]:
        """Make these the only routes; the ids of workloads that `put` would refuse."""
        body = {
            "certificate": None if certificate is None else certificate_to_json(certificate),
            "routes": [route_to_json(route) for route in routes],
            "trust": trust_to_json(trust),
            "epoch": epoch,
        }
        refused: list[str] = self._call("ReplaceAll", body)["address_in_use"]
        return refused

    def in_flight(self, workload_id: str) -> Mapping[str, int]:
        """Requests now in flight, by replica id, of replicas listed or still draining."""
        counts: dict[str, int] = self._call("InFlight", {"workload_id": workload_id})
        return counts

    def traffic(self) -> Mapping[str, TrafficCounters]:
        """The traffic of every workload, by its id."""
        bodies: dict[str, Any] = self._call("Traffic", {})
        return {key: traffic_from_json(body) for key, body in bodies.items()}

    def watch_held(self) -> Iterator[str]:
        """Workloads for which a request waits while there is no endpoint, as this becomes so."""
        call = self._connected().unary_stream(f"/{SERVICE}/WatchHeld", _dumped, json.loads)
        try:
            for body in call({}, wait_for_ready=True):
                yield body["workload_id"]
        except grpc.RpcError as error:
            raise GatewayUnavailable(f"WatchHeld: {error}") from error
        raise GatewayUnavailable("WatchHeld: the gate has ended the stream")

    def status(self) -> Mapping[str, Any]:
        """How the gate fares: `pid`, `epoch`, `envoy_connected`, `workloads`, `draining`, `held`
        (requests by workload), `held_answered`, `rejections`, `last_rejection`, `certificate` (the
        fingerprint of the one that Envoy shows, or null)."""
        status: dict[str, Any] = self._call("Status", {})
        return status

    def close(self) -> None:
        """Disconnect; a later call connects again."""
        with self._lock:
            if self._channel is not None:
                self._channel.close()
                self._channel = None
            if self._directory_descriptor is not None:
                os.close(self._directory_descriptor)
                self._directory_descriptor = None

    def _call(self, method: str, body: Mapping[str, Any]) -> Any:
        """Every method may be repeated, so a gate that dies in the middle is asked once more."""
        deadline = self._clock.monotonic() + self._timeout_seconds
        while True:
            try:
                return self._connected().unary_unary(f"/{SERVICE}/{method}", _dumped, json.loads)(
                    body,
                    timeout=max(0.0, deadline - self._clock.monotonic()),
                    wait_for_ready=True,
                )
            except grpc.RpcError as error:
                status = error.code()
                if status is STALE_EPOCH:
                    raise StaleEpoch(error.details()) from error
                if status is ADDRESS_IN_USE:
                    raise AddressInUse(error.details()) from error
                if status is UNACKNOWLEDGED:
                    raise GatewayUnavailable(error.details()) from error
                if status is not grpc.StatusCode.UNAVAILABLE or (
                    self._clock.monotonic() >= deadline
                ):
                    raise GatewayUnavailable(
                        f"{method}: {status.name} {error.details()}"
                    ) from error

    def _connected(self) -> grpc.Channel:
        with self._lock:
            if self._channel is None:
                self._channel = grpc.insecure_channel(self._target(), options=_CHANNEL_OPTIONS)
            return self._channel

    def _target(self) -> str:
        if len(os.fsencode(self._socket)) <= LONGEST_SOCKET_PATH:
            return f"unix:{self._socket}"
        descriptor = os.open(self._socket.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        self._directory_descriptor = descriptor
        return f"unix:/proc/self/fd/{descriptor}/{self._socket.name}"


def _dumped(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body).encode()
