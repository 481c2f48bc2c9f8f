"""Images for tests and measurements, made of this machine's files, so that no registry is asked."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

SHELL_IMAGE = "localhost/shell:1"
"""A shell with the usual small programs, and a web server; it has no command of its own."""
PYTHON_IMAGE = "localhost/canary:1"
"""This machine's Python with the canary of examples/canary, which it runs."""
BUSYBOX = Path("/bin/busybox")
_CANARY = Path(__file__).parent.parent / "examples" / "canary" / "canary.py"
_NOT_NEEDED = {
    *("site-packages", "dist-packages", "test", "tests", "idlelib", "lib2to3", "ensurepip"),
    *("tkinter", "pydoc_data", "distutils", "turtledemo", "unittest", "sqlite3"),
}


@contextmanager
def packed_shell(folder: Path, content: str = "") -> Iterator[Path]:
    """The files of an image with a shell, as an archive; `content` makes it differ from others."""

    def fill(root: Path) -> None:
        _install_shell(root)
        (root / "content").write_text(content)

    with _packed(folder, fill) as archive:
        yield archive


@contextmanager
def packed_canary(folder: Path) -> Iterator[tuple[Path, Sequence[str]]]:
    """The files of the image with Python and the canary, as an archive, and its command."""

    def fill(root: Path) -> None:
        _install_shell(root)
        _install_python(root)
        shutil.copy(_CANARY, root / "canary.py")

    command = [_python(), "-I", "-S", "/canary.py", "--host", "0.0.0.0"]
    with _packed(folder, fill) as archive:
        yield archive, command


@contextmanager
def _packed(folder: Path, fill: Callable[[Path], None]) -> Iterator[Path]:
    root = Path(tempfile.mkdtemp(dir=folder))
    packed = root.with_suffix(".tar")
    try:
        root.chmod(0o755)
        fill(root)
        with tarfile.open(packed, "w") as archive:
            archive.add(root, arcname=".")
        yield packed
    finally:
        packed.unlink(missing_ok=True)
        shutil.rmtree(root)


def _install_shell(root: Path) -> None:
    for name in ("bin", "tmp", "etc", "home", "proc", "sys", "dev"):
        (root / name).mkdir()
    (root / "tmp").chmod(0o1777)
    (root / "etc" / "passwd").write_text("root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n")
    shutil.copy(BUSYBOX, root / "bin" / "busybox")
    listed = subprocess.run([BUSYBOX, "--list"], capture_output=True, text=True, check=True)
    for name in listed.stdout.split():
        if name != "busybox":
            (root / "bin" / name).symlink_to("busybox")


def _install_python(root: Path) -> None:
    """Copy the interpreter and its libraries to where they are here."""
    library = Path(sysconfig.get_path("stdlib"))
    shutil.copytree(
        library,
        root / library.relative_to("/"),
        ignore=lambda _folder, names: [
            name for name in names if name in _NOT_NEEDED or name.startswith("config-")
        ],
    )
    extensions = [str(path) for path in (library / "lib-dynload").glob("*.so")]
    for path in {_python(), *_libraries([_python(), *extensions])}:
        target = root / Path(path).relative_to("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists():
            shutil.copy(path, target)


def _python() -> str:
    return os.path.realpath(sys.executable)


def _libraries(programs: Sequence[str]) -> set[str]:
    """What the dynamic linker loads for them, the linker itself included (ldd(1))."""
    told = subprocess.run(["ldd", *programs], capture_output=True, text=True, check=False).stdout
    words = {word for line in told.splitlines() for word in line.split()}
    return {word for word in words if word.startswith("/") and os.path.isfile(word)}
