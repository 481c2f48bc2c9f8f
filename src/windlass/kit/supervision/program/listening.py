"""Who listens on a loopback port."""

import os
from abc import ABC, abstractmethod
from collections.abc import Callable

from windlass.kit.supervision.program.sockets import listening_inodes

NOBODY = "nobody"
OWN = "own"
FOREIGN = "foreign"
"""Somebody else does, or nobody on the way to those who do."""


class Listener(ABC):
    """Tells who listens, and what is to be said where nobody or somebody else does."""

    nobody = ""
    foreign = ""

    @abstractmethod
    def check(self, pids: Callable[[], list[int]]) -> str:
        """NOBODY, OWN or FOREIGN; `pids` tells the process and its descendants."""


class Ownership(Listener):
    """Tells whether what listens on 127.0.0.1:`port` belongs to given processes."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.nobody = f"nothing listens on port {port} yet"
        self.foreign = f"another process listens on port {port}"
        self._known: set[int] = set()

    def check(self, pids: Callable[[], list[int]]) -> str:
        """NOBODY listens, only OWN processes do, or some FOREIGN one does."""
        inodes = listening_inodes(self._port)
        if not inodes:
            return NOBODY
        unknown = inodes - self._known
        if unknown:
            # A socket once seen in a process's hands is not looked for again: looking is dear.
            self._known = (self._known & inodes) | (unknown & sockets_of(pids()))
        return OWN if inodes <= self._known else FOREIGN


def sockets_of(pids: list[int]) -> set[int]:
    """Inodes of the sockets that the processes have open, as far as that may be known."""
    found = set()
    for pid in pids:
        folder = f"/proc/{pid}/fd"
        try:
            names = os.listdir(folder)
        except OSError:
            continue
        for name in names:
            try:
                target = os.readlink(f"{folder}/{name}")
            except OSError:
                continue
            if target.startswith("socket:["):
                found.add(int(target[8:-1]))
    return found
