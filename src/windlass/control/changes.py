"""The change feed: a row written in the transaction that changes, and a wake-up after it.

The row is what counts. A wake-up that is lost costs time until the next look at the feed, and a
row that is missed costs time until the next full resync.
"""

import contextlib
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, delete, func, insert, select

from windlass.control.tables import change
from windlass.kit import datagrams
from windlass.kit.database import Database

_CHANNEL = "windlass_change"
# On PostgreSQL a smaller number can be committed after a larger one was read.
_LOOK_BACK = 256
_KEPT_ROWS = 10_000
# Built once: to build a statement takes longer than to run it.
_ADD = insert(change)
_NOTIFY = select(func.pg_notify(_CHANNEL, ""))
_AFTER = select(change).where(change.c.sequence > bindparam("floor")).order_by(change.c.sequence)


@dataclass(frozen=True, slots=True)
class Change:
    """Something about `key`, of the given kind, is no longer as it was."""

    kind: str
    key: str


def record_change(connection: Connection, kind: str, key: str) -> None:
    """Say, in the transaction that changes it, that `key` has changed."""
    connection.execute(_ADD, {"kind": kind, "key": key})
    if connection.dialect.name == "postgresql":
        connection.execute(_NOTIFY)


class ChangeFeed:
    """Reads each change once; not thread-safe."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._seen: set[int] = set()
        with database.read() as connection:
            self._last = connection.execute(select(func.max(change.c.sequence))).scalar() or 0
        # What is committed already is the first full resync's business.
        self._seen.update(range(max(0, self._last - _LOOK_BACK), self._last + 1))

    def read(self) -> Sequence[Change]:
        """The changes committed since the last call."""
        floor = self._last - _LOOK_BACK
        with self._database.read() as connection:
            rows = connection.execute(_AFTER, {"floor": floor}).all()
        fresh = [row for row in rows if row.sequence not in self._seen]
        if fresh:
            self._last = max(self._last, fresh[-1].sequence)
        self._seen = {row.sequence for row in rows if row.sequence > self._last - _LOOK_BACK}
        return [Change(row.kind, row.key) for row in fresh]


def trim_changes(database: Database) -> None:
    """Remove rows that every reader has long read."""
    newest = select(func.max(change.c.sequence)).scalar_subquery()
    old = delete(change).where(change.c.sequence <= newest - _KEPT_ROWS)
    database.write(lambda connection: connection.execute(old))


class WakeUps:
    """Datagrams that say "look": from API processes and from supervisors of replicas.

    The payload, if any, is the id of the replica that changed.
    """

    def __init__(self, address: str) -> None:
        """`address` is as `windlass.kit.datagrams` has it."""
        self._socket = datagrams.listen(address)

    def wait(self, timeout_seconds: float) -> set[str]:
        """Wait for a datagram, then take all that are there; the ids in them."""
        self._socket.settimeout(timeout_seconds)
        ids: set[str] = set()
        try:
            ids.add(self._receive())
            self._socket.setblocking(False)
            while True:
                ids.add(self._receive())
        except (TimeoutError, BlockingIOError):
            return ids - {""}

    def close(self) -> None:
        """Stop listening."""
        self._socket.close()

    def _receive(self) -> str:
        return self._socket.recv(4096).decode("utf-8", "replace")


class Waker:
    """Sends wake-ups; never waits and never fails. Make it after forking."""

    def __init__(self, address: str) -> None:
        """`address` is that of `WakeUps`."""
        self._address = datagrams.native(address)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)

    def wake(self, payload: str = "") -> None:
        """Say "look"."""
        # Nobody listens, or so much is queued that somebody is about to look anyway.
        with contextlib.suppress(OSError):
            self._socket.sendto(payload.encode(), self._address)


def listen_to_postgresql(url: str, wake: Callable[[], None], stop: threading.Event) -> None:
    """Call `wake` at every NOTIFY of the change feed, until `stop`; reconnects by itself."""
    import psycopg

    while not stop.is_set():
        try:
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute(f"LISTEN {_CHANNEL}")
                while not stop.is_set():
                    for _ in connection.notifies(timeout=1.0, stop_after=1):
                        wake()
        except psycopg.OperationalError:
            stop.wait(1.0)
