"""How much of the machine all held requests together may take."""

import os
import resource
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

REQUEST_BYTES = 150_000
"""Of Envoy and the gate, for one held request without a body; `bench/traffic.py` measures it."""
BODY_BYTES = 800_000
"""Of a body that is larger, Envoy takes no more until the request goes on; measured likewise."""
MOST_BYTES = 2 * 1024**3
DESCRIPTORS_KEPT = 2_000
"""Left for everything that is not held."""
LEAST_REQUESTS = 100


def held_bytes(headers: Mapping[str, str]) -> int:
    """What a request takes while it is held, from its headers in lower case."""
    if headers.get("transfer-encoding"):
        return REQUEST_BYTES + BODY_BYTES
    length = headers.get("content-length", "")
    return REQUEST_BYTES + (min(int(length), BODY_BYTES) if length.isdecimal() else 0)


class Room:
    """What held requests take now, and may take at most."""

    def __init__(self, most_bytes: int = MOST_BYTES, most_requests: int = 1_000_000) -> None:
        self._most_bytes = most_bytes
        self._most_requests = most_requests
        self._bytes = 0
        self.requests = 0

    @classmethod
    def of_this_machine(cls) -> "Room":
        """A quarter of the memory at most, and no more than Envoy may open connections for."""
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        _, descriptors = resource.getrlimit(resource.RLIMIT_NOFILE)
        if descriptors == resource.RLIM_INFINITY:
            return cls(min(MOST_BYTES, memory // 4))
        # Each is a connection.
        most_requests = max(LEAST_REQUESTS, descriptors - DESCRIPTORS_KEPT)
        return cls(min(MOST_BYTES, memory // 4), most_requests)

    def has(self, size: int) -> bool:
        """Whether one more request of so many bytes may wait."""
        return self.requests < self._most_requests and self._bytes + size <= self._most_bytes

    @contextmanager
    def taken(self, size: int) -> Iterator[None]:
        """For as long as a request is held."""
        self._bytes += size
        self.requests += 1
        try:
            yield
        finally:
            self._bytes -= size
            self.requests -= 1
