"""Copies a container's log from the file that its engine writes, where that can be read.

Podman's API loses lines when the file is replaced under a flood; the file itself loses none, and
grows while the API is down, too. What was copied is cut out of it, so that it takes no room.
The format is that of Kubernetes: time, stream, F for a whole line or P for a part of one, text.
"""

import ctypes
import os
import time
from collections.abc import Generator

from windlass.kit.supervision.program.containers.activity import Waiting
from windlass.kit.supervision.program.log import Log

FORMAT = "k8s-file"
_CHUNK = 1 << 20
_SHORTEST_PAUSE = 0.05
_LONGEST_PAUSE = 1.0
_PAGE = 4096
_KEEP_SIZE_AND_PUNCH_HOLE = 3
_WHOLE = b"F"

_libc = ctypes.CDLL(None, use_errno=True)


class LogFileCopy:
    """Appends to `log` what the engine appends to the file."""

    def __init__(self, path: str, log: Log) -> None:
        """Raises OSError where the file cannot be read and cut."""
        self._path = path
        self._log = log
        self._descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        self._offset = 0
        self._cut = 0
        self._rest = b""

    def follow(self) -> Generator[Waiting, None, None]:
        """Copy for as long as it is continued."""
        pause = _SHORTEST_PAUSE
        while True:
            pause = _SHORTEST_PAUSE if self._copy() else min(2 * pause, _LONGEST_PAUSE)
            yield None, time.monotonic() + (0.0 if pause == _SHORTEST_PAUSE else pause)

    def catch_up(self) -> Generator[Waiting, None, None]:
        """Copy what is there and not copied yet."""
        while self._copy():
            yield None, 0.0
        if self._rest:
            self._log.write(_text(self._rest))
        os.close(self._descriptor)

    def _copy(self) -> bool:
        """Copy a part; whether there was one."""
        data = os.pread(self._descriptor, _CHUNK, self._offset)
        if not data:
            return self._take_next_file()
        self._offset += len(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        self._log.write(b"".join(_text(line) for line in lines))
        self._cut_out()
        return True

    def _take_next_file(self) -> bool:
        """Where the engine began another, what was written to the former is copied by now."""
        try:
            status = os.stat(self._path)
        except OSError:
            return False
        if os.path.samestat(status, os.fstat(self._descriptor)):
            return False
        if os.fstat(self._descriptor).st_size > self._offset:
            return True
        descriptor = os.open(self._path, os.O_RDWR | os.O_CLOEXEC)
        os.close(self._descriptor)
        self._descriptor, self._offset, self._cut = descriptor, 0, 0
        return True

    def _cut_out(self) -> None:
        """Give the room of what was copied back; offsets stay as they are (fallocate(2))."""
        end = self._offset // _PAGE * _PAGE
        if end - self._cut < _CHUNK:
            return
        begin, length = ctypes.c_int64(self._cut), ctypes.c_int64(end - self._cut)
        # Where the file system cannot, the file just stays as large as it is.
        _libc.fallocate(self._descriptor, _KEEP_SIZE_AND_PUNCH_HOLE, begin, length)
        self._cut = end


def _text(line: bytes) -> bytes:
    """What was written, of one line of the file."""
    parts = line.split(b" ", 3)
    if len(parts) < 4:
        return b""
    return parts[3] + b"\n" if parts[2] == _WHOLE else parts[3]
