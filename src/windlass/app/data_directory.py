"""The data directory: what lies where, and which control planes use it."""

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from windlass.kit import datagrams
from windlass.kit.supervision.program.processes import is_alive

_DYING_SECONDS = 5.0


class DirectoryInUse(Exception):
    """A running control plane uses the data directory."""


@dataclass(frozen=True, slots=True)
class ControlPlane:
    """One running control plane of this data directory."""

    pid: int
    url: str


class DataDirectory:
    """Everything the platform keeps, apart from a PostgreSQL if it uses one."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def administrator(self) -> Path:
        """What clients on this machine read: addresses, and the first administrator."""
        return self.root / "admin.json"

    @property
    def database_url(self) -> str:
        """The embedded store."""
        return f"sqlite:///{self.root / 'windlass.db'}"

    @property
    def sealing_key(self) -> Path:
        """What secrets in the store are sealed with."""
        return self.root / "keys" / "sealing.key"

    @property
    def former_signing_key(self) -> Path:
        """Where version 0.1.0 kept the key that tokens are signed with."""
        return self.root / "keys" / "token-signing.pem"

    @property
    def gateway(self) -> Path:
        """The gate's and Envoy's files."""
        return self.root / "gateway"

    @property
    def services(self) -> Path:
        """The supervised processes of the platform itself."""
        return self.root / "services"

    @property
    def addresses(self) -> Path:
        """Which ports were taken where any would do."""
        return self.root / "addresses.json"

    @property
    def tls(self) -> Path:
        """The platform's own certificate, and what clients are to trust."""
        return self.root / "tls"

    @property
    def shared_options(self) -> Path:
        """Options that control planes which join take from the first."""
        return self.root / "shared-options.json"

    @property
    def metrics(self) -> Path:
        """Where the control plane's processes share their counters."""
        return self.root / "metrics"

    @property
    def wake_up(self) -> str:
        """The datagram address that wakes the controllers."""
        return datagrams.address_at(self.root / "wake.sock")

    def prepare(self) -> None:
        """Make the directories. Raises OSError."""
        # To be passed through, not read: projects' folders may lie below.
        self.root.mkdir(mode=0o711, parents=True, exist_ok=True)
        for folder in (self.sealing_key.parent, self.services, self._control_planes):
            folder.mkdir(mode=0o700, exist_ok=True)

    @contextlib.contextmanager
    def joined(self, *, alone: bool) -> Iterator["Membership"]:
        """Be one of the directory's control planes while the context lasts.

        Raises DirectoryInUse when `alone` and another one runs.
        """
        with self._mutex("lock"):
            others = self._others()
            if alone and others:
                raise DirectoryInUse(
                    f"The data directory {self.root} is in use by the control plane at "
                    f"{others[0].url} (process {others[0].pid}). Stop that one with "
                    f"'windlass down --data-dir {self.root}', or use another --data-dir."
                )
            membership = Membership(self._control_planes / f"{os.getpid()}.json")
        try:
            yield membership
        finally:
            membership.leave()

    @contextlib.contextmanager
    def preparing(self) -> Iterator[None]:
        """Be the only one that makes what is missing in the directory; others wait for it."""
        with self._mutex("preparing.lock"):
            yield

    def control_planes(self) -> list[ControlPlane]:
        """Those that run now."""
        found = []
        for path in sorted(self._control_planes.glob("*.json")):
            if not _is_locked(path):
                path.unlink(missing_ok=True)
                continue
            known = read_json(path)
            found.append(ControlPlane(int(path.stem), str(known.get("url", "(starting)"))))
        return found

    def administrator_pid(self) -> int | None:
        """Which control plane `admin.json` names; None when it names none."""
        pid = read_json(self.administrator).get("pid")
        return pid if isinstance(pid, int) else None

    def is_running(self, pid: int) -> bool:
        """Whether the control plane of that process runs."""
        return _is_locked(self._control_planes / f"{pid}.json")

    def wait_until_alone(self, timeout_seconds: float) -> bool:
        """Whether every control plane has gone within the time."""
        deadline = time.monotonic() + timeout_seconds
        while self.control_planes():
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.02)
        return True

    def _others(self) -> list[ControlPlane]:
        """The control planes that stay: the children of one that was killed are about to end."""
        deadline = time.monotonic() + _DYING_SECONDS
        while True:
            others = self.control_planes()
            if any(is_alive(plane.pid) for plane in others) or time.monotonic() >= deadline:
                return others
            if not others:
                return []
            time.sleep(0.01)

    @property
    def _control_planes(self) -> Path:
        return self.root / "control-planes"

    @contextlib.contextmanager
    def _mutex(self, name: str) -> Iterator[None]:
        descriptor = os.open(self.root / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


class Membership:
    """A file that is locked for as long as this control plane lives, also as a forked child."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)

    def publish(self, url: str) -> None:
        """Say where this control plane is reached."""
        os.truncate(self._descriptor, 0)
        os.pwrite(self._descriptor, json.dumps({"url": url}).encode(), 0)

    def leave(self) -> None:
        """Stop being one."""
        self._path.unlink(missing_ok=True)
        os.close(self._descriptor)


def read_json(path: Path) -> dict[str, Any]:
    """The object in a file; empty when there is none, or it is not one."""
    try:
        value = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Replace a file that only its owner reads, whole or not at all."""
    partial = path.with_name(f"{path.name}.partial")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(value, file, indent=2)
        file.write("\n")
        file.flush()
        os.fsync(descriptor)
    partial.replace(path)


def _is_locked(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
