"""Loopback ports for replicas."""

import errno
import random
import socket
import threading
from collections.abc import Collection, Mapping

_FIRST, _LAST = 20_000, 29_999
"""Below the ports that workloads may ask for at the gateway, and those that Linux gives to outgoing
connections by default, any of which could else take a replica's port before it listens."""
_ATTEMPTS = 2_000


class NoFreePort(Exception):
    """Every port tried was taken."""


class Ports:
    """Which replica has which ports. Safe to use from several threads."""

    def __init__(self, taken: Mapping[str, Collection[int]]) -> None:
        self._lock = threading.Lock()
        self._taken = {replica_id: tuple(ports) for replica_id, ports in taken.items()}

    def allocate(self, replica_id: str, count: int = 1) -> tuple[int, ...]:
        """Ports that no replica has and nobody listens on. Raises NoFreePort.

        Chosen at random, so that two platforms on one machine rarely choose alike.
        """
        with self._lock:
            used = {port for ports in self._taken.values() for port in ports}
            found: list[int] = []
            for _ in range(_ATTEMPTS * count):
                if len(found) == count:
                    break
                port = random.randint(_FIRST, _LAST)
                if port not in used and _is_free(port):
                    found.append(port)
                    used.add(port)
            if len(found) < count:
                raise NoFreePort(f"no free port found from {_FIRST} to {_LAST}")
            self._taken[replica_id] = tuple(found)
            return self._taken[replica_id]

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
