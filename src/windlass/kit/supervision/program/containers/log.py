"""Copies a container's log from its engine: no line twice, and none left out after a break.

The engine marks each piece with the time it was written, some only with its second; so what came
last is known by its time and by how many pieces came with that time.
"""

import calendar
import time
from collections.abc import Callable, Generator

from windlass.kit.supervision.program.containers.activity import Waiting
from windlass.kit.supervision.program.containers.api import Unreachable, ask, stream
from windlass.kit.supervision.program.log import Log

_HEADER = 8
_RETRY = 0.5
_PATIENCE = 5.0
_STREAMS = (0, 1, 2)

Moment = tuple[int, int]
"""Seconds since the epoch, and nanoseconds."""


class LogCopy:
    """Appends to `log` what the container writes."""

    def __init__(
        self, socket: str, container: str, log: Log, tell: Callable[[str | None], None]
    ) -> None:
        """`tell` hears why the engine does not answer, and None once it does again."""
        self._tell = tell
        self._socket = socket
        self._container = container
        self._log = log
        self._last: Moment = (0, 0)
        self._with_last = 0
        self._to_skip = 0
        self._buffer = b""

    def follow(self) -> Generator[Waiting, None, None]:
        """Copy for as long as it is continued; an engine that went away is asked again."""
        while True:
            try:
                yield from self._read("true")
            except Unreachable:
                yield from self._until_it_answers()
            yield None, time.monotonic() + _RETRY

    def catch_up(self) -> Generator[Waiting, None, None]:
        """Copy what is there and not copied yet. Raises Unreachable."""
        yield from self._read("false")

    def _until_it_answers(self) -> Generator[Waiting, None, None]:
        while True:
            try:
                yield from ask(self._socket, "GET", "/_ping", None, _PATIENCE)
            except Unreachable as error:
                self._tell(str(error))
                yield None, time.monotonic() + _RETRY
                continue
            self._tell(None)
            return

    def _read(self, follow: str) -> Generator[Waiting, None, None]:
        self._buffer = b""
        self._to_skip = self._with_last
        query = f"follow={follow}&stdout=true&stderr=true&timestamps=true&since={self._last[0]}"
        path = f"/containers/{self._container}/logs?{query}"
        yield from stream(self._socket, "GET", path, self._take)

    def _take(self, data: bytes) -> None:
        """Pieces, each with a header: the stream, three zeros, and the length in four bytes."""
        self._buffer += data
        while len(self._buffer) >= _HEADER and self._buffer[0] in _STREAMS:
            end = _HEADER + int.from_bytes(self._buffer[4:_HEADER], "big")
            if len(self._buffer) < end:
                return
            piece, self._buffer = self._buffer[_HEADER:end], self._buffer[end:]
            self._take_piece(piece)

    def _take_piece(self, piece: bytes) -> None:
        stamp, _, text = piece.partition(b" ")
        moment = _moment(stamp.decode("ascii", "replace"))
        if moment is None:
            return
        if moment < self._last:
            return
        if moment == self._last and self._to_skip:
            self._to_skip -= 1
            return
        self._with_last = self._with_last + 1 if moment == self._last else 1
        self._to_skip = 0
        self._last = moment
        self._log.write(text)


def _moment(stamp: str) -> Moment | None:
    """A time as RFC 3339 writes it."""
    date, _, rest = stamp[:19], stamp[19:20], stamp[19:]
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
