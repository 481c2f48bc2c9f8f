"""A gate and an Envoy under test, and a client for what they serve."""

import contextlib
import http.client
import itertools
import json
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from windlass.gateway.client import GateClient
from windlass.gateway.files import GatewayFiles
from windlass.gateway.gateway import Address, Certificate, Endpoint, Route, TokenTrust
from windlass.gateway.processes import Command, envoy_command, gate_command

DOMAIN = "windlass.test"
EPOCH = 1
NO_TRUST = TokenTrust(issuer="nobody", jwks={"keys": []})


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP response, read to its end."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


def eventually(condition: Callable[[], bool], seconds: float = 15.0) -> None:
    """Return once the condition holds; fail the test when it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.005)


def free_port() -> int:
    """A TCP port of the loopback interface that nobody listens on now."""
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    """Different ones: chosen one after the other, they could be the same."""
    with contextlib.ExitStack() as held:
        probes = [held.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]


def route(name: str, *endpoints: Endpoint, **fields: Any) -> Route:
    """A workload `name` of the project `team`."""
    return Route(
        workload_id=f"id-{name}",
        hosts=(f"{name}-runai-team.{DOMAIN}",),
        path_prefix=f"/team/{name}",
        endpoints=endpoints,
        **fields,
    )


class RunningGateway:
    """A gate and an Envoy in a directory of their own."""

    def __init__(
        self,
        directory: Path,
        workers: int = 2,
        certificate: Certificate | None = None,
        *,
        finds: Sequence[str] = ("path",),
    ) -> None:
        """Envoy has so many worker threads; with a certificate it speaks TLS. Requests to a path
        `/team/NAME/…` find the workload by that or by its host, in turn as `finds` says."""
        self._finds = itertools.cycle(finds)
        self.directory = directory
        self.certificate = certificate
        self._workers = workers
        self.port, self.internal_port = free_ports(2)
        self.client = GateClient(directory)
        self.gate: subprocess.Popen[bytes] | None = None
        self.envoy: subprocess.Popen[bytes] | None = None

    def start(self) -> "RunningGateway":
        """Return once both serve."""
        self.start_gate()
        self.start_envoy()
        self.client.replace_all([], NO_TRUST, EPOCH, self.certificate)
        self.wait_until_listening()
        return self

    def start_gate(self) -> None:
        """Start the gate; returns before it serves."""
        self.gate = _started(gate_command(self.directory))

    def start_envoy(self) -> None:
        """Start Envoy; returns before it serves."""
        self.envoy = _started(
            envoy_command(
                self.directory,
                Address("127.0.0.1", self.port),
                Address("127.0.0.1", self.internal_port),
                concurrency=self._workers,
                tls=self.certificate is not None,
            )
        )

    def kill_gate(self, number: signal.Signals = signal.SIGKILL) -> None:
        """As `kill` does, waiting until it is gone."""
        assert self.gate is not None
        self.gate.send_signal(number)
        self.gate.wait()

    def kill_envoy(self) -> None:
        """As `kill -9` does, waiting until it is gone."""
        assert self.envoy is not None
        self.envoy.send_signal(signal.SIGKILL)
        self.envoy.wait()

    def stop(self) -> None:
        """End both."""
        self.client.close()
        for process in (self.envoy, self.gate):
            if process is not None:
                process.kill()
                process.wait()

    def wait_until_listening(self) -> None:
        """Return once Envoy takes connections."""

        def listens() -> bool:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
                return True
            return False

        eventually(listens)

    def held(self, name: str) -> int:
        """Requests now held for a workload."""
        count: int = self.client.status()["held"].get(f"id-{name}", 0)
        return count

    def admin(self, path: str) -> str:
        """What Envoy's administration interface says."""
        connection = http.client.HTTPConnection("admin", timeout=20)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(str(GatewayFiles(self.directory).admin_socket))
        with contextlib.closing(connection):
            connection.request("GET", path)
            return connection.getresponse().read().decode()

    def target(self, path: str) -> tuple[str, str]:
        """The path and host by which to find what is at a path."""
        found = re.fullmatch("/team/([^/?]+)(/.*)", path)
        if found is not None and next(self._finds) == "host":
            return found[2], f"{found[1]}-runai-team.{DOMAIN}"
        return path, f"127.0.0.1:{self.port}"

    def request(
        self,
        path: str,
        method: str = "GET",
        host: str | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | Iterable[bytes] | None = None,
        seconds: float = 20.0,
        port: int | None = None,
    ) -> Answer:
        """One request on a connection of its own; `path` goes out as it is, or as `target` says.

        It goes to the outer gateway unless another port is given.
        """
        target, found_by = (path, host) if host else self.target(path)
        with self.connection(seconds, port) as connection:
            connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
            connection.putheader("Host", found_by)
            for key, value in (headers or {}).items():
                connection.putheader(key, value)
            if isinstance(body, bytes):
                connection.putheader("Content-Length", str(len(body)))
                connection.endheaders(body)
            elif body is not None:
                connection.putheader("Transfer-Encoding", "chunked")
                connection.endheaders(body, encode_chunked=True)
            else:
                connection.endheaders()
            response = connection.getresponse()
            content = response.read()
            return Answer(
                response.status,
                {key.lower(): value for key, value in response.getheaders()},
                content,
            )

    @contextlib.contextmanager
    def connection(
        self, seconds: float = 20.0, port: int | None = None
    ) -> Iterator[http.client.HTTPConnection]:
        """A connection to the gateway."""
        number = port or self.port
        connection = http.client.HTTPConnection("127.0.0.1", number, timeout=seconds)
        try:
            yield connection
        finally:
            connection.close()

    def raw(self, seconds: float = 20.0) -> socket.socket:
        """A bare connection to the gateway."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=seconds)


def _started(command: Command) -> subprocess.Popen[bytes]:
    with (command.directory / "log").open("ab") as log:
        return subprocess.Popen(
            command.argv, cwd=command.directory, stdout=log, stderr=log, env=dict(os.environ)
        )
