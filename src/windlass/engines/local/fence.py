"""Refuses actions of a control plane whose lease has passed to another."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from windlass.engines.engine import StaleEpoch


class Fence:
    """Remembers the highest epoch obeyed in a file, across processes and restarts."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def obeyed(self) -> int:
        """The highest epoch obeyed; 0 before the first. Raises OSError."""
        try:
            return int(self._file.read_text() or "0")
        except FileNotFoundError:
            return 0

    @contextmanager
    def action(self, epoch: int) -> Iterator[None]:
        """Hold the fence open for one action; raises StaleEpoch where a newer epoch has come.

        Actions of one epoch run side by side. The first action of a newer epoch waits until those
        of the older are over, so that none of them takes effect after it.
        """
        descriptor = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            _pass(descriptor, epoch)
            yield
        finally:
            os.close(descriptor)


def _pass(descriptor: int, epoch: int) -> None:
    """Return with a shared lock held and `epoch` the one obeyed."""
    while True:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        obeyed = _read(descriptor)
        if obeyed > epoch:
            raise StaleEpoch(f"epoch {epoch} is older than {obeyed}, which came since")
        if obeyed == epoch:
            return
        # Given up and taken anew by the kernel: another may have come in between.
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if _read(descriptor) < epoch:
            os.pwrite(descriptor, f"{epoch:020d}".encode(), 0)
            os.fsync(descriptor)


def _read(descriptor: int) -> int:
    return int(os.pread(descriptor, 64, 0) or b"0")
