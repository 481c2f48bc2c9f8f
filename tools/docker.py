"""A Docker of the tests' own: containerd, storage, images and API are in one temporary folder.

What it makes beyond that is a network bridge with a name and a range of its own, which it removes.
It touches no rule of the machine's packet filter: ports are mapped by its own proxy alone.
"""

import base64
import contextlib
import json
import os
import socket
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tools.container_engine import EngineMissing, OwnEngine, end_process, path_of_administrators

_RANGES = range(200, 250)
"""Second parts of the 10.x.99.0/24 that its bridges take, each one at a time."""


class Docker(OwnEngine):
    """A running API with `live-restore`: containers go on when it is killed."""

    name = "Docker"
    program = "docker"
    _containerd: "subprocess.Popen[bytes] | None" = None
    _bridge: str | None = None
    _claim: socket.socket | None = None

    @property
    def version(self) -> str:
        """See OwnEngine: the service's, whatever command line is first on the path."""
        return f"Docker {self.run('version', '--format', '{{.Server.Version}}').strip()}"

    def push(self, name: str, credentials: tuple[str, str] | None = None) -> None:
        """See OwnEngine."""
        auths = {}
        if credentials:
            encoded = base64.b64encode(":".join(credentials).encode()).decode()
            auths = {name.partition("/")[0]: {"auth": encoded}}
        config = self.folder / "client" / "config.json"
        config.write_text(json.dumps({"auths": auths}))
        self.run("push", "--quiet", name)

    def remove(self, *names: str) -> None:
        """See OwnEngine."""
        self.run("rm", "--force", "--volumes", *names)

    @classmethod
    def _needed(cls) -> Mapping[str, str]:
        programs = {"docker": "docker.io", "dockerd": "docker.io", "containerd": "containerd"}
        return programs | {"runc": "runc", "ip": "iproute2"}

    def _configure(self, registries: Sequence[str]) -> None:
        (self.folder / "client").mkdir()
        self._write("daemon.json", "{}")
        self.environment = {
            **{name: value for name, value in os.environ.items() if "DOCKER" not in name},
            "PATH": path_of_administrators(),
            "DOCKER_HOST": self.url,
            # None of whoever runs the tests.
            "DOCKER_CONFIG": str(self.folder / "client"),
            "TMPDIR": str(self.folder),
        }
        self._registries = tuple(registries)
        self._bridge = self._make_bridge()
        self._start_containerd()

    def _start_containerd(self) -> None:
        address = self.folder / "containerd.sock"
        config = self._write(
            "containerd.toml",
            "version = 2",
            f'root = "{self.folder}/containerd/root"',
            f'state = "{self.folder}/containerd/state"',
            'disabled_plugins = ["io.containerd.grpc.v1.cri"]',
            "[grpc]",
            f'address = "{address}"',
        )
        self._containerd = self._spawn("containerd", ["containerd", "--config", config])
        self._wait_for(address, self._containerd, "containerd")

    def _service(self) -> Sequence[str]:
        return [
            *("dockerd", "--host", self.url, "--config-file", f"{self.folder}/daemon.json"),
            *("--containerd", f"{self.folder}/containerd.sock", "--live-restore"),
            *("--data-root", f"{self.folder}/data", "--exec-root", f"{self.folder}/exec"),
            *("--pidfile", f"{self.folder}/docker.pid", "--bridge", str(self._bridge)),
            *("--cgroup-parent", f"/{self.folder.name}"),
            *("--iptables=false", "--ip6tables=false", "--ip-forward=false"),
            *(f"--insecure-registry={host}" for host in self._registries),
        ]

    def _leave_nothing(self) -> None:
        end_process(self._containerd)
        # Unlike glob, this does not mind what others remove meanwhile.
        for place, groups, _ in os.walk("/sys/fs/cgroup"):
            if self.folder.name in groups:
                with contextlib.suppress(OSError):
                    Path(place, self.folder.name).rmdir()
        if self._bridge is not None:
            with contextlib.suppress(subprocess.CalledProcessError):
                self._ip("link", "delete", self._bridge)
        if self._claim is not None:
            self._claim.close()

    def _make_bridge(self) -> str:
        """A bridge with a range that no other run has."""
        for number in _RANGES:
            # The name of a socket is a claim that ends with this process, however that ends.
            claim = socket.socket(socket.AF_UNIX)
            try:
                claim.bind(f"\0windlass-bridge-{number}")
            except OSError:
                claim.close()
                continue
            self._claim = claim
            name = f"windlass{number}"
            with contextlib.suppress(subprocess.CalledProcessError):
                # Left by a run that was killed.
                self._ip("link", "delete", name)
            try:
                self._ip("link", "add", name, "type", "bridge")
                self._ip("address", "add", f"10.{number}.99.1/24", "dev", name)
                self._ip("link", "set", name, "up")
            except subprocess.CalledProcessError as error:
                raise EngineMissing(f"no bridge can be made: {error.stderr}") from error
            return name
        raise EngineMissing("other runs have all of its networks")

    def _ip(self, *words: str) -> None:
        subprocess.run(
            ["ip", *words], env=self.environment, check=True, capture_output=True, text=True
        )
