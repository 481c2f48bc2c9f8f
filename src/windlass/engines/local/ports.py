"""Loopback ports for replicas."""

import errno
import random
import socket
import threading
from collections.abc import Mapping

_FIRST, _LAST = 20_000, 32_767
"""Below the ports that Linux gives to outgoing connections by default, any of which could else take
a replica's port before it listens."""
_ATTEMPTS = 2_000


class NoFreePort(Exception):
    """Every port tried was taken."""


class Ports:
    """Which replica has which port. Safe to use from several threads."""

    def __init__(self, taken: Mapping[str, int]) -> None:
        self._lock = threading.Lock()
        self._taken = dict(taken)

    def allocate(self, replica_id: str) -> int:
        """A port that no replica has and nobody listens on. Raises NoFreePort.

        Chosen at random, so that two platforms on one machine rarely choose alike.
        """
        with self._lock:
            used = set(self._taken.values())
            for _ in range(_ATTEMPTS):
                port = random.randint(_FIRST, _LAST)
                if port not in used and _is_free(port):
                    self._taken[replica_id] = port
                    return port
        raise NoFreePort(f"no free port found from {_FIRST} to {_LAST}")

    def release(self, replica_id: str) -> None:
        """The replica is gone."""
        with self._lock:
            self._taken.pop(replica_id, None)


def _is_free(port: int) -> bool:
    """Whether a server could listen on the port, on whatever address it likes."""
    for family, address in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
        try:
            with socket.socket(family, socket.SOCK_STREAM) as candidate:
                # As servers do, so that closed connections of a former one do not count.
                candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                candidate.bind((address, port))
                candidate.listen(1)
        except OSError as error:
            if family == socket.AF_INET6 and not _is_taken(error):
                # A machine without IPv6.
                continue
            return False
    return True


def _is_taken(error: OSError) -> bool:
    return error.errno == errno.EADDRINUSE
