"""Which groups of nodes may take pods that are placed together.

A required level confines them to one of its domains, the fullest that has room; a preferred level
is tried first and then widened. Within a wider domain, its preferred sub-domains with most free
come first, so that the pods are split over as few as can be.

Source: KAI-Scheduler, `pkg/scheduler/plugins/topology`.
"""

from collections.abc import Iterator, Sequence

from windlass.scheduling.amounts import Amounts, within
from windlass.scheduling.cluster import Cluster, NodeState
from windlass.scheduling.jobs import Job, PodState, total_asked
from windlass.scheduling.model import AffinityType, Topology, Workload

Group = frozenset[int] | None
"""Nodes by rank; None: all."""

Area = tuple[Group, ...]
"""Groups of nodes that may all be used, the preferred first."""

Domain = list[NodeState]


def areas_for(
    cluster: Cluster, job: Job, pods: Sequence[PodState], suited: Group
) -> Iterator[Area]:
    """Areas for pods that are placed together, in the order to try.

    Where a workload has both, its topology holds within the domains of its pod affinity.
    """
    areas: Iterator[Area] = iter([(suited,)])
    if job.workload.is_grouped:
        for topology in topologies_of(job.workload):
            areas = _areas_within(cluster, job, pods, areas, topology)
    return areas


def topologies_of(workload: Workload) -> Iterator[Topology]:
    """What keeps its pods together: its pod affinity, as a topology of one level; its topology."""
    affinity = workload.pod_affinity
    if affinity is not None:
        key = affinity.key
        if affinity.type is AffinityType.REQUIRED:
            yield Topology((key,), required=key)
        else:
            yield Topology((key,), preferred=key)
    topology = workload.topology
    if topology is not None and (topology.required or topology.preferred):
        yield topology


def required_domains(nodes: Sequence[NodeState], workload: Workload) -> list[Domain]:
    """The groups of nodes of which one must take all pods of the workload."""
    domains = [list(nodes)]
    for topology in topologies_of(workload):
        if topology.required is not None:
            domains = [
                part
                for domain in domains
                for part in domains_of(domain, topology, topology.required)
            ]
    return domains


def avoided_last(area: Area, avoided: frozenset[int], count: int) -> Area:
    """The area with the avoided nodes of each group behind its others; `count` nodes are all."""
    groups = (frozenset(range(count)) if group is None else group for group in area)
    return tuple(part for group in groups for part in (group - avoided, group & avoided))


def _areas_within(
    cluster: Cluster,
    job: Job,
    pods: Sequence[PodState],
    areas: Iterator[Area],
    topology: Topology,
) -> Iterator[Area]:
    asked = total_asked(pods)
    all_asked = total_asked(pod for pod in job.pods if pod.place is None)
    for area in areas:
        nodes = _nodes_in(cluster, area)
        for level in levels_to_try(topology):
            domains = _with_room(domains_of(nodes, topology, level), asked, all_asked)
            for domain in _around_running_pods(domains, job, topology):
                yield tuple(_by_sub_domain(domain, topology, level))


def _nodes_in(cluster: Cluster, area: Area) -> Domain:
    if None in area:
        return cluster.nodes
    return [state for state in cluster.nodes if any(state.rank in group for group in area if group)]


def levels_to_try(topology: Topology) -> list[str | None]:
    """From the preferred level out to the required one; None is the whole pool."""
    out: list[str | None] = [*reversed(topology.levels), None]
    start = out.index(topology.preferred or topology.required)
    end = out.index(topology.required)
    return out[start : end + 1]


def domains_of(nodes: Sequence[NodeState], topology: Topology, level: str | None) -> list[Domain]:
    """The nodes by their labels down to the level; nodes without all of these are in no domain."""
    if level is None:
        return [list(nodes)]
    keys = topology.levels[: topology.levels.index(level) + 1]
    domains: dict[tuple[str, ...], Domain] = {}
    for state in nodes:
        labels = state.node.labels
        if all(key in labels for key in keys):
            domains.setdefault(tuple(labels[key] for key in keys), []).append(state)
    return [domains[name] for name in sorted(domains)]


def _with_room(domains: Sequence[Domain], asked: Amounts, all_asked: Amounts) -> list[Domain]:
    """Those that have enough free in all, the fullest first; but before them those that have
    enough for the workload's other pods, too, which could not follow elsewhere."""
    with_room = []
    for domain in domains:
        free = free_in(domain)
        if within(asked, free):
            with_room.append((not within(all_asked, free), free, domain))
    with_room.sort(key=lambda entry: entry[:2])
    return [domain for _, _, domain in with_room]


def _around_running_pods(domains: list[Domain], job: Job, topology: Topology) -> list[Domain]:
    """Where pods of the workload run already: of a required level only the domains they run in,
    of a preferred one these first."""
    running_on = {pod.place.node for pod in job.pods if pod.place is not None}
    if not running_on:
        return domains
    around = [
        domain for domain in domains if any(state.node.name in running_on for state in domain)
    ]
    if topology.required is not None:
        return around
    return around + [domain for domain in domains if domain not in around]


def _by_sub_domain(domain: Domain, topology: Topology, level: str | None) -> Iterator[Group]:
    if topology.preferred is None or topology.preferred == level:
        yield frozenset(state.rank for state in domain)
        return
    parts = domains_of(domain, topology, topology.preferred)
    parts.sort(key=free_in, reverse=True)
    for part in parts:
        yield frozenset(state.rank for state in part)
    named = {state.rank for part in parts for state in part}
    yield frozenset(state.rank for state in domain if state.rank not in named)


def free_in(domain: Sequence[NodeState]) -> Amounts:
    """What is free in these nodes; of GPUs, wholly free devices and free parts of shared ones."""
    return (
        sum(device.free_portion for state in domain for device in state.devices),
        sum(state.free_cpu for state in domain),
        sum(state.free_memory for state in domain),
    )
