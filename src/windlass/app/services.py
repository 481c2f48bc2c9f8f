"""The platform's own long-lived processes, the gate and Envoy, each under a supervisor."""

import os
from dataclasses import dataclass

import structlog

from windlass.app.data_directory import DataDirectory
from windlass.gateway.gateway import Address as ListenAddress
from windlass.gateway.processes import Command, envoy_command, gate_command
from windlass.kit.supervision.control import kill, launch, settle
from windlass.kit.supervision.observation import State, observe
from windlass.kit.supervision.specification import Restart, Specification
from windlass.settings import Address

GATE = "gate"
ENVOY = "envoy"

_RESTART_SECONDS = 0.1
_LONGEST_RESTART_SECONDS = 1.0
_LISTEN = "listen"
_TLS = "tls"
_MARK = "WINDLASS_SERVICE"
"""In the environment of each: its directory, by which what is left of it is found."""

_SUPERVISED = (State.STARTING, State.RUNNING, State.WAITING)

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Services:
    """Starts and stops them. They outlive the control plane."""

    data: DataDirectory
    gateway_address: Address
    internal_address: Address
    tls: bool = False
    """Whether clients outside are spoken to by TLS."""

    def is_running(self, name: str) -> bool:
        """Whether its supervisor lives."""
        seen = observe(self.data.services / name)
        return seen is not None and seen.state in _SUPERVISED

    def serves_elsewhere(self) -> bool:
        """Whether Envoy runs, but listens elsewhere, or otherwise, than it now should."""
        seen = observe(self.data.services / ENVOY)
        if seen is None or seen.state not in _SUPERVISED:
            return False
        return any(seen.labels.get(name, "") != value for name, value in self._labels.items())

    def listens_at(self, address: Address) -> bool:
        """Whether Envoy runs and has this address already, however it is spoken to there."""
        seen = observe(self.data.services / ENVOY)
        if seen is None or seen.state not in _SUPERVISED:
            return False
        return str(address) in seen.labels.get(_LISTEN, "").split()

    def ensure(self) -> None:
        """Start what does not run; move Envoy to its address. Raises OSError."""
        if self.serves_elsewhere():
            kill(self.data.services / ENVOY)
        if not self.is_running(GATE):
            self._launch(GATE, gate_command(self.data.gateway))
        if not self.is_running(ENVOY):
            listen, internal = map(_of_gateway, (self.gateway_address, self.internal_address))
            command = envoy_command(self.data.gateway, listen, internal, tls=self.tls)
            self._launch(ENVOY, command)

    def stop(self, grace_seconds: float) -> None:
        """End both, Envoy first, and wait until they are gone. Raises TimeoutError."""
        for name in (ENVOY, GATE):
            if (self.data.services / name).exists():
                kill(self.data.services / name, grace_seconds=grace_seconds)

    @property
    def _labels(self) -> dict[str, str]:
        listen = {_LISTEN: f"{self.gateway_address} {self.internal_address}"}
        return {**listen, _TLS: "yes"} if self.tls else {**listen, _TLS: ""}

    def _launch(self, name: str, command: Command) -> None:
        # What a supervisor that was killed left behind must be gone first.
        settle(self.data.services / name)
        directory = self.data.services / name
        started = launch(
            directory,
            Specification(
                id=name,
                argv=command.argv,
                environment={**_environment(), _MARK: str(directory)},
                working_directory=str(command.directory),
                restart=Restart.ALWAYS,
                restart_delay_seconds=_RESTART_SECONDS,
                restart_delay_maximum_seconds=_LONGEST_RESTART_SECONDS,
                mark=f"{_MARK}={directory}",
                labels=self._labels,
            ),
        )
        if started:
            _log.info("service started", name=name)


def _of_gateway(address: Address) -> ListenAddress:
    return ListenAddress(address.host, address.port)


def _environment() -> dict[str, str]:
    kept = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR")
    return {name: os.environ[name] for name in kept if name in os.environ}
