"""What stands in the store, read past the platform."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

_WORKLOADS = """
    SELECT id, name, desired_phase, phase, deleted_at IS NOT NULL, wanted_replicas, is_autoscaled
    FROM workload
"""
_PODS = """
    SELECT id, workload_id, state, ready, port, stop_requested_at IS NOT NULL
    FROM pod WHERE exited_at IS NULL
"""
_KNOWN = """
    SELECT pod.id FROM pod JOIN workload ON workload.id = pod.workload_id
    WHERE workload.deleted_at IS NULL
"""
_HOLDER = "SELECT holder FROM lease WHERE name = 'controllers'"


@dataclass(frozen=True, slots=True)
class PodRow:
    """One pod that has not ended."""

    id: str
    workload_id: str
    state: str
    ready: bool
    port: int | None
    stopping: bool


@dataclass(frozen=True, slots=True)
class WorkloadRow:
    """One workload, gone or not, with its living pods."""

    id: str
    name: str
    desired_phase: str
    phase: str
    gone: bool
    replicas: int
    """How many are wanted now."""
    is_autoscaled: bool
    pods: list[PodRow] = field(default_factory=list)

    @property
    def is_settled(self) -> bool:
        """Whether nothing is left to do about it."""
        if self.gone:
            return not self.pods
        served = len(self.pods) == self.replicas and all(
            pod.ready and not pod.stopping for pod in self.pods
        )
        return self.desired_phase == self.phase == "Running" and served


@dataclass(frozen=True, slots=True)
class Records:
    """All that is compared with the world, by id."""

    workloads: dict[str, WorkloadRow]
    known_pods: frozenset[str]
    """Pods of workloads that are not gone, ended ones included."""
    controllers_pid: int | None

    @property
    def living(self) -> list[WorkloadRow]:
        """The workloads that are not gone."""
        return [row for row in self.workloads.values() if not row.gone]


def read_records(data_dir: Path, database_url: str | None) -> Records:
    """Read the store. Raises sqlite3.Error or psycopg.Error."""
    if database_url is None:
        address = f"file:{data_dir / 'windlass.db'}?mode=ro"
        with closing(sqlite3.connect(address, uri=True, timeout=10)) as connection:
            # One snapshot, not four.
            connection.execute("BEGIN")
            return _read(connection)
    with psycopg.connect(database_url.replace("+psycopg", "")) as server:
        server.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        return _read(server)


def _read(connection: Any) -> Records:
    workloads = {row[0]: WorkloadRow(*row) for row in connection.execute(_WORKLOADS).fetchall()}
    for row in connection.execute(_PODS).fetchall():
        workloads[row[1]].pods.append(PodRow(*row))
    known = frozenset(row[0] for row in connection.execute(_KNOWN).fetchall())
    holder = connection.execute(_HOLDER).fetchone()
    pid = int(holder[0].rsplit(" ", 2)[1]) if holder and holder[0] else None
    return Records(workloads, known, pid)
