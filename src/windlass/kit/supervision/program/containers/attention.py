"""Notices at once when a container engine goes away, and when it is back."""

import select
import socket
import time
from collections.abc import Callable, Generator

from windlass.kit.supervision.program.containers.activity import NEVER, Waiting

_RETRY = 0.5


def attend(path: str, tell: Callable[[str | None], None]) -> Generator[Waiting, None, None]:
    """Hold a connection to the engine; `tell` hears why there is none, and None once there is.

    Nothing is ever asked on it: it ends when the engine does.
    """
    while True:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.setblocking(False)
            try:
                connection.connect(path)
            except OSError as error:
                tell(error.strerror or str(error))
            else:
                tell(None)
                yield (connection.fileno(), select.POLLIN), NEVER
                continue
        yield None, time.monotonic() + _RETRY
