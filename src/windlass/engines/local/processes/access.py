"""Whether a stranger to this machine could open a file, by the permission bits on its way.

Access control lists are not looked at: where one lets the user in, these bits may still say no.
"""

import os
import stat
from pathlib import Path

_SEARCH = 1
_READ = 4
_MOST_LINKS = 40


def denied_execution(program: Path, uid: int) -> Path | None:
    """What keeps the user from executing the program or its interpreter; None when nothing does.

    The user is in no group but its own, whose id is `uid`. A missing file keeps it out as well.
    """
    denied = _denied(program, uid, _SEARCH)
    if denied is not None:
        return denied
    interpreter = _interpreter(program)
    if interpreter is None:
        return None
    return _denied(program, uid, _READ) or _denied(interpreter, uid, _SEARCH)


def denied_reading(file: Path, uid: int) -> Path | None:
    """What keeps the user from reading the file; None when nothing does."""
    return _denied(file, uid, _READ)


def denied_entering(folder: Path, uid: int) -> Path | None:
    """What keeps the user from working in the folder; None when nothing does."""
    return _denied(folder, uid, _SEARCH)


def _denied(path: Path, uid: int, wanted: int) -> Path | None:
    """The first part of the way that denies the user; see path_resolution(7)."""
    current = Path("/")
    waiting = list(reversed(path.absolute().parts[1:]))
    links = 0
    while waiting:
        if not _permits(current, uid, _SEARCH):
            return current
        name = waiting.pop()
        current = current.parent if name == ".." else current / name
        if current.is_symlink():
            links += 1
            if links > _MOST_LINKS:
                return current
            target = Path(os.readlink(current))
            waiting += reversed(target.parts[1:] if target.is_absolute() else target.parts)
            current = Path("/") if target.is_absolute() else current.parent
    return None if _permits(current, uid, wanted) else current


def _permits(path: Path, uid: int, wanted: int) -> bool:
    try:
        status = path.stat()
    except OSError:
        return False
    mode = stat.S_IMODE(status.st_mode)
    if status.st_uid == uid:
        mode >>= 6
    elif status.st_gid == uid:
        mode >>= 3
    return mode & wanted == wanted


def _interpreter(program: Path) -> Path | None:
    """The interpreter that a script's first line names (execve(2))."""
    try:
        with program.open("rb") as file:
            first = file.readline(256)
    except OSError:
        return None
    if not first.startswith(b"#!"):
        return None
    words = first[2:].split()
    return Path(os.fsdecode(words[0])) if words else None
