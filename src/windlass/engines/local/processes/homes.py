"""A folder of its own for every replica: HOME, and where it runs unless told otherwise."""

import hashlib
import os
import shutil
import stat
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
        while True:
            if uid is not None:
                # Others may pass through, but not look around.
                _make_folder(self._shared.parent, 0o711)
                _make_folder(self._shared, 0o711)
            else:
                _make_folder(self._own, 0o700)
            try:
                home.mkdir(mode=0o700, exist_ok=True)
                break
            except FileNotFoundError:
                # The last other folder went at this moment, and the one around it.
                continue
        folders = [home]
        parts = below.relative_to(home).parts if below.is_relative_to(home) else ()
        if parts and uid is not None:
            # A start that was broken off may have given it to its user already.
            _give(home, os.geteuid())
        for part in parts:
            folders.append(folders[-1] / part)
            if folders[-1].is_symlink():
                folders[-1].unlink()
            folders[-1].mkdir(mode=0o700, exist_ok=True)
        # The outermost last: until then nobody can put a link in the place of one within.
        for folder in reversed(folders):
            _give(folder, uid)

    def remove(self, replica_id: str) -> None:
        """Remove the replica's folder with all that is in it. Raises OSError."""
        for parent in (self._own, self._shared):
            if (parent / replica_id).exists():
                _remove_tree(parent / replica_id)
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


def _make_folder(folder: Path, mode: int) -> None:
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        return
    # Whatever the umask says.
    folder.chmod(mode)


def _give(folder: Path, uid: int | None) -> None:
    if uid is not None:
        os.chown(folder, uid, uid, follow_symlinks=False)


def _remove_if_empty(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:
        return


def _remove_tree(folder: Path) -> None:
    try:
        shutil.rmtree(folder)
    except PermissionError:
        # What a replica has closed even to its owner can be opened again by that owner.
        _open_tree(folder)
        shutil.rmtree(folder)


def _open_tree(folder: Path) -> None:
    folder.chmod(stat.S_IRWXU)
    with os.scandir(folder) as entries:
        below = [Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False)]
    for each in below:
        _open_tree(each)
