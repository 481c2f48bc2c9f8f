"""Ends a container when its supervisor dies: a forked process that waits for just that.

A container's processes are children of its engine, so the kernel does not end them with their
supervisor, as it does with those it starts itself.
"""

import contextlib
import os
import signal

from windlass.kit.supervision.program.containers import remains
from windlass.kit.supervision.program.forking import show_arguments

_SECONDS = 60.0
_LAST_WORDS = b"done"


class Lifeline:
    """Held for as long as the supervisor lives, or lets go of it."""

    def __init__(self, socket: str, container: str) -> None:
        self._socket = socket
        self._container = container
        self._known = b""
        self._fork()

    def know_process(self, pid: int, ticks: int | None) -> None:
        """From now on the container can be ended without asking its engine."""
        self._known = f"{pid} {ticks}\n".encode()
        self._tell(self._known)

    def renew(self, pid: int) -> None:
        """The child `pid` was reaped; where that was this one, make another."""
        if pid == self.pid:
            os.close(self._write_end)
            self._fork()
            self._tell(self._known)

    def release(self) -> None:
        """The container is gone: there is nothing to end any more."""
        self._tell(_LAST_WORDS)
        os.close(self._write_end)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, 0)

    def _tell(self, words: bytes) -> None:
        with contextlib.suppress(OSError):
            os.write(self._write_end, words)

    def _fork(self) -> None:
        read_end, self._write_end = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                _hold(read_end, self._socket, self._container)
            finally:
                os._exit(0)
        os.close(read_end)


def _hold(read_end: int, socket: str, container: str) -> None:
    """Wait until the supervisor is gone, then end what it has not ended."""
    os.setsid()
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    _close_all_but(read_end)
    # Where processes are listed it must not be taken for the supervisor.
    show_arguments(["windlass", "lifeline", container])
    with open(read_end, "rb") as pipe:
        told = pipe.read()
    if told.endswith(_LAST_WORDS):
        return
    lines = told.split(b"\n")
    if len(lines) > 1:
        pid, ticks = lines[-2].split()
        remains.kill_process(int(pid), int(ticks) if ticks.isdigit() else None)
    remains.remove(socket, container, _SECONDS)


def _close_all_but(kept: int) -> None:
    """Above all the lock: it says that the supervisor lives."""
    for name in os.listdir("/proc/self/fd"):
        if int(name) != kept:
            with contextlib.suppress(OSError):
                os.close(int(name))
