"""Workloads and pods as the reconciler sees them, apart from the store."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from windlass.engines.engine import (
    DeviceShare,
    ExitReason,
    PinnedImage,
    ReplicaExit,
    ReplicaObservation,
    ReplicaState,
)
from windlass.workloads.phases import DesiredPhase


class PodState(StrEnum):
    """Where one pod stands."""

    PENDING = "Pending"
    """No place yet."""
    PLACED = "Placed"
    """Has a place; not started, or not known to be."""
    STARTING = "Starting"
    RUNNING = "Running"
    EXITED = "Exited"


@dataclass(frozen=True, slots=True)
class Pod:
    """One start of one replica. Times are in seconds since the epoch."""

    id: str
    workload_id: str
    revision_id: str
    ordinal: int
    created_at: float
    state: PodState = PodState.PENDING
    not_before: float | None = None
    node_name: str | None = None
    devices: tuple[DeviceShare, ...] = ()
    placed_at: float | None = None
    stop_requested_at: float | None = None
    ready: bool = False
    host: str | None = None
    port: int | None = None
    started_at: float | None = None
    first_ready_at: float | None = None
    last_ready_at: float | None = None
    exit: ReplicaExit | None = None
    additional_ports: Mapping[int, int] = field(default_factory=dict, compare=False)
    """Where its additional ports are reached, by the declared port; as the engine sees it, and not
    on record."""
    unready_because: str | None = field(default=None, compare=False)
    """What its last probe saw; not on record, and no change in itself."""
    unready_reason: str | None = field(default=None, compare=False)
    """The same in one word, where it waits for something that has a name."""
    engine_message: str | None = field(default=None, compare=False)
    """Why its engine cannot be asked about it for now; not on record either."""

    @property
    def is_alive(self) -> bool:
        """Whether it has not ended."""
        return self.state is not PodState.EXITED

    @property
    def is_placed(self) -> bool:
        """Whether it has a node."""
        return self.node_name is not None

    @property
    def is_stopping(self) -> bool:
        """Whether it was asked to stop."""
        return self.stop_requested_at is not None

    def exited(self, end: ReplicaExit) -> "Pod":
        """The same pod, ended."""
        return replace(self, state=PodState.EXITED, ready=False, exit=end)


@dataclass(frozen=True, slots=True)
class WorkloadRecord:
    """What the reconciler needs of a workload."""

    id: str
    type: str
    name: str
    project_id: str
    project_name: str
    desired_phase: DesiredPhase
    revision_id: str
    replicas: int
    """How many are wanted now."""
    spec: Mapping[str, Any]
    created_at: float
    phase: str
    phase_reason: str | None = None
    phase_message: str = ""
    first_running_at: float | None = None
    initializing_at: float | None = None
    failure_reason: str | None = None
    failure_message: str | None = None
    delete_requested_at: float | None = None
    pending_message: str | None = None
    """Why pods of it have no place."""
    is_out_of_room: bool = False
    """They have none, and nothing is about to free one."""
    image: PinnedImage | None = None
    """What its revision runs; None until its first replica is started, and for a process."""
    running_pods: int = 0
    priority: int = 0
    is_autoscaled: bool = False


@dataclass(frozen=True, slots=True)
class NewEvent:
    """Something to tell the user."""

    reason: str
    message: str
    warning: bool = False
    pod_id: str | None = None
    request_id: str | None = None
    """Of the request to the API that it answers to."""


@dataclass(frozen=True, slots=True)
class WorkloadState:
    """A workload with its pods: those alive, and the latest that ended, newest first."""

    record: WorkloadRecord
    alive: tuple[Pod, ...] = ()
    ended: tuple[Pod, ...] = field(default=())


_STATES = {
    ReplicaState.STARTING: PodState.STARTING,
    ReplicaState.RUNNING: PodState.RUNNING,
}


def merge_observation(
    pod: Pod, seen: ReplicaObservation | None, now: float
) -> tuple[Pod, Sequence[NewEvent]]:
    """What a pod becomes by what its engine sees of it, and what to tell about it."""
    if seen is None:
        return _without_trace(pod, now)
    if seen.exit is not None:
        end = seen.exit
        started = pod.started_at or seen.started_at
        merged = replace(
            pod,
            started_at=started,
            first_ready_at=pod.first_ready_at or seen.first_ready_at,
            last_ready_at=end.at if pod.ready else pod.last_ready_at,
        ).exited(end)
        return merged, [_exit_event(pod, end)]
    merged = replace(
        pod,
        state=_STATES[seen.state],
        ready=seen.ready,
        host=seen.host,
        port=seen.port,
        additional_ports=seen.additional_ports,
        started_at=seen.started_at,
        first_ready_at=pod.first_ready_at or seen.first_ready_at,
        last_ready_at=now if pod.ready or seen.ready else pod.last_ready_at,
        unready_because=None if seen.ready else seen.readiness_message,
        engine_message=seen.engine_message,
    )
    return merged, _change_events(pod, merged, seen)


def _without_trace(pod: Pod, now: float) -> tuple[Pod, Sequence[NewEvent]]:
    if pod.state in (PodState.PENDING, PodState.PLACED):
        return pod, ()
    end = ReplicaExit(ExitReason.LOST, "The engine has no trace of it any more.", now)
    return pod.exited(end), [_exit_event(pod, end)]


def _change_events(before: Pod, after: Pod, seen: ReplicaObservation) -> list[NewEvent]:
    events = []
    if before.started_at is None and after.started_at is not None:
        events.append(
            NewEvent(
                "Started",
                _started(after, seen),
                False,
                after.id,
            )
        )
        events += [NewEvent("Limits", note, False, after.id) for note in seen.notes]
    if after.ready and not before.ready:
        events.append(NewEvent("Ready", f"Replica {after.ordinal} is ready.", False, after.id))
    if before.ready and not after.ready:
        reason = seen.readiness_message or "its readiness probe fails"
        events.append(
            NewEvent("Unready", f"Replica {after.ordinal} is not ready: {reason}.", True, after.id)
        )
    return events


def _started(pod: Pod, seen: ReplicaObservation) -> str:
    # The first process of a container may be out of sight, as in a virtual machine.
    process = f" as process {seen.pid}" if seen.pid is not None else ""
    return f"Replica {pod.ordinal} started{process}."


def _exit_event(pod: Pod, end: ReplicaExit) -> NewEvent:
    expected = end.reason is ExitReason.STOPPED
    return NewEvent(
        "Stopped" if expected else str(end.reason),
        f"Replica {pod.ordinal}: {end.message}",
        not expected,
        pod.id,
    )
