"""Copies a container's log from its engine: no line twice, and none left out after a break.

The engine marks each piece with the time it was written, some only with its second; so what came
last is known by its time and by how many pieces came with that time.
"""

import calendar
import contextlib
import time
from collections.abc import Generator

from windlass.kit.supervision.program.containers.activity import Waiting
from windlass.kit.supervision.program.containers.api import Unreachable, stream
from windlass.kit.supervision.program.log import Log

_HEADER = 8
_RETRY = 0.5

Moment = tuple[int, int]
"""Seconds since the epoch, and nanoseconds."""


class LogCopy:
    """Appends to `log` what the container writes."""

    def __init__(self, socket: str, container: str, log: Log) -> None:
        self._socket = socket
        self._container = container
        self._log = log
        self._last: Moment = (0, 0)
        self._with_last = 0
        self._to_skip = 0
        self._buffer = b""
        self._read_stamp: tuple[bytes, Moment | None] = (b"", None)

    def follow(self) -> Generator[Waiting, None, None]:
        """Copy for as long as it is continued; an engine that went away is asked again."""
        while True:
            with contextlib.suppress(Unreachable):
                yield from self._read("true")
            yield None, time.monotonic() + _RETRY

    def catch_up(self) -> Generator[Waiting, None, None]:
        """Copy what is there and not copied yet. Raises Unreachable."""
        yield from self._read("false")

    def _read(self, follow: str) -> Generator[Waiting, None, None]:
        self._buffer = b""
        self._to_skip = self._with_last
        query = f"follow={follow}&stdout=true&stderr=true&timestamps=true&since={self._last[0]}"
        path = f"/containers/{self._container}/logs?{query}"
        yield from stream(self._socket, "GET", path, self._take)

    def _take(self, data: bytes) -> None:
        """Pieces, each with a header: the stream, three zeros, and the length in four bytes."""
        self._buffer += data
        texts: list[bytes] = []
        begin = 0
        while len(self._buffer) >= begin + _HEADER:
            text = begin + _HEADER
            end = text + int.from_bytes(self._buffer[begin + 4 : text], "big")
            if len(self._buffer) < end:
                break
            texts.append(self._new_text(self._buffer[text:end]))
            begin = end
        self._buffer = self._buffer[begin:]
        if new := b"".join(texts):
            self._log.write(new)

    def _new_text(self, piece: bytes) -> bytes:
        """What of a piece was not copied before; it begins with its time."""
        stamp, _, text = piece.partition(b" ")
        moment = self._moment_of(stamp)
        if moment is None or moment < self._last:
            return b""
        if moment == self._last and self._to_skip:
            self._to_skip -= 1
            return b""
        self._with_last = self._with_last + 1 if moment == self._last else 1
        self._to_skip = 0
        self._last = moment
        return text

    def _moment_of(self, stamp: bytes) -> Moment | None:
        if stamp != self._read_stamp[0]:
            # Many pieces may come with one time, and reading it takes longer than all else.
            self._read_stamp = stamp, _moment(stamp.decode("ascii", "replace"))
        return self._read_stamp[1]


def _moment(stamp: str) -> Moment | None:
    """A time as RFC 3339 writes it."""
    date, rest = stamp[:19], stamp[19:]
    try:
        seconds = calendar.timegm(time.strptime(date, "%Y-%m-%dT%H:%M:%S"))
    except ValueError:
        return None
    fraction = rest[1:].rstrip("Z") if rest.startswith(".") else ""
    for sign in "+-":
        fraction, _, _ = fraction.partition(sign)
    zone = rest.lstrip(".0123456789")
    if zone not in ("Z", "") and zone[1:3].isdigit() and zone[4:6].isdigit():
        offset = int(zone[1:3]) * 3600 + int(zone[4:6]) * 60
        seconds -= offset if zone[0] == "+" else -offset
    return seconds, int(fraction.ljust(9, "0")[:9] or "0")
