"""Why pods lost their place, in a sentence."""

from windlass.scheduling.amounts import SHARED_RESOURCES
from windlass.scheduling.decisions import Action, Cause, Eviction, QueueNumbers
from windlass.scheduling.model import Workload
from windlass.scheduling.quantities import Resource, describe, describe_bound

GPU = SHARED_RESOURCES.index(Resource.GPU)


def eviction_of(
    workload: Workload, pod_id: str, cause: Cause, *, moves: bool, passed_on_to: str | None = None
) -> Eviction:
    """The eviction as users are told it."""
    message = _message(workload, pod_id, cause, moves=moves)
    if passed_on_to is not None:
        message += f" By the same rules that room went on to workload {passed_on_to}."
    return Eviction(pod_id, workload.id, cause, moves, message, passed_on_to)


def _message(workload: Workload, pod_id: str, cause: Cause, *, moves: bool) -> str:
    gives_way = "is moved to make room for" if moves else "loses its place to"
    match cause.action:
        case Action.CONSOLIDATE:
            return (
                f"Pod {pod_id} {gives_way} workload {cause.beneficiary}: what is free then lies "
                "together."
            )
        case Action.PREEMPT:
            return (
                f"Pod {pod_id} {gives_way} workload {cause.beneficiary} of the same queue, whose "
                f"priority {cause.beneficiary_priority} is higher than {workload.priority}."
            )
        case Action.RECLAIM:
            numbers = " ".join(map(_queue_sentence, cause.queues))
            return (
                f"Pod {pod_id} {gives_way} workload {cause.beneficiary} of another queue. {numbers}"
            )
        case Action.STALE_GANG:
            return (
                f"Pod {pod_id} loses its place: too few pods of workload {workload.id} run, "
                f"{workload.minimum} are needed together."
            )


def _queue_sentence(queue: QueueNumbers) -> str:
    return (
        f"Queue {queue.queue_id} held {describe(Resource.GPU, queue.allocated[GPU])}, deserves "
        f"{describe_bound(Resource.GPU, queue.deserved[GPU])}, and its fair share is "
        f"{describe(Resource.GPU, queue.fair_share[GPU])}."
    )
