"""What a workload's status says, from its record and the decision just taken. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from windlass.workloads.lifecycle import Decision
from windlass.workloads.phases import Facts, Phase, phase_of
from windlass.workloads.records import NewEvent, Pod, WorkloadRecord
from windlass.workloads.restarts import failed_starts

ENGINE_LOST = "ContainerEngineLost"


@dataclass(frozen=True, slots=True)
class Status:
    """The columns that tell where a workload stands."""

    phase: Phase
    reason: str | None
    message: str
    running_pods: int


def status_of(
    record: WorkloadRecord, decision: Decision, ended: Sequence[Pod], minimum: int, *, routed: bool
) -> Status:
    """Where it stands now. `ended` are its latest ended pods, newest first; `minimum` is the fewest
    replicas with which it serves as it was asked to."""
    current = [
        pod
        for pod in decision.alive
        if pod.revision_id == record.revision_id and not pod.is_stopping
    ]
    facts = Facts(
        desired=record.desired_phase,
        wanted=record.replicas,
        minimum=minimum,
        alive=len(decision.alive),
        placed=sum(pod.is_placed for pod in current),
        ready=sum(pod.ready for pod in current),
        ready_once=sum(pod.first_ready_at is not None for pod in current),
        unhealthy=sum(_is_unhealthy(pod) for pod in current),
        routed=routed,
        has_run=record.first_running_at is not None,
        failed=decision.failure is not None,
    )
    phase = phase_of(facts)
    reason, message = _explanation(phase, record, decision, current, ended)
    return Status(phase, reason, message, facts.ready)


def engine_events(record: WorkloadRecord, status: Status) -> Sequence[NewEvent]:
    """That the engine of its replicas was lost, or found again."""
    # Of replicas that run: where one waits to be started, its image's events say so.
    was_lost = (record.phase, record.phase_reason) == (Phase.RUNNING, ENGINE_LOST)
    is_lost = (status.phase, status.reason) == (Phase.RUNNING, ENGINE_LOST)
    if is_lost and not was_lost:
        return (NewEvent(ENGINE_LOST, status.message, True),)
    if was_lost and not is_lost:
        return (NewEvent("ContainerEngineFound", "The container engine answers again."),)
    return ()


def status_columns(record: WorkloadRecord, status: Status, now: float) -> Mapping[str, Any]:
    """The columns to change, none when it stands where it stood."""
    values: dict[str, Any] = {}
    if status.phase != record.phase:
        values.update(phase=status.phase.value, phase_updated_at=now)
        if status.phase is Phase.RUNNING and record.first_running_at is None:
            values["first_running_at"] = now
    if (status.reason, status.message) != (record.phase_reason, record.phase_message):
        values.update(phase_reason=status.reason, phase_message=status.message)
    if status.running_pods != record.running_pods:
        values["running_pods"] = status.running_pods
    return values


def _explanation(
    phase: Phase,
    record: WorkloadRecord,
    decision: Decision,
    current: Sequence[Pod],
    ended: Sequence[Pod],
) -> tuple[str | None, str]:
    if decision.failure is not None:
        return decision.failure.reason, decision.failure.message
    if phase is Phase.PENDING:
        return "Unschedulable" if record.pending_message else None, record.pending_message or ""
    if phase in (Phase.INITIALIZING, Phase.DEGRADED):
        return _unready(record, current, ended)
    if phase is Phase.RUNNING:
        return _without_engine(current) or (None, _scaling_up(record, current))
    if phase is Phase.DELETING:
        return None, _deleting(decision.alive)
    return None, ""


def _unready(
    record: WorkloadRecord, current: Sequence[Pod], ended: Sequence[Pod]
) -> tuple[str | None, str]:
    counted = f"{sum(pod.ready for pod in current)} of {record.replicas} replicas are ready."
    for pod in current:
        history = [old for old in ended if old.ordinal == pod.ordinal]
        if pod.not_before is not None and not pod.ready and history and history[0].exit:
            starts = failed_starts(history)
            count = f" (ended {starts} times before it was ready)" if starts > 1 else ""
            return (
                "CrashLoop",
                f"{counted} Replica {pod.ordinal}{count}: {history[0].exit.message}",
            )
    waiting = next((pod for pod in current if pod.unready_reason and pod.unready_because), None)
    if waiting is not None:
        # What all replicas wait for is not said of one of them.
        because = waiting.unready_because or ""
        return waiting.unready_reason, f"{because[:1].upper()}{because[1:]}."
    reasons = [
        f" Replica {pod.ordinal}: {pod.unready_because}." for pod in current if pod.unready_because
    ]
    for pod in current:
        if pod.engine_message is not None and not pod.ready:
            told = pod.engine_message
            if pod.unready_because not in (None, told):
                told += f", and {pod.unready_because}"
            return ENGINE_LOST, f"{counted} Replica {pod.ordinal}: {told}."
    return None, "".join([counted, *reasons[:1]])


def _without_engine(current: Sequence[Pod]) -> tuple[str, str] | None:
    for pod in current:
        if pod.engine_message is not None:
            return ENGINE_LOST, f"Replicas go on, but {pod.engine_message}."
    return None


def _is_unhealthy(pod: Pod) -> bool:
    return not pod.ready and (pod.first_ready_at is not None or pod.not_before is not None)


def _scaling_up(record: WorkloadRecord, current: Sequence[Pod]) -> str:
    ready = sum(pod.ready for pod in current)
    if ready >= record.replicas:
        return ""
    waiting = f" {record.pending_message}" if record.pending_message else ""
    return f"{ready} of {record.replicas} replicas are ready.{waiting}"


def _deleting(alive: Sequence[Pod]) -> str:
    return f"{len(alive)} replicas have yet to end." if alive else ""
