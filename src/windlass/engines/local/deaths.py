"""Tells at once when the supervisor of a replica is killed, of which it cannot tell itself.

The kernel says so through a descriptor of the process (pidfd_open(2)); where there are no more of
those to be had, asking now and then has to do.
"""

import contextlib
import os
import select
import threading
from collections.abc import Callable
from pathlib import Path

from windlass.kit.supervision.program.directory import Directory


class SupervisorDeaths:
    """Watches supervisors, each until it dies. Threads may share it."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        """`tell` is called with a replica's id, in a thread of its own."""
        self._tell = tell
        self._lock = threading.Lock()
        self._watched: dict[str, int] = {}
        self._by_descriptor: dict[int, str] = {}
        self._poll = select.epoll()
        threading.Thread(target=self._serve, name="supervisor-deaths", daemon=True).start()

    def watch(self, directory: Path, supervisor_pid: int | None) -> None:
        """Watch the supervisor of a replica's directory, unless that is done already."""
        replica_id = directory.name
        if supervisor_pid is None:
            return
        with self._lock:
            if replica_id in self._watched:
                return
            try:
                descriptor = os.pidfd_open(supervisor_pid)
            except OSError:
                return
            # Its lock shows that it lives, and so that the number is still its own.
            if not Directory(str(directory)).lock_is_held():
                os.close(descriptor)
                return
            self._watched[replica_id] = descriptor
            self._by_descriptor[descriptor] = replica_id
            self._poll.register(descriptor, select.EPOLLIN)

    def _serve(self) -> None:
        while True:
            for descriptor, _ in self._poll.poll():
                replica_id = self._forget(descriptor)
                if replica_id is not None:
                    self._tell(replica_id)

    def _forget(self, descriptor: int) -> str | None:
        with self._lock:
            replica_id = self._by_descriptor.pop(descriptor, None)
            if replica_id is None:
                return None
            del self._watched[replica_id]
            with contextlib.suppress(OSError):
                self._poll.unregister(descriptor)
            os.close(descriptor)
            return replica_id
