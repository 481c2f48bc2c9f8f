"""What supervisors report, in the words of the engine."""

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from windlass.engines.engine import ExitReason, ReplicaExit, ReplicaObservation, ReplicaState
from windlass.engines.local.deaths import SupervisorDeaths
from windlass.kit.supervision.control import settle
from windlass.kit.supervision.observation import Exit, Observation, State, observe
from windlass.kit.supervision.program.directory import Directory

HOST = "127.0.0.1"
NOTES = "notes"
"""The label that carries a replica's notes, one a line."""
PORTS = "ports"
"""The label that carries where each declared port is reached, as JSON."""
IN_CONTAINER = "container"
"""The label of what runs in a container; its value says nothing."""
_LOG_LOST = "part of the log was lost, because it could not be written: {}"
_STATES = {
    State.STARTING: ReplicaState.STARTING,
    State.RUNNING: ReplicaState.RUNNING,
    State.WAITING: ReplicaState.STARTING,
    State.EXITED: ReplicaState.EXITED,
    State.LOST: ReplicaState.EXITED,
}


class Observations:
    """Reads replicas' directories, again only where something changed."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[tuple[int, int], ReplicaObservation]] = {}
        self._deaths: SupervisorDeaths | None = None

    def tell_deaths(self, tell: Callable[[str], None]) -> None:
        """From now on, call `tell` with the id of a replica whose supervisor was killed."""
        self._deaths = SupervisorDeaths(tell)

    def of(self, directory: Path) -> ReplicaObservation | None:
        """The directory's replica; None where none was started yet.

        Where its supervisor died, what it left is ended first.
        """
        stamp = _stamp(directory)
        seen = self._seen.get(directory.name)
        unchanged = stamp is not None and seen is not None and seen[0] == stamp
        if unchanged and seen is not None and _still_holds(seen[1], directory):
            return seen[1]
        observed = observe(directory)
        if observed is not None and observed.state is State.LOST:
            observed = settle(directory)
        if observed is None or observed.state is State.PREPARED:
            return None
        replica = _translated(observed)
        if self._deaths is not None and replica.state is not ReplicaState.EXITED:
            self._deaths.watch(directory, observed.supervisor_pid)
        if stamp is not None:
            # The stamp was taken before reading: a change since then is read again.
            self._seen[directory.name] = (stamp, replica)
        return replica

    def lost(self, replicas: Path) -> list[str]:
        """Ids, in that folder, of those last seen alive whose supervisor has died since."""
        seen = list(self._seen.items())
        return [
            replica_id
            for replica_id, (_, replica) in seen
            if not _still_holds(replica, replicas / replica_id)
        ]

    def forget(self, replica_id: str) -> None:
        """The replica's directory is gone."""
        self._seen.pop(replica_id, None)


def _stamp(directory: Path) -> tuple[int, int] | None:
    try:
        status = os.stat(directory / "state.json")
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns


def _still_holds(replica: ReplicaObservation, directory: Path) -> bool:
    """Whether a supervisor would have written any change since."""
    return replica.state is ReplicaState.EXITED or Directory(str(directory)).lock_is_held()


def ports_of(labels: Mapping[str, str]) -> dict[int, int]:
    """Where each declared port of a replica is reached."""
    return {int(declared): port for declared, port in json.loads(labels.get(PORTS, "{}")).items()}


def _translated(observed: Observation) -> ReplicaObservation:
    notes = [line for line in observed.labels.get(NOTES, "").split("\n") if line]
    if observed.log_error is not None:
        notes.append(_LOG_LOST.format(observed.log_error))
    return ReplicaObservation(
        replica_id=observed.id,
        state=_state(observed),
        ready=observed.ready,
        host=HOST,
        port=observed.port,
        additional_ports={
            declared: port
            for declared, port in ports_of(observed.labels).items()
            if port != observed.port
        },
        pid=observed.pid,
        started_at=observed.started_at,
        first_ready_at=observed.first_ready_at,
        readiness_message=observed.readiness_message,
        exit=_exit(observed.exit) if observed.exit else None,
        notes=tuple(notes),
        engine_message=observed.engine_message,
    )


def _state(observed: Observation) -> ReplicaState:
    if observed.state is State.LOST and IN_CONTAINER in observed.labels:
        # As long as its engine has not ended it, another must not be started in its place.
        return ReplicaState.RUNNING
    return _STATES[observed.state]


def _exit(end: Exit) -> ReplicaExit:
    return ReplicaExit(_reason(end), end.message, end.at, end.code, end.signal)


def _reason(end: Exit) -> ExitReason:
    if end.out_of_memory:
        return ExitReason.OUT_OF_MEMORY
    if end.start_failed:
        return ExitReason.START_FAILED
    if end.stopped:
        return ExitReason.STOPPED
    if end.lost:
        return ExitReason.LOST
    return ExitReason.COMPLETED if end.code == 0 else ExitReason.ERROR
