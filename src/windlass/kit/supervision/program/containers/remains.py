"""Ends a container whose supervisor is gone."""

import contextlib
import os
import signal
import time

from windlass.kit.supervision.program import processes
from windlass.kit.supervision.program.containers.api import Unreachable, ask, wait_for

_PAUSE = 0.1


def kill_process(pid: int, ticks: int | None) -> bool:
    """SIGKILL the container's first process, and with it all of its processes.

    Whether it is known to be gone. Needs no engine, only the right to do so.
    """
    try:
        # The descriptor pins the process before its identity is checked.
        pinned = os.pidfd_open(pid)
    except OSError:
        return True
    try:
        if processes.start_ticks(pid) != ticks:
            return True
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(pinned, signal.SIGKILL)
    except PermissionError:
        return False
    finally:
        os.close(pinned)
    return not processes.is_alive(pid)


def remove(socket: str, name: str, seconds: float) -> bool:
    """Have the engine kill and remove the container; whether it says that there is none now."""
    deadline = time.monotonic() + seconds
    while True:
        left = deadline - time.monotonic()
        try:
            steps = ask(
                socket, "DELETE", f"/containers/{name}?force=true&v=true", None, max(_PAUSE, left)
            )
            if wait_for(steps).status in (200, 204, 404):
                return True
        except Unreachable:
            """Tried again below."""
        if time.monotonic() + _PAUSE >= deadline:
            return False
        time.sleep(_PAUSE)
