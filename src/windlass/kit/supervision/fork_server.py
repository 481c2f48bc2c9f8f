"""Forks supervisors from a process that has one loaded already.

To start the interpreter takes longer than all else that comes before a process runs, and a request
may be waiting; and what was loaded before the fork is in memory once for all of them.
"""

import contextlib
import os
import socket
import subprocess
import sys
import threading

from windlass.kit.supervision import supervisor
from windlass.kit.supervision.program.forking import CONFIRMED, TAKEN

_PATIENCE_SECONDS = 5.0


class ForkServer:
    """One such process, replaced when it dies; it ends with the process that has it.

    Threads may share it.
    """

    def __init__(self, longest_path: int) -> None:
        """`longest_path` is that of the directories to supervise, in bytes."""
        self._width = longest_path + len(" --lock 1000000")
        self._lock = threading.Lock()
        self._is_wanted = False
        self._process: subprocess.Popen[bytes] | None = None
        self._requests: socket.socket | None = None

    def start(self) -> None:
        """Have it there from now on. Raises OSError when it cannot be started yet."""
        with self._lock:
            self._is_wanted = True
            self._start()

    def adopt(self, path: str, lock: int, errors: int) -> bool:
        """Have a new supervisor take over a directory, whose lock it goes on holding; whether one
        does.

        Where none does, nothing has begun.
        """
        with self._lock:
            if not self._is_wanted:
                return False
            with contextlib.suppress(OSError):
                if self._process is None or self._process.poll() is not None:
                    self._start()
                if self._requests is not None and _hand_over(self._requests, path, lock, errors):
                    return True
            # It may hold the directory's lock, among requests that it has not read.
            self._end()
            return False

    @property
    def pid(self) -> int | None:
        """The process, while there is one."""
        return None if self._process is None else self._process.pid

    def close(self) -> None:
        """End it. The supervisors go on."""
        with self._lock:
            self._is_wanted = False
            self._end()

    def _start(self) -> None:
        self._end()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        program = [sys.executable, "-I", "-S", supervisor.__file__]
        with theirs:
            self._process = subprocess.Popen(
                [*program, "--fork-server", str(theirs.fileno()), "-" * self._width],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                env={"LC_ALL": "C.UTF-8"},
            )
        self._requests = ours

    def _end(self) -> None:
        if self._requests is not None:
            self._requests.close()
            self._requests = None
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


def _hand_over(requests: socket.socket, path: str, lock: int, errors: int) -> bool:
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            socket.send_fds(requests, [os.fsencode(path)], [theirs.fileno(), lock, errors])
        ours.settimeout(_PATIENCE_SECONDS)
        if ours.recv(1) != TAKEN:
            return False
        ours.sendall(CONFIRMED)
        return True
