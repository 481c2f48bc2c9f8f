"""The files of a supervised directory, and the lock that says whether it has a supervisor.

The lock is an open-file-description lock (fcntl(2)): the launcher takes it and hands its descriptor
to the supervisor, so it is held without a gap, and others can ask about it without taking it.
"""

import contextlib
import errno
import fcntl
import json
import os
import struct

LOG_SUFFIX = ".log"
_PAGE = 4096
_FLOCK = struct.Struct("@hhqqi4x")


class Directory:
    """Where one supervised process keeps everything that is known of it."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.specification = os.path.join(path, "specification.json")
        self.lock = os.path.join(path, "lock")
        self.state = os.path.join(path, "state.json")
        self.stop = os.path.join(path, "stop.json")
        self.started = os.path.join(path, "started")
        self.log = os.path.join(path, "log")
        self.errors = os.path.join(path, "supervisor.log")

    def was_started(self) -> bool:
        """Whether a process was ever started here, or was just about to be."""
        return os.path.exists(self.started)

    def take_lock(self) -> int | None:
        """Descriptor of the lock now held, or None where another holds it.

        Raises OSError when the lock file cannot be made.
        """
        descriptor = os.open(self.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        request = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        try:
            fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, request)
        except OSError as error:
            os.close(descriptor)
            if error.errno in (errno.EAGAIN, errno.EACCES):
                return None
            raise
        return descriptor

    def lock_is_held(self) -> bool:
        """Whether some process holds the lock; asking disturbs nobody."""
        try:
            descriptor = os.open(self.lock, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            query = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
            answer = fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, query)
            return bool(_FLOCK.unpack(answer)[0] != fcntl.F_UNLCK)
        finally:
            os.close(descriptor)


def read_json(path: str) -> dict[str, object] | None:
    """The object in a file, or None where there is no file or nothing whole in it."""
    for _attempt in range(3):
        try:
            with open(path, "rb") as file:
                content = json.loads(file.read())
            return content if isinstance(content, dict) else None
        except FileNotFoundError:
            return None
        except ValueError:
            # Overwritten in place on a full disk at this very moment.
            continue
    return None


def write_json(path: str, content: dict[str, object]) -> None:
    """Replace a file atomically; on a full disk overwrite it in the room that it has.

    Raises OSError when neither is possible.
    """
    data = json.dumps(content, separators=(",", ":")).encode()
    data = data.ljust(-(-len(data) // _PAGE) * _PAGE)
    temporary = f"{path}.{os.getpid()}"
    try:
        _write_file(temporary, data, os.O_CREAT | os.O_TRUNC)
        os.replace(temporary, path)
    except OSError as error:
        if os.path.exists(temporary):
            os.unlink(temporary)
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        _overwrite(path, data, error)


def make_durable(path: str) -> None:
    """Have what was written survive a crash of the machine, as far as the disk allows."""
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _overwrite(path: str, data: bytes, reason: OSError) -> None:
    try:
        room = os.path.getsize(path)
    except OSError:
        raise reason from None
    if len(data) > room:
        raise reason
    _write_file(path, data.ljust(room), 0)


def _write_file(path: str, data: bytes, flags: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC | flags, 0o600)
    try:
        if os.write(descriptor, data) != len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
    finally:
        os.close(descriptor)
