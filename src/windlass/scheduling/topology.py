"""Which groups of nodes may take pods that are placed together.

A required level confines them to one of its domains, the fullest that has room; a preferred level
is tried first and then widened. Within a wider domain, its preferred sub-domains with most free
come first, so that the pods are split over as few as can be.

Source: KAI-Scheduler, `pkg/scheduler/plugins/topology`.
"""

from collections.abc import Iterator, Sequence

from windlass.scheduling.amounts import Amounts
from windlass.scheduling.cluster import Cluster, NodeState
from windlass.scheduling.jobs import Job, PodState, total_asked
from windlass.scheduling.model import Topology

Group = frozenset[int] | None
"""Nodes by rank; None: all."""

Area = tuple[Group, ...]
"""Groups of nodes that may all be used, the preferred first."""

Domain = list[NodeState]


def areas_for(
    cluster: Cluster, job: Job, pods: Sequence[PodState], suited: Group
) -> Iterator[Area]:
    """Areas for pods that are placed together, in the order to try."""
    topology = job.workload.topology
    if topology is None or (topology.required is None and topology.preferred is None):
        yield (suited,)
        return
    nodes = [state for state in cluster.nodes if suited is None or state.rank in suited]
    asked = total_asked(pods)
    for level in levels_to_try(topology):
        domains = _with_room(domains_of(nodes, topology, level), asked)
        if topology.required is not None:
            domains = _around_running_pods(domains, job)
        for domain in domains:
            yield tuple(_by_sub_domain(domain, topology, level))


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


def _with_room(domains: Sequence[Domain], asked: Amounts) -> list[Domain]:
    """Those that have enough free in all, the fullest first."""
    with_room = []
    for domain in domains:
        free = free_in(domain)
        if all(asked[index] <= free[index] for index in range(3)):
            with_room.append((free, domain))
    with_room.sort(key=lambda pair: pair[0])
    return [domain for _, domain in with_room]


def _around_running_pods(domains: list[Domain], job: Job) -> list[Domain]:
    """Where pods of the workload run already, only the domains they run in."""
    running_on = {pod.place.node for pod in job.pods if pod.place is not None}
    if not running_on:
        return domains
    return [domain for domain in domains if any(state.node.name in running_on for state in domain)]


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
