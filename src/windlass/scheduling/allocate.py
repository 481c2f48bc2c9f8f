"""The first action of a cycle: what fits is placed, in order, and nobody is evicted.

Source: KAI-Scheduler, `pkg/scheduler/actions/allocate`.
"""

from collections.abc import Sequence

from windlass.scheduling.capacity import is_allowed
from windlass.scheduling.jobs import Job, PodState, PodStatus, total_asked
from windlass.scheduling.order import PendingOrder
from windlass.scheduling.placing import find_place
from windlass.scheduling.reservations import Rooms, open_nodes
from windlass.scheduling.session import Session
from windlass.scheduling.topology import Area, areas_for, avoided_last


def allocate(session: Session) -> None:
    """Place waiting jobs in order, each first up to its minimum and then pod by pod."""
    waiting = waiting_jobs(session)
    if not any(might_have_room(session, job) for job in waiting):
        return
    failed: set[object] = set()
    order = PendingOrder(waiting)
    while order:
        job = order.pop()
        pods = job.next_pods()
        shape = shape_of(session, job, pods)
        if shape in failed or not is_allowed(job, total_asked(pods)):
            continue
        if not place_together(session, job, pods):
            failed.add(shape)
        elif has_waiting(job):
            order.push(job)


def waiting_jobs(session: Session) -> list[Job]:
    """Jobs with pods that wait and enough of them to reach their minimum."""
    jobs = session.jobs.values()
    return [job for job in jobs if job.placed < len(job.pods) and job.next_pods()]


def claiming_jobs(session: Session) -> list[Job]:
    """Waiting jobs for which others may be evicted or moved."""
    return [job for job in waiting_jobs(session) if job.id not in session.barred]


def might_have_room(session: Session, job: Job) -> bool:
    """False where no node has the whole devices that the job's next pod asks for: much cheaper than
    to bring into order a queue of jobs of which none has room."""
    return session.cluster.may_have_devices_for(job.next_pods()[0].request)


def has_waiting(job: Job) -> bool:
    """Whether pods of the job wait that could be placed in this cycle."""
    return job.placed < len(job.pods) and bool(job.next_pods())


def place_job(session: Session, job: Job, pods: Sequence[PodState]) -> bool:
    """Place all these pods, if their queues allow it and there is room; else change nothing."""
    if not pods or not is_allowed(job, total_asked(pods)):
        return False
    return place_together(session, job, pods)


def place_together(session: Session, job: Job, pods: Sequence[PodState]) -> bool:
    """Place all these pods in the first area that has room for all; else change nothing."""
    cluster = session.cluster
    kept = session.reservations.rooms_of(session.reservations.closed_to(job))
    avoided = cluster.avoided(job.workload)
    for area in areas_for(cluster, job, pods, cluster.suited(job.workload)):
        ordered = avoided_last(area, avoided, len(cluster.nodes)) if avoided else area
        mark = session.checkpoint()
        if all(_place_in(session, ordered, pod, kept) for pod in pods):
            return True
        session.rollback(mark)
    return False


def _place_in(session: Session, area: Area, pod: PodState, kept: Rooms) -> bool:
    cluster, request = session.cluster, pod.request
    home = pod.home if pod.status is PodStatus.EVICTED else None
    for group in area:
        allowed = open_nodes(cluster, group, request, kept) if kept else group
        place = find_place(cluster, request, session.settings, allowed, home)
        if place is not None:
            session.place(pod, place)
            return True
    return False


def shape_of(session: Session, job: Job, pods: Sequence[PodState]) -> object:
    """What decides whether pods have room, whatever their queue: equal shapes fit or fail alike."""
    confined = job.id if job.placed and job.workload.is_grouped else None
    requests = tuple(pod.request for pod in pods)
    closed = session.reservations.closed_to(job)
    return requests, job.constraints, confined, closed
