"""Keeps supervisors that have started and wait for something to supervise.

Starting one takes longer than all else that comes before a process runs; a request may be waiting.
"""

import contextlib
import os
import socket
import subprocess
import sys
import threading

from windlass.kit.supervision import supervisor
from windlass.kit.supervision.program.spare import CONFIRMED, TAKEN

_PATIENCE_SECONDS = 5.0
_RETRY_SECONDS = 5.0


class Spares:
    """So many spare supervisors, replaced as they are used. Threads may share it.

    They end with the process that keeps them.
    """

    def __init__(self, count: int, longest_path: int) -> None:
        """`longest_path` is that of the directories they will be told, in bytes."""
        self._count = count
        self._width = longest_path + len(" --lock 1000000")
        self._ready: list[socket.socket] = []
        self._used = threading.Condition()
        self._closed = False

    def keep(self) -> None:
        """Begin to keep them, in a thread of its own."""
        threading.Thread(target=self._fill, name="spare-supervisors", daemon=True).start()

    def adopt(self, path: str, lock: int, errors: int) -> bool:
        """Have one supervise a directory, whose lock it takes over; whether one does.

        Where none does, nothing has begun.
        """
        while (spare := self._take()) is not None:
            with spare:
                if _hand_over(spare, path, lock, errors):
                    return True
        return False

    @property
    def ready(self) -> int:
        """How many wait now."""
        return len(self._ready)

    def close(self) -> None:
        """End those that wait."""
        with self._used:
            self._closed = True
            for spare in self._ready:
                spare.close()
            self._ready.clear()
            self._used.notify_all()

    def _take(self) -> socket.socket | None:
        with self._used:
            self._used.notify_all()
            return self._ready.pop(0) if self._ready else None

    def _fill(self) -> None:
        while True:
            with self._used:
                self._used.wait_for(lambda: self._closed or len(self._ready) < self._count)
                if self._closed:
                    return
            spare = self._make()
            with self._used:
                if self._closed:
                    if spare is not None:
                        spare.close()
                    return
                if spare is not None:
                    self._ready.append(spare)
                else:
                    self._used.wait(_RETRY_SECONDS)

    def _make(self) -> socket.socket | None:
        ours, theirs = socket.socketpair()
        program = [sys.executable, "-I", "-S", supervisor.__file__]
        with theirs:
            status = subprocess.run(
                [*program, "--spare", str(theirs.fileno()), "-" * self._width],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                env={"LC_ALL": "C.UTF-8"},
                check=False,
            ).returncode
        if status != 0:
            ours.close()
            return None
        ours.settimeout(_PATIENCE_SECONDS)
        return ours


def _hand_over(spare: socket.socket, path: str, lock: int, errors: int) -> bool:
    with contextlib.suppress(OSError):
        socket.send_fds(spare, [os.fsencode(path)], [lock, errors])
        if spare.recv(1) == TAKEN:
            spare.sendall(CONFIRMED)
            return True
    return False
