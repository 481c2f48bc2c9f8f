"""The gateway as the control plane sees it: calls to the gate over its Unix socket."""

import contextlib
import json
import os
import socket
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
        files = GatewayFiles(directory.absolute())
        self._socket, self._watch_socket = files.control_socket, files.watch_socket
        self._timeout_seconds = timeout_seconds
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._channel: grpc.Channel | None = None
        self._directory_descriptor: int | None = None
        self._watching: set[socket.socket] = set()

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
        with socket.socket(socket.AF_UNIX) as watching:
            try:
                with self._lock:
                    address = self._address(self._watch_socket)
                watching.connect(address)
                self._watching.add(watching)
                for line in watching.makefile("rb"):
                    yield line.decode().rstrip("\n")
            except OSError as error:
                raise GatewayUnavailable(f"no held requests can be watched: {error}") from error
            finally:
                self._watching.discard(watching)
        raise GatewayUnavailable("no held requests can be watched: the gate has hung up")

    def status(self) -> Mapping[str, Any]:
        """How the gate fares: `pid`, `epoch`, `envoy_connected`, `workloads`, `draining`, `held`
        (requests by workload), `lent` (slots by workload), `held_answered`, `rejections`,
        `last_rejection`, `certificate` (the fingerprint of the one that Envoy shows, or null)."""
        status: dict[str, Any] = self._call("Status", {})
        return status

    def close(self) -> None:
        """Disconnect; a later call connects again."""
        for watching in tuple(self._watching):
            with contextlib.suppress(OSError):
                watching.shutdown(socket.SHUT_RDWR)
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
                target = f"unix:{self._address(self._socket)}"
                self._channel = grpc.insecure_channel(target, options=_CHANNEL_OPTIONS)
            return self._channel

    def _address(self, path: Path) -> str:
        """The same, short enough for a socket."""
        if len(os.fsencode(path)) <= LONGEST_SOCKET_PATH:
            return str(path)
        if self._directory_descriptor is None:
            flags = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
            self._directory_descriptor = os.open(path.parent, flags)
        return f"/proc/self/fd/{self._directory_descriptor}/{path.name}"


def _dumped(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body).encode()
