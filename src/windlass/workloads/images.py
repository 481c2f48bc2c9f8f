"""Waiting for an image before replicas are started from it. Pure."""

from collections.abc import Sequence
from dataclasses import replace

from windlass.engines.engine import ImageState, ImageStatus
from windlass.workloads.lifecycle import Decision
from windlass.workloads.phases import DesiredPhase
from windlass.workloads.records import NewEvent, Pod, PodState, WorkloadState

_LOOK_AGAIN_SECONDS = 0.5
_STEPS = 4
"""How many events tell of the progress of one pull."""

Told = tuple[str, int, int]
"""What was told of an image last: the reason, the attempt, and the step of its progress."""


def needs_image(state: WorkloadState) -> bool:
    """Whether a replica is about to be started."""
    is_wanted = state.record.desired_phase is DesiredPhase.RUNNING
    return is_wanted and any(pod.state is PodState.PLACED for pod in state.alive)


def with_image(state: WorkloadState, image: ImageStatus | None) -> WorkloadState:
    """The same, with pods that wait for the image saying so."""
    if image is None or image.state is ImageState.PRESENT:
        return state
    return replace(state, alive=tuple(_waiting(pod, image) for pod in state.alive))


def hold_back(decision: Decision, image: ImageStatus | None) -> Decision:
    """The same, but that nothing is started as long as its image is not there.

    The time that a first pull takes does not count as initialization; that of failing pulls does.
    """
    if image is None or image.state is ImageState.PRESENT:
        return decision
    again = [_LOOK_AGAIN_SECONDS, decision.look_again_seconds]
    progresses = image.state is ImageState.PULLING and image.attempt <= 1
    return replace(
        decision,
        start=(),
        initializing_at=None if progresses else decision.initializing_at,
        look_again_seconds=min(seconds for seconds in again if seconds is not None),
    )


def told_of(image: ImageStatus) -> Told | None:
    """What there is to tell; None where there is nothing."""
    if image.state is ImageState.PRESENT and not image.pulled:
        return None
    step = int((image.progress or 0.0) * _STEPS) if image.state is ImageState.PULLING else 0
    return image.reason, image.attempt, step


def image_events(image: ImageStatus | None, told: Told | None) -> Sequence[NewEvent]:
    """What to tell of the image, when `told` was told last."""
    if image is None or told_of(image) in (None, told):
        return ()
    message = image.message[:1].upper() + image.message[1:]
    return (NewEvent(image.reason, message, image.state is ImageState.FAILED),)


def _waiting(pod: Pod, image: ImageStatus) -> Pod:
    if pod.state is not PodState.PLACED:
        return pod
    return replace(pod, unready_because=image.message, unready_reason=image.reason)
