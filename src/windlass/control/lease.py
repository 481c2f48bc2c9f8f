"""Who runs the controllers: one holder at a time, each with a higher epoch than all before it.

A holder that is a dead process of this machine is replaced at once. Any other is replaced when its
row has not changed for `duration_seconds` of the observer's own clock, so that clocks of different
machines need not agree.
"""

import os
import socket
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, Row, bindparam, insert, select, update

from windlass.control.tables import lease
from windlass.kit.clock import Clock
from windlass.kit.database import Database

DURATION_SECONDS = 10.0

# Built once, for every transaction of the controllers asks.
_EPOCH = select(lease.c.epoch).where(lease.c.name == bindparam("name")).with_for_update(read=True)


@dataclass(frozen=True, slots=True)
class Holder:
    """One process of one machine, told apart from a later one with the same process id."""

    host: str
    pid: int
    start_time: str

    @classmethod
    def this_process(cls) -> "Holder":
        """The calling process."""
        return cls(_host(), os.getpid(), _start_time(os.getpid()) or "")

    @classmethod
    def parse(cls, text: str) -> "Holder":
        """Read what `str` gave."""
        host, pid, start_time = text.rsplit(" ", 2)
        return cls(host, int(pid), start_time)

    def __str__(self) -> str:
        return f"{self.host} {self.pid} {self.start_time}"

    def is_dead(self) -> bool:
        """Whether it is known to be gone; of another machine nothing is known."""
        return self.host == _host() and _start_time(self.pid) != self.start_time


class Lease:
    """One named lease, seen from one process; not thread-safe."""

    def __init__(self, database: Database, clock: Clock, holder: Holder, name: str) -> None:
        self._database = database
        self._clock = clock
        self._holder = holder
        self._name = name
        self._seen: tuple[str, int] | None = None
        self._seen_at = 0.0

    def acquire(self, above: int = 0) -> int | None:
        """The epoch, if the lease is ours now; None while another holds it.

        It is higher than `above`: what was last obeyed, where the store may know less of that,
        having been restored or replaced.
        """
        return self._database.write(lambda connection: self._take(connection, above))

    def renew(self, epoch: int) -> bool:
        """Say that we are alive; False when the lease of that epoch is no longer ours."""
        statement = (
            update(lease)
            .where(lease.c.name == self._name, lease.c.epoch == epoch)
            .values(renewals=lease.c.renewals + 1)
        )
        return self._database.write(lambda c: c.execute(statement).rowcount == 1)

    def release(self, epoch: int) -> None:
        """Let another take it at once; the epoch still counts."""
        statement = (
            update(lease)
            .where(lease.c.name == self._name, lease.c.epoch == epoch)
            .values(holder="")
        )
        self._database.write(lambda c: c.execute(statement))

    def _take(self, connection: Connection, above: int) -> int | None:
        query = select(lease).where(lease.c.name == self._name).with_for_update()
        row = connection.execute(query).one_or_none()
        values = {
            "holder": str(self._holder),
            "renewals": 0,
            "acquired_at": self._clock.now(),
        }
        if row is None:
            connection.execute(insert(lease).values(name=self._name, epoch=above + 1, **values))
            return above + 1
        if not self._is_free(row):
            return None
        epoch = max(int(row.epoch), above) + 1
        connection.execute(
            update(lease).where(lease.c.name == self._name).values(epoch=epoch, **values)
        )
        return epoch

    def _is_free(self, row: Row[tuple[object, ...]]) -> bool:
        if row.holder == "" or Holder.parse(row.holder).is_dead():
            return True
        seen = (row.holder, row.renewals)
        now = self._clock.monotonic()
        if seen != self._seen:
            self._seen, self._seen_at = seen, now
        return now - self._seen_at >= DURATION_SECONDS


def current_holder(connection: Connection, name: str) -> tuple[Holder, int] | None:
    """Who holds the lease, and its epoch."""
    row = connection.execute(select(lease).where(lease.c.name == name)).one_or_none()
    if row is None or row.holder == "":
        return None
    return Holder.parse(row.holder), int(row.epoch)


class LeaseLost(Exception):
    """Another holder has acquired the lease since."""


def require_epoch(connection: Connection, name: str, epoch: int) -> None:
    """Within a transaction, make sure that the lease is still ours. Raises LeaseLost."""
    if connection.execute(_EPOCH, {"name": name}).scalar_one_or_none() != epoch:
        raise LeaseLost(name)


def _host() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        boot = ""
    return f"{socket.gethostname()}/{boot}".replace(" ", "-")


def _start_time(pid: int) -> str | None:
    """Clock ticks from boot to the start of a process (proc(5), field 22 of stat)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in ("Z", "X") else fields[19]
