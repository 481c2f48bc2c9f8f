"""What to do about one workload, from what is desired and what is seen. Pure.

It never asks what just happened: run twice, or after a crash at any point, it comes to the same.
"""

import itertools
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from windlass.engines.engine import ExitReason, ReplicaExit
from windlass.workloads.phases import DesiredPhase
from windlass.workloads.records import (
    NewEvent,
    Pod,
    PodState,
    WorkloadRecord,
    WorkloadState,
)
from windlass.workloads.restarts import (
    LONGEST_BACK_OFF_SECONDS,
    MAXIMUM_STARTS,
    back_off_seconds,
    ended_by_itself,
    failed_starts,
)

DRAIN_SECONDS = 30.0
"""How long requests in flight have before their replica is told to stop, where it all ends."""
STOP_GRACE_SECONDS = 10.0
"""How long a replica has between SIGTERM and SIGKILL."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a workload is given up."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Decision:
    """What the workload's pods shall become, and what follows."""

    alive: tuple[Pod, ...]
    """Every pod that has not ended, new ones included."""
    ended: tuple[Pod, ...]
    """Pods that are ended by this decision: they never started."""
    start: tuple[Pod, ...]
    """Of the living, those to start now."""
    endpoints: tuple[Pod, ...]
    """Of the living, those that requests may reach."""
    starting: tuple[Pod, ...]
    """Of the living, those that requests may reach as soon as they are ready."""
    draining: tuple[Pod, ...]
    """Of the living, those whose last requests may still be under way."""
    events: tuple[NewEvent, ...]
    failure: Failure | None
    crash_loop: Failure | None
    """Why no replica is to be expected soon, though it is not given up: it has run before."""
    initializing_at: float | None
    look_again_seconds: float | None


def decide(
    state: WorkloadState,
    now: float,
    initialization_timeout_seconds: float,
    new_id: Callable[[], str],
    just_ended: Collection[str] = (),
) -> Decision:
    """What to do now. `just_ended` are pods whose place the next start may take over at once."""
    state = _with_interruption(state)
    record = state.record
    failure = _failure(state, now, initialization_timeout_seconds)
    if record.desired_phase is not DesiredPhase.RUNNING or failure is not None:
        wanted: tuple[Pod, ...] = ()
        created: tuple[Pod, ...] = ()
    else:
        wanted = _kept(state)
        created = _created(state, wanted, now, new_id, just_ended)
    return _decision(state, wanted, created, failure, now, initialization_timeout_seconds)


def drain_seconds(
    record: WorkloadRecord,
    failure: Failure | None,
    request_timeout_seconds: float,
    stop_requested_at: float,
) -> float:
    """How long requests in flight have, from `stop_requested_at` on, before their replica is told
    to stop.

    Where fewer replicas are to go on, nobody asked for an end: each request keeps its time-out, as
    with Knative, whose pods have the time-out of requests as their grace.
    """
    if record.desired_phase is DesiredPhase.RUNNING and failure is None:
        return max(DRAIN_SECONDS, request_timeout_seconds)
    # What was on its way out before has as long from the deletion on as all else.
    earlier = max(0.0, (record.delete_requested_at or 0.0) - stop_requested_at)
    return min(DRAIN_SECONDS + earlier, max(DRAIN_SECONDS, request_timeout_seconds))


def _with_interruption(state: WorkloadState) -> WorkloadState:
    """The same, its initialization begun anew if the platform or the machine ended a replica."""
    alive = {pod.ordinal for pod in state.alive}
    latest = [
        history[0]
        for ordinal in range(state.record.replicas)
        if ordinal not in alive and (history := _history(state, ordinal))
    ]
    if all(ended_by_itself(pod) for pod in latest):
        return state
    return replace(state, record=replace(state.record, initializing_at=None))


def _kept(state: WorkloadState) -> tuple[Pod, ...]:
    """The living pods that are wanted: at most one for each ordinal of the current revision.

    Where there are too many, those go first that are of least use to requests.
    """
    candidates: dict[int, Pod] = {}
    for pod in sorted(state.alive, key=lambda pod: pod.created_at):
        if pod.revision_id == state.record.revision_id and not pod.is_stopping:
            candidates.setdefault(pod.ordinal, pod)
    useful_first = sorted(candidates.values(), key=_usefulness)
    kept = useful_first[: state.record.replicas]
    return tuple(sorted(kept, key=lambda pod: pod.ordinal))


def _usefulness(pod: Pod) -> tuple[bool, bool, bool, int]:
    has_not_run = pod.state in (PodState.PENDING, PodState.PLACED)
    return not pod.ready, has_not_run, not pod.is_placed, pod.ordinal


def _created(
    state: WorkloadState,
    kept: Sequence[Pod],
    now: float,
    new_id: Callable[[], str],
    just_ended: Collection[str],
) -> tuple[Pod, ...]:
    taken = {pod.ordinal for pod in kept}
    free = (ordinal for ordinal in itertools.count() if ordinal not in taken)
    missing = itertools.islice(free, max(0, state.record.replicas - len(kept)))
    return tuple(_next_start(state, ordinal, now, new_id(), just_ended) for ordinal in missing)


def _next_start(
    state: WorkloadState, ordinal: int, now: float, pod_id: str, just_ended: Collection[str]
) -> Pod:
    record = state.record
    history = _history(state, ordinal)
    delay = back_off_seconds(history)
    pod = Pod(
        id=pod_id,
        workload_id=record.id,
        revision_id=record.revision_id,
        ordinal=ordinal,
        created_at=now,
        not_before=now + delay if delay else None,
    )
    if history and history[0].id in just_ended and history[0].is_placed:
        before = history[0]
        return replace(
            pod,
            state=PodState.PLACED,
            node_name=before.node_name,
            devices=before.devices,
            placed_at=now,
        )
    return pod


def _history(state: WorkloadState, ordinal: int) -> list[Pod]:
    return [
        pod
        for pod in state.ended
        if pod.ordinal == ordinal and pod.revision_id == state.record.revision_id
    ]


def _failure(state: WorkloadState, now: float, timeout_seconds: float) -> Failure | None:
    record = state.record
    if record.desired_phase is not DesiredPhase.RUNNING:
        return None
    if record.failure_reason is not None:
        return Failure(record.failure_reason, record.failure_message or "")
    if record.first_running_at is not None:
        return None
    return _crash_loop(state) or _initialization_timeout(state, now, timeout_seconds)


def _crash_loop(state: WorkloadState) -> Failure | None:
    for ordinal in range(state.record.replicas):
        history = _history(state, ordinal)
        if failed_starts(history) < MAXIMUM_STARTS or not ended_by_itself(history[0]):
            # Stopped or lost since, it may do better this time.
            continue
        if history[0].exit is not None:
            return Failure(
                "CrashLoop",
                f"Replica {ordinal} ended {MAXIMUM_STARTS} times before it was ready; at last: "
                f"{history[0].exit.message}",
            )
    return None


def _initialization_timeout(
    state: WorkloadState, now: float, timeout_seconds: float
) -> Failure | None:
    record = state.record
    if record.initializing_at is None or now - record.initializing_at < timeout_seconds:
        return None
    reasons = [
        f" Replica {pod.ordinal}: {pod.unready_because}."
        for pod in state.alive
        if pod.unready_because
    ]
    return Failure(
        "InitializationTimeout",
        f"Not ready {timeout_seconds:g} s after its replicas had a place "
        f"(servingConfiguration.initializationTimeoutSeconds).{''.join(reasons[:1])}",
    )


def _decision(
    state: WorkloadState,
    kept: tuple[Pod, ...],
    created: tuple[Pod, ...],
    failure: Failure | None,
    now: float,
    timeout_seconds: float,
) -> Decision:
    kept_ids = {pod.id for pod in kept}
    unwanted = [pod for pod in state.alive if pod.id not in kept_ids]
    ended = tuple(_never_started(pod, now) for pod in unwanted if _has_not_started(pod))
    stopping = tuple(
        pod if pod.is_stopping else replace(pod, stop_requested_at=now)
        for pod in unwanted
        if not _has_not_started(pod)
    )
    wanted = kept + created
    initializing_at = state.record.initializing_at
    if initializing_at is None and wanted and all(pod.is_placed for pod in wanted):
        initializing_at = now
    start = tuple(pod for pod in wanted if _is_due(pod, now))
    return Decision(
        alive=wanted + stopping,
        ended=ended,
        start=start,
        endpoints=tuple(pod for pod in wanted if pod.ready),
        starting=tuple(pod for pod in wanted if _is_starting(pod)),
        draining=tuple(pod for pod in stopping if pod.first_ready_at or _is_starting(pod)),
        events=tuple(_events(state.record, stopping, created, failure, now)),
        failure=failure,
        crash_loop=None if any(pod.ready for pod in wanted) else _crash_loop(state),
        initializing_at=initializing_at,
        look_again_seconds=_look_again(state.record, wanted, initializing_at, now, timeout_seconds),
    )


def _has_not_started(pod: Pod) -> bool:
    return pod.state in (PodState.PENDING, PodState.PLACED)


def _is_starting(pod: Pod) -> bool:
    """Whether requests reach it from the moment that it is ready, which is known here later."""
    return pod.state is PodState.RUNNING and not pod.ready


def _never_started(pod: Pod, now: float) -> Pod:
    return pod.exited(ReplicaExit(ExitReason.STOPPED, "Not wanted any more; never started.", now))


def _is_due(pod: Pod, now: float) -> bool:
    if pod.state is not PodState.PLACED:
        return False
    # A clock set back between two runs of the control plane must not stretch a back-off.
    wait = (pod.not_before or 0.0) - now
    return wait <= 0 or wait > LONGEST_BACK_OFF_SECONDS


def _events(
    record: WorkloadRecord,
    stopping: Sequence[Pod],
    created: Sequence[Pod],
    failure: Failure | None,
    now: float,
) -> list[NewEvent]:
    events = [
        NewEvent("Stopping", f"Replica {pod.ordinal} takes no new requests.", False, pod.id)
        for pod in stopping
        if pod.stop_requested_at == now
    ]
    events += [
        NewEvent(
            "BackOff",
            f"Replica {pod.ordinal} is started again in {pod.not_before - now:g} s.",
            True,
            pod.id,
        )
        for pod in created
        if pod.not_before is not None
    ]
    if failure is not None and record.failure_reason is None:
        events.append(NewEvent(failure.reason, failure.message, True))
    return events


def _look_again(
    record: WorkloadRecord,
    wanted: Sequence[Pod],
    initializing_at: float | None,
    now: float,
    timeout_seconds: float,
) -> float | None:
    moments = [
        pod.not_before
        for pod in wanted
        if pod.state is PodState.PLACED and pod.not_before is not None and pod.not_before > now
    ]
    if initializing_at is not None and record.first_running_at is None and wanted:
        moments.append(initializing_at + timeout_seconds)
    return max(0.0, min(moments) - now) if moments else None
