"""A folder of its own for every replica: HOME, and where it runs unless told otherwise."""

import hashlib
import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

SHARED_ROOT = Path("/var/lib/windlass")
"""Where other users' folders are, as root: the data directory is closed to them, and in most places
so are the folders above it."""


class Homes:
    """The replicas' folders. Those of other users lie outside the data directory."""

    def __init__(self, data_directory: Path, shared_root: Path = SHARED_ROOT) -> None:
        self._own = data_directory / "homes"
        digest = hashlib.sha256(str(data_directory.absolute()).encode()).hexdigest()
        self._shared = shared_root / digest[:12]

    def path(self, replica_id: str, *, other_user: bool) -> Path:
        """Where the replica's folder is, or would be."""
        return (self._shared if other_user else self._own) / replica_id

    def make(self, home: Path, below: Path, uid: int | None) -> None:
        """Make the folder, and the one `below` it, for the user. Raises OSError."""
        if uid is not None:
            for parent in (self._shared.parent, self._shared):
                # Others may pass through, but not look around.
                parent.mkdir(mode=0o711, parents=True, exist_ok=True)
        home.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        folders = [home]
        if below.is_relative_to(home):
            folders += [
                home.joinpath(*below.relative_to(home).parts[: depth + 1])
                for depth in range(len(below.relative_to(home).parts))
            ]
        for folder in folders:
            folder.mkdir(mode=0o700, exist_ok=True)
            if uid is not None:
                os.chown(folder, uid, uid)

    def remove(self, replica_id: str) -> None:
        """Remove the replica's folder with all that is in it. Raises OSError."""
        for parent in (self._own, self._shared):
            if (parent / replica_id).exists():
                shutil.rmtree(parent / replica_id, onerror=_open_and_retry)
            _remove_if_empty(parent)
        _remove_if_empty(self._shared.parent)

    def replicas(self) -> set[str]:
        """The ids that have a folder."""
        return {
            home.name
            for parent in (self._own, self._shared)
            if parent.exists()
            for home in parent.iterdir()
        }


def _remove_if_empty(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:
        return


def _open_and_retry(remove: Callable[[str], object], path: str, error: object) -> None:
    """What a replica has closed even to its owner can be opened again by that owner."""
    if isinstance(error, tuple) and isinstance(error[1], PermissionError):
        for closed in (os.path.dirname(path), path):
            os.chmod(closed, stat.S_IRWXU)
        remove(path)
        return
    if isinstance(error, tuple) and isinstance(error[1], BaseException):
        raise error[1]
