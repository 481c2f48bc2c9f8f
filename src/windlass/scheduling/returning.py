"""Nobody is moved for nothing: pods go back where nobody needs their old place."""

from windlass.scheduling.jobs import PodState
from windlass.scheduling.keeping_devices import keep_devices
from windlass.scheduling.model import Placement
from windlass.scheduling.session import Session


def is_elsewhere(pod: PodState, place: Placement | None) -> bool:
    """Whether the pod would have to be moved from this place: to another node, or to other
    devices where it shares them. Whole devices of a node are as good as each other."""
    if pod.place is None or place is None:
        return False
    if pod.place.node != place.node:
        return True
    return pod.request.shares_devices and pod.place != place


def has_moved(pod: PodState) -> bool:
    """Whether a pod that was evicted runs elsewhere now."""
    return is_elsewhere(pod, pod.home)


def return_to_origin(session: Session) -> None:
    """Put pods back where the snapshot has them, if their place is free again.

    Not those of a workload whose pods are to be together: they would leave the others.
    """
    if session.causes:
        _exchange_devices(session)
    for pod_id in sorted(session.causes):
        pod = session.pods.get(pod_id)
        if pod is None or pod.origin is None or not is_elsewhere(pod, pod.origin):
            continue
        if not pod.job.workload.is_grouped:
            _move(session, pod, pod.origin)


def _exchange_devices(session: Session) -> None:
    """Let pods on their old node have their old devices, as far as those are alike."""
    before = {pod.id: pod.origin for pod in session.pods.values() if pod.origin is not None}
    now = session.places()
    after = dict(now)
    keep_devices((state.node for state in session.cluster.nodes), before, after)
    changed = [session.pods[pod] for pod, place in after.items() if place != now[pod]]
    for pod in changed:
        session.evict(pod)
    for pod in changed:
        session.place(pod, after[pod.id])


def _move(session: Session, pod: PodState, place: Placement) -> None:
    mark = session.checkpoint()
    session.evict(pod)
    if session.cluster.can_hold(pod.request, place):
        session.place(pod, place)
    else:
        session.rollback(mark)
