"""What the supervisor tells the world: its state file, and a datagram at each change of it."""

import contextlib
import os
import socket
import time

from windlass.kit.supervision.program import processes
from windlass.kit.supervision.program.directory import Directory, write_json

_HEAD_START_SECONDS = 0.005


class Record:
    """The content of `state.json`. Times are in seconds since the epoch."""

    def __init__(
        self,
        directory: Directory,
        identifier: str,
        notify: str | None,
        notify_ready: str | None = None,
    ) -> None:
        self._path = directory.state
        self._id = identifier
        self._address = _socket_address(notify)
        self._ready_address = _socket_address(notify_ready)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._saved: dict[str, object] | None = None
        self._ticks = processes.start_ticks(os.getpid())
        self._boot = processes.boot_id()
        self.state = "starting"
        self.pid: int | None = None
        self.pid_ticks: int | None = None
        self.started_at: float | None = None
        self.starts = 0
        self.ready = False
        self.readiness_message: str | None = None
        self.first_ready_at: float | None = None
        self.exit: dict[str, object] | None = None
        self.log_bytes_lost = 0
        self.log_error: str | None = None
        self.engine_message: str | None = None

    def set_running(self, pid: int) -> None:
        """A process was started now; 0 is one that cannot be seen from here."""
        self.state = "running"
        self.pid = pid or None
        self.pid_ticks = processes.start_ticks(pid) if pid else None
        self.started_at = time.time()
        self.starts += 1
        self.save()

    def set_readiness(self, ready: bool, message: str | None) -> None:
        """What the latest probe saw."""
        becomes_ready = ready and not self.ready
        self.ready = ready
        self.readiness_message = None if ready else message
        if ready and self.first_ready_at is None:
            self.first_ready_at = time.time()
        if becomes_ready and self._ready_address is not None:
            self._tell(self._ready_address)
            # Requests wait for whom this tells. Those who are told next have work to do as well,
            # and would take the processor from them.
            time.sleep(_HEAD_START_SECONDS)
        self.save()

    def set_log_loss(self, bytes_lost: int, error: str | None) -> None:
        """How much of the log could not be written, and why not."""
        self.log_bytes_lost = bytes_lost
        self.log_error = error
        self.save()

    def set_engine_message(self, message: str | None) -> None:
        """Why the container's engine does not answer; None where it does."""
        self.engine_message = message
        self.save()

    def set_exit(self, state: str, end: dict[str, object]) -> None:
        """The process ended; `state` says whether it is started again."""
        self.state = state
        self.exit = {**end, "at": time.time()}
        self.ready = False
        self.readiness_message = None
        self.save()

    def save(self) -> None:
        """Write and tell what changed since it was last written; a full disk is tried again."""
        if self.save_untold():
            self._tell(self._address)

    def save_untold(self) -> bool:
        """Write what changed, for those who look; whether anything was written."""
        content = self._content()
        if content == self._saved:
            return False
        try:
            write_json(self._path, content)
        except OSError:
            return False
        self._saved = content
        return True

    def is_saved(self) -> bool:
        """Whether the file says what this object does."""
        return self._content() == self._saved

    def _tell(self, address: str | None) -> None:
        if address is not None:
            with contextlib.suppress(OSError):
                self._socket.sendto(self._id.encode(), address)

    def _content(self) -> dict[str, object]:
        return {
            "version": 1,
            "id": self._id,
            "state": self.state,
            "supervisor": {"pid": os.getpid(), "ticks": self._ticks},
            "process": self.pid and {"pid": self.pid, "ticks": self.pid_ticks},
            "boot": self._boot,
            "started_at": self.started_at,
            "starts": self.starts,
            "ready": self.ready,
            "readiness_message": self.readiness_message,
            "first_ready_at": self.first_ready_at,
            "exit": self.exit,
            "log_bytes_lost": self.log_bytes_lost,
            "log_error": self.log_error,
            "engine_message": self.engine_message,
        }


def _socket_address(address: str | None) -> str | None:
    if address is None or not address.startswith("@"):
        return address
    return f"\0{address[1:]}"
