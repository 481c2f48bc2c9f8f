"""Who listens on a loopback port, as /proc/net/tcp and /proc/net/tcp6 tell (proc(5))."""

import os

_LISTEN = "0A"
# IPv4 127.0.0.1 and 0.0.0.0 as the kernel prints them on little- and big-endian machines, then the
# IPv6 wildcard and the mapped forms of the two, all of which receive connections to 127.0.0.1.
_REACHABLE = (
    "0100007F",
    "7F000001",
    "00000000",
    "00000000000000000000000000000000",
    "0000000000000000FFFF00000100007F",
    "0000000000000000FFFF000000000000",
    "00000000000000000000FFFF7F000001",
    "00000000000000000000FFFF00000000",
)

NOBODY = "nobody"
OWN = "own"
FOREIGN = "foreign"


class Ownership:
    """Tells whether what listens on 127.0.0.1:`port` belongs to given processes."""

    def __init__(self, port: int) -> None:
        self._suffix = f":{port:04X}"
        self._known: set[str] = set()

    def check(self, pids: list[int]) -> str:
        """NOBODY listens, only OWN processes do, or some FOREIGN one does."""
        inodes = self._listening()
        if not inodes:
            return NOBODY
        unknown = inodes - self._known
        if unknown:
            # A socket once seen in a process's hands is not looked for again: looking is dear.
            self._known = (self._known & inodes) | (unknown & _sockets_of(pids))
        return OWN if inodes <= self._known else FOREIGN

    def _listening(self) -> set[str]:
        return {
            inode
            for table in ("/proc/net/tcp", "/proc/net/tcp6")
            for inode in _listening_inodes(table, self._suffix)
        }


def _listening_inodes(table: str, suffix: str) -> list[str]:
    found = []
    try:
        with open(table) as file:
            next(file, None)
            for line in file:
                fields = line.split()
                if fields[3] != _LISTEN:
                    # Listening sockets come first: established ones may be many thousands.
                    break
                address = fields[1]
                if address.endswith(suffix) and address[: -len(suffix)] in _REACHABLE:
                    found.append(fields[9])
    except FileNotFoundError:
        return []
    return found


def _sockets_of(pids: list[int]) -> set[str]:
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
                found.add(target[8:-1])
    return found
