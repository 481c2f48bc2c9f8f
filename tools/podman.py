"""A Podman of the tests' own: its storage, its images and its API are in one temporary folder.

Its images are made of this machine's files, so that no registry is asked. It ends with `stop`.
"""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

_START_SECONDS = 60.0
_COMMAND_SECONDS = 300.0
_BUSYBOX = Path("/bin/busybox")
_NEEDED = ("podman", "runc", "conmon")
ULIMITS = ("nofile=1024:4096", "nproc=4000:4000")
"""Within what a machine without CAP_SYS_RESOURCE may give."""
SHELL_IMAGE = "localhost/shell:1"
"""A shell with the usual small programs, and a web server; it has no command of its own."""
PYTHON_IMAGE = "localhost/canary:1"
"""This machine's Python with the canary of examples/canary, which it runs."""
_CANARY = Path(__file__).parent.parent / "examples" / "canary" / "canary.py"
_NOT_NEEDED = {
    *("site-packages", "dist-packages", "test", "tests", "idlelib", "lib2to3", "ensurepip"),
    *("tkinter", "pydoc_data", "distutils", "turtledemo", "unittest", "sqlite3"),
}


class PodmanMissing(Exception):
    """There is no Podman here that these tests could use; the message says what is missing."""


class Podman:
    """A running API. Raises PodmanMissing."""

    def __init__(self, registries: Sequence[str] = ()) -> None:
        """`registries` are hosts that are asked without TLS."""
        _require()
        self.folder = Path(tempfile.mkdtemp(prefix="windlass-podman-"))
        self.socket = self.folder / "podman.sock"
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
    def pid(self) -> int:
        """The process of the API."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start the API, and wait until it answers."""
        with (self.folder / "service.log").open("ab") as log:
            self._process = subprocess.Popen(
                ["podman", "system", "service", "--time=0", f"unix://{self.socket}"],
                # Where memory runs out, conmon leaves a file there.
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + _START_SECONDS
        while not _accepts(self.socket):
            if self._process.poll() is not None or time.monotonic() >= deadline:
                raise PodmanMissing(
                    f"its API does not start: {(self.folder / 'service.log').read_text()[-500:]}"
                )
            time.sleep(0.02)

    def kill(self) -> None:
        """kill -9 the API; containers go on."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """End the API and every container, and remove everything."""
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            self.run("rm", "--all", "--force", "--time", "0")
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=10)
            self._process.kill()
            self._process.wait()
        for mount in reversed(_mounts_below(self.folder)):
            subprocess.run(["umount", "--lazy", mount], check=False, capture_output=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def run(self, *words: str, check: bool = True) -> str:
        """Run a command of Podman's own, and return what it prints."""
        done = subprocess.run(
            ["podman", *words],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=_COMMAND_SECONDS,
            check=False,
        )
        if check and done.returncode != 0:
            raise subprocess.SubprocessError(f"podman {' '.join(words)}: {done.stderr}")
        return done.stdout

    def containers(self) -> set[str]:
        """The names of all containers, running or not."""
        return set(self.run("ps", "--all", "--format", "{{.Names}}").split())

    def import_shell(self, name: str = SHELL_IMAGE, content: str = "") -> str:
        """Make the image with a shell; `content` makes it differ from others. Its id."""
        root = Path(tempfile.mkdtemp(dir=self.folder))
        _install_shell(root)
        (root / "content").write_text(content)
        return self._import(root, name)

    def import_canary(self) -> str:
        """Make the image with Python and the canary. Its id."""
        root = Path(tempfile.mkdtemp(dir=self.folder))
        _install_shell(root)
        python = _install_python(root)
        shutil.copy(_CANARY, root / "canary.py")
        command = json.dumps([python, "-I", "-S", "/canary.py", "--host", "0.0.0.0"])
        return self._import(root, PYTHON_IMAGE, "--change", f"ENTRYPOINT {command}")

    def _import(self, root: Path, name: str, *options: str) -> str:
        packed = root.with_suffix(".tar")
        with tarfile.open(packed, "w") as archive:
            archive.add(root, arcname=".")
        try:
            return self.run("import", *options, str(packed), name).strip()
        finally:
            packed.unlink()
            shutil.rmtree(root)

    def _configure(self, registries: Sequence[str]) -> None:
        def write(name: str, *lines: str) -> str:
            (self.folder / name).write_text("\n".join(lines) + "\n")
            return str(self.folder / name)

        storage = [
            *("[storage]", f'runroot = "{self.folder}/run"', f'graphroot = "{self.folder}/graph"'),
            f'driver = "{_storage_driver(self.folder)}"',
        ]
        blocks = [f'[[registry]]\nlocation = "{host}"\ninsecure = true' for host in registries]
        self.environment = {
            **os.environ,
            # Its network programs call iptables, which is not on everybody's path.
            "PATH": f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin",
            "CONTAINERS_CONF": write(
                "containers.conf",
                "[engine]",
                'runtime = "runc"',
                'cgroup_manager = "cgroupfs"',
                'events_logger = "file"',
                "[containers]",
                f"default_ulimits = {json.dumps(list(ULIMITS))}",
            ),
            "CONTAINERS_STORAGE_CONF": write("storage.conf", *storage),
            "CONTAINERS_REGISTRIES_CONF": write("registries.conf", *blocks),
            # None of whoever runs the tests.
            "REGISTRY_AUTH_FILE": write("auth.json", '{"auths": {}}'),
            "TMPDIR": str(self.folder),
        }


def _require() -> None:
    if os.geteuid() != 0:
        raise PodmanMissing("it is only used as root here")
    missing = [name for name in _NEEDED if shutil.which(name) is None]
    missing += [] if _BUSYBOX.exists() else ["busybox-static"]
    if missing:
        raise PodmanMissing(
            f"{', '.join(missing)} is not installed; as root tools/setup_tests.sh does it"
        )


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


def _install_shell(root: Path) -> None:
    for name in ("bin", "tmp", "etc", "home", "proc", "sys", "dev"):
        (root / name).mkdir()
    (root / "tmp").chmod(0o1777)
    (root / "etc" / "passwd").write_text("root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n")
    shutil.copy(_BUSYBOX, root / "bin" / "busybox")
    listed = subprocess.run([_BUSYBOX, "--list"], capture_output=True, text=True, check=True)
    for name in listed.stdout.split():
        if name != "busybox":
            (root / "bin" / name).symlink_to("busybox")


def _install_python(root: Path) -> str:
    """Copy the interpreter and its libraries to where they are here; the interpreter's path."""
    python = os.path.realpath(sys.executable)
    library = Path(sysconfig.get_path("stdlib"))
    shutil.copytree(
        library,
        root / library.relative_to("/"),
        ignore=lambda _folder, names: [
            name for name in names if name in _NOT_NEEDED or name.startswith("config-")
        ],
    )
    extensions = [str(path) for path in (library / "lib-dynload").glob("*.so")]
    for path in {python, *_libraries([python, *extensions])}:
        target = root / Path(path).relative_to("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists():
            shutil.copy(path, target)
    return python


def _libraries(programs: Sequence[str]) -> set[str]:
    """What the dynamic linker loads for them, the linker itself included (ldd(1))."""
    told = subprocess.run(["ldd", *programs], capture_output=True, text=True, check=False).stdout
    words = {word for line in told.splitlines() for word in line.split()}
    return {word for word in words if word.startswith("/") and os.path.isfile(word)}
