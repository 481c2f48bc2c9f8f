"""What a Podman and a Docker of the tests' own have in common: all they keep is in one folder."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path

from tools.container_images import BUSYBOX, PYTHON_IMAGE, SHELL_IMAGE, packed_canary, packed_shell

_START_SECONDS = 60.0
_COMMAND_SECONDS = 300.0
ULIMITS = ("nofile=1024:4096", "nproc=4000:4000")
"""Within what a machine without CAP_SYS_RESOURCE may give."""


class EngineMissing(Exception):
    """There is no such engine here that these tests could use; the message says what is missing."""


class OwnEngine(ABC):
    """A running API. It ends, and leaves nothing, with `stop`."""

    name: str
    """As people call it."""
    program: str
    """Its command line."""

    def __init__(self, registries: Sequence[str] = ()) -> None:
        """`registries` are hosts that are asked without TLS. Raises EngineMissing."""
        self._require()
        self.folder = Path(tempfile.mkdtemp(prefix=f"windlass-{self.name.lower()}-"))
        self.socket = self.folder / "engine.sock"
        self.environment: Mapping[str, str] = dict(os.environ)
        self._process: subprocess.Popen[bytes] | None = None
        try:
            self._configure(registries)
            self.start()
        except BaseException:
            self.stop()
            raise

    @property
    def url(self) -> str:
        """What `windlass up --container-engine` takes."""
        return f"unix://{self.socket}"

    @property
    def options(self) -> tuple[str, ...]:
        """What `windlass up` needs to use it, also on a restricted machine."""
        ulimits = [word for limit in ULIMITS for word in ("--container-ulimit", limit)]
        return ("--container-engine", self.url, *ulimits)

    @property
    @abstractmethod
    def version(self) -> str:
        """What runs the containers, with its version."""

    @property
    def pid(self) -> int:
        """The process of the API."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start the API, and wait until it answers."""
        self._process = self._spawn("service", self._service())
        self._wait_for(self.socket, self._process, "service")

    def kill(self) -> None:
        """kill -9 the API; containers go on."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """End the API and every container, and remove everything."""
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            self._remove_containers()
        end_process(self._process)
        self._leave_nothing()
        for mount in reversed(_mounts_below(self.folder)):
            subprocess.run(["umount", "--lazy", mount], check=False, capture_output=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def run(self, *words: str, check: bool = True) -> str:
        """Run a command of the engine's own, and return what it prints."""
        done = subprocess.run(
            [self.program, *words],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=_COMMAND_SECONDS,
            check=False,
        )
        if check and done.returncode != 0:
            raise subprocess.SubprocessError(f"{self.program} {' '.join(words)}: {done.stderr}")
        return done.stdout

    def containers(self) -> set[str]:
        """The names of all containers, running or not."""
        return set(self.run("ps", "--all", "--format", "{{.Names}}").split())

    def import_shell(
        self,
        name: str = SHELL_IMAGE,
        content: str = "",
        environment: Mapping[str, str] | None = None,
    ) -> str:
        """Make the image with a shell; `content` makes it differ from others. Its id."""
        changes = [f"ENV {key}={value}" for key, value in (environment or {}).items()]
        with packed_shell(self.folder, content) as archive:
            return self._import(archive, name, *changes)

    def import_canary(self) -> str:
        """Make the image with Python and the canary. Its id."""
        with packed_canary(self.folder) as (archive, command):
            return self._import(archive, PYTHON_IMAGE, f"ENTRYPOINT {json.dumps(command)}")

    @abstractmethod
    def push(self, name: str, credentials: tuple[str, str] | None = None) -> None:
        """Put an image into the registry that its name says; with a user and a password."""

    @abstractmethod
    def remove(self, *names: str) -> None:
        """End containers at once, and remove them."""

    @classmethod
    @abstractmethod
    def _needed(cls) -> Mapping[str, str]:
        """The programs it needs, and Debian's packages that have them."""

    @abstractmethod
    def _configure(self, registries: Sequence[str]) -> None:
        """Write its files, and set `environment`."""

    @abstractmethod
    def _service(self) -> Sequence[str]:
        """The command that serves its API."""

    def _leave_nothing(self) -> None:  # noqa: B027 (not every engine has more)
        """End what else was started, once the API has ended."""

    def _require(self) -> None:
        if os.geteuid() != 0:
            raise EngineMissing("it is only used as root here")
        needed = {**self._needed(), str(BUSYBOX): "busybox-static"}
        folders = path_of_administrators()
        missing = {
            package
            for program, package in needed.items()
            if shutil.which(program, path=folders) is None
        }
        if missing:
            names = ", ".join(sorted(missing))
            raise EngineMissing(f"{names} is not installed; as root tools/setup_tests.sh does it")

    def _import(self, archive: Path, name: str, *changes: str) -> str:
        options = [word for change in changes for word in ("--change", change)]
        return self.run("import", *options, str(archive), name).strip()

    def _remove_containers(self) -> None:
        if self.socket.exists() and (names := self.containers()):
            self.remove(*names)

    def _write(self, name: str, *lines: str) -> str:
        (self.folder / name).write_text("\n".join(lines) + "\n")
        return str(self.folder / name)

    def _spawn(self, name: str, command: Sequence[str]) -> "subprocess.Popen[bytes]":
        with (self.folder / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                command,
                # Where memory runs out, conmon leaves a file there.
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _wait_for(self, path: Path, process: "subprocess.Popen[bytes]", name: str) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while not _accepts(path):
            if process.poll() is not None or time.monotonic() >= deadline:
                log = (self.folder / f"{name}.log").read_text()
                raise EngineMissing(f"its {name} does not start: {log[-500:]}")
            time.sleep(0.02)


def end_process(process: "subprocess.Popen[bytes] | None") -> None:
    """SIGTERM, and SIGKILL where that does not help."""
    if process is None or process.poll() is not None:
        return
    process.send_signal(signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=10)
    process.kill()
    process.wait()


def path_of_administrators() -> str:
    """Programs of networks and containers are not on everybody's path."""
    return f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"


def _accepts(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(str(path))
        except OSError:
            return False
    return True


def _mounts_below(folder: Path) -> list[str]:
    points = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    return [point for point in points if point.startswith(f"{folder}/")]
