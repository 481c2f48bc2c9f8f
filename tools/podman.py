"""A Podman of the tests' own: its storage, its images and its API are in one temporary folder."""

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tools.container_engine import ULIMITS, OwnEngine, path_of_administrators


class Podman(OwnEngine):
    """A running API. Its containers go on when it is killed: conmon holds them."""

    name = "Podman"
    program = "podman"

    @property
    def version(self) -> str:
        """See OwnEngine: service and command line are one program."""
        return f"Podman {self.run('version', '--format', '{{.Client.Version}}').strip()}"

    def push(self, name: str, credentials: tuple[str, str] | None = None) -> None:
        """See OwnEngine."""
        options = ["--creds", ":".join(credentials)] if credentials else []
        self.run("push", "--tls-verify=false", *options, name)

    def remove(self, *names: str) -> None:
        """See OwnEngine."""
        self.run("rm", "--force", "--time", "0", *names)

    @classmethod
    def _needed(cls) -> Mapping[str, str]:
        return {"podman": "podman", "runc": "runc", "conmon": "conmon"}

    def _remove_containers(self) -> None:
        self.run("rm", "--all", "--force", "--time", "0")

    def _service(self) -> Sequence[str]:
        return ["podman", "system", "service", "--time=0", self.url]

    def _configure(self, registries: Sequence[str]) -> None:
        storage = [
            *("[storage]", f'runroot = "{self.folder}/run"', f'graphroot = "{self.folder}/graph"'),
            f'driver = "{_storage_driver(self.folder)}"',
        ]
        blocks = [f'[[registry]]\nlocation = "{host}"\ninsecure = true' for host in registries]
        self.environment = {
            **os.environ,
            "PATH": path_of_administrators(),
            "CONTAINERS_CONF": self._write(
                "containers.conf",
                "[engine]",
                'runtime = "runc"',
                'cgroup_manager = "cgroupfs"',
                'events_logger = "file"',
                "[containers]",
                f"default_ulimits = {json.dumps(list(ULIMITS))}",
            ),
            "CONTAINERS_STORAGE_CONF": self._write("storage.conf", *storage),
            "CONTAINERS_REGISTRIES_CONF": self._write("registries.conf", *blocks),
            # None of whoever runs the tests.
            "REGISTRY_AUTH_FILE": self._write("auth.json", '{"auths": {}}'),
            "TMPDIR": str(self.folder),
        }


def _storage_driver(folder: Path) -> str:
    """`overlay` where this machine can mount one, for it copies nothing; else `vfs`."""
    parts = [folder / name for name in ("lower", "upper", "work", "merged")]
    for part in parts:
        part.mkdir()
    options = f"lowerdir={parts[0]},upperdir={parts[1]},workdir={parts[2]}"
    mounted = subprocess.run(
        ["mount", "-t", "overlay", "overlay", "-o", options, str(parts[3])],
        capture_output=True,
        check=False,
    )
    if mounted.returncode == 0:
        subprocess.run(["umount", str(parts[3])], check=True)
    return "overlay" if mounted.returncode == 0 else "vfs"
