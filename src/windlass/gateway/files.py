"""Where the gateway keeps its files, all in one directory that only its owner opens."""

from dataclasses import dataclass
from pathlib import Path

from windlass.kit import datagrams


@dataclass(frozen=True, slots=True)
class GatewayFiles:
    """The files of one gateway.

    Envoy and the gate name sockets relative to this directory, in which they are started, because a
    Unix socket's path holds 107 bytes at most and a data directory may be deeper than that.
    """

    directory: Path

    @property
    def bootstrap(self) -> Path:
        """Envoy's configuration."""
        return self.directory / "envoy.json"

    @property
    def discovery_socket(self) -> Path:
        """Where the gate tells Envoy its configuration."""
        return self.directory / "discovery.sock"

    @property
    def holds_socket(self) -> Path:
        """Where the gate answers Envoy about requests that may have to wait for a replica."""
        return self.directory / "holds.sock"

    @property
    def slots_socket(self) -> Path:
        """Where the gate answers Envoy about slots."""
        return self.directory / "slots.sock"

    @property
    def control_socket(self) -> Path:
        """Where the gate answers the control plane."""
        return self.directory / "control.sock"

    @property
    def watch_socket(self) -> Path:
        """Where the gate tells for which workloads requests wait."""
        return self.directory / "watch.sock"

    @property
    def ready_address(self) -> str:
        """The datagram address at which the gate gets the ids of replicas that become ready."""
        return datagrams.address_at(self.directory / "ready.sock")

    @property
    def admin_socket(self) -> Path:
        """Envoy's administration interface."""
        return self.directory / "admin.sock"

    @property
    def lock(self) -> Path:
        """Held by the one gate of this directory."""
        return self.directory / "gate.lock"

    @property
    def snapshot(self) -> Path:
        """The routes as the gate last obeyed them."""
        return self.directory / "snapshot"

    def prepare(self) -> None:
        """Create the directory, open to its owner alone."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.directory.chmod(0o700)
