"""A log in numbered files, of which the oldest go; a full disk costs lines, never a stop."""

import contextlib
import errno
import os

from windlass.kit.supervision.program.directory import LOG_SUFFIX


def log_numbers(folder: str) -> list[int]:
    """The numbers of the log's files, oldest first."""
    try:
        names = os.listdir(folder)
    except OSError:
        return []
    stems = (name.removesuffix(LOG_SUFFIX) for name in names if name.endswith(LOG_SUFFIX))
    return sorted(int(stem) for stem in stems if stem.isdigit())


class Log:
    """Appends to `<folder>/<number>.log`; a file of `file_bytes` is followed by the next."""

    def __init__(self, folder: str, file_bytes: int, files: int) -> None:
        self.bytes_lost = 0
        self.error: str | None = None
        """Why the latest bytes were lost; None once writing succeeds again."""
        self._folder = folder
        self._file_bytes = file_bytes
        self._files = files
        self._lost_in_a_row = 0
        self._number = (log_numbers(folder) or [1])[-1]
        self._descriptor: int | None = None
        self._size = 0

    def write(self, data: bytes) -> None:
        """Append what fits; the rest is counted as lost."""
        if self._lost_in_a_row:
            notice = (
                f"\n[windlass: {self._lost_in_a_row} bytes of this log were lost: {self.error}]\n"
            )
            if self._append(notice.encode()):
                # Only part of the notice may have gone in; the bytes themselves must wait, too.
                self._lose(len(data))
                return
            self._lost_in_a_row = 0
            self.error = None
        rest = self._append(data)
        if rest:
            self._lose(len(rest))

    def _lose(self, count: int) -> None:
        self.bytes_lost += count
        self._lost_in_a_row += count

    def _append(self, data: bytes) -> bytes:
        """Write, over as many files as it takes; return what could not be written."""
        while data:
            if self._descriptor is not None and self._size >= self._file_bytes:
                self._next_file()
            try:
                descriptor = self._open()
                count = os.write(descriptor, data[: max(1, self._file_bytes - self._size)])
            except OSError as error:
                self.error = error.strerror
                if error.errno == errno.EFBIG and self._size > 0:
                    # A limit on the size of files, lower than ours: a new file has room.
                    self._next_file()
                    continue
                return data
            self._size += count
            data = data[count:]
        return b""

    def _open(self) -> int:
        if self._descriptor is None:
            os.makedirs(self._folder, mode=0o700, exist_ok=True)
            path = os.path.join(self._folder, f"{self._number}{LOG_SUFFIX}")
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
            self._descriptor = os.open(path, flags, 0o600)
            self._size = os.fstat(self._descriptor).st_size
        return self._descriptor

    def _next_file(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
        self._descriptor = None
        self._size = 0
        self._number += 1
        for number in log_numbers(self._folder):
            if number <= self._number - self._files:
                with contextlib.suppress(OSError):
                    os.unlink(os.path.join(self._folder, f"{number}{LOG_SUFFIX}"))
