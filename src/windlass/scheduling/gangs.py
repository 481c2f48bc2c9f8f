"""Which pods of a workload are placed together.

Source: KAI-Scheduler, `pkg/scheduler/api/podgroup_info/allocation_info.go`.
"""

from collections.abc import Mapping, Sequence

from windlass.scheduling.cluster import Cluster
from windlass.scheduling.model import Placement, Pod, Workload
from windlass.scheduling.placing import find_place


def next_pods(workload: Workload, placed: Mapping[str, Placement]) -> list[Pod]:
    """The pods to place together next: all that the minimum lacks, or else one extra.

    `placed` holds the pods of any workload that have a place, by id.
    """
    waiting = [pod for pod in workload.pods if pod.id not in placed]
    lacking = workload.minimum - (len(workload.pods) - len(waiting))
    return waiting[:lacking] if lacking > 0 else waiting[:1]


def place_together(
    cluster: Cluster, pods: Sequence[Pod], node_labels: Mapping[str, str]
) -> dict[str, Placement] | None:
    """Places for all these pods, which then hold them; or None, and nothing is changed."""
    mark = cluster.checkpoint()
    places: dict[str, Placement] = {}
    for pod in pods:
        place = find_place(cluster, pod.request, node_labels)
        if place is None:
            cluster.rollback(mark)
            return None
        cluster.place(pod.request, place)
        places[pod.id] = place
    return places
