"""Whether a container listens on its declared port, seen from its own network namespace."""

import socket
from collections.abc import Callable

from windlass.kit.supervision.program.listening import FOREIGN, NOBODY, OWN, Listener

_LISTEN = "0A"
# As /proc/net prints it on little- and big-endian machines (proc(5)).
_IPV6_LOOPBACK = ("00000000000000000000000001000000", "00000000000000000000000000000001")
_IPV4_LENGTH = 8


class ContainerPort(Listener):
    """The port `port` in the network namespace of the process `pid`.

    What is mapped to the machine's loopback reaches no socket that listens on the container's.
    """

    def __init__(
        self,
        pid: int | None,
        port: int,
        host_port: int,
        engine_answers: Callable[[], bool] = lambda: True,
    ) -> None:
        self._pid = pid
        self._port = port
        self._host_port = host_port
        self._engine_answers = engine_answers
        self.foreign = f"port {host_port} of the machine leads to it only while its engine runs"

    def check(self, pids: Callable[[], list[int]]) -> str:
        """NOBODY listens on it, or its OWN processes do: nobody else is in its namespace.

        FOREIGN where no way leads to them: what Docker maps ports with ends when Docker does.
        """
        del pids
        self.nobody = f"nothing listens on port {self._port} in the container yet"
        if not self._engine_answers() and self._ask_by_connecting() == NOBODY:
            return FOREIGN
        if self._pid is None:
            return self._ask_by_connecting()
        addresses = self._listening()
        if addresses is None:
            return self._ask_by_connecting()
        if any(not _is_loopback(address) for address in addresses):
            return OWN
        if addresses:
            self.nobody = (
                f"in the container it listens on port {self._port} of 127.0.0.1 alone, which "
                "nothing outside can reach; have it listen on 0.0.0.0"
            )
        return NOBODY

    def _listening(self) -> list[str] | None:
        found: list[str] = []
        suffix = f":{self._port:04X}"
        for table in ("tcp", "tcp6"):
            try:
                with open(f"/proc/{self._pid}/net/{table}") as file:
                    rows = [line.split() for line in file][1:]
            except FileNotFoundError:
                if table == "tcp":
                    return None
                continue
            except OSError:
                return None
            found += [
                row[1].removesuffix(suffix)
                for row in rows
                if row[3] == _LISTEN and row[1].endswith(suffix)
            ]
        return found

    def _ask_by_connecting(self) -> str:
        """For engines whose processes cannot be seen from here, as in a virtual machine."""
        try:
            with socket.create_connection(("127.0.0.1", self._host_port), timeout=0.2):
                return OWN
        except OSError:
            return NOBODY


def _is_loopback(address: str) -> bool:
    if len(address) == _IPV4_LENGTH:
        # All of 127.0.0.0/8.
        return "7F" in (address[-2:], address[:2])
    return address in _IPV6_LOOPBACK
