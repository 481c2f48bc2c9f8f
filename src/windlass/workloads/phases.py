"""The phase of a workload, derived from facts by one pure function for every engine and kind.

The names and what they mean are the published ones (NVIDIA Run:ai documentation, "Workloads").
"""

from dataclasses import dataclass
from enum import StrEnum


class DesiredPhase(StrEnum):
    """What was asked for."""

    RUNNING = "Running"
    STOPPED = "Stopped"
    DELETED = "Deleted"


class Phase(StrEnum):
    """What is."""

    CREATING = "Creating"
    INITIALIZING = "Initializing"
    RESUMING = "Resuming"
    PENDING = "Pending"
    DELETING = "Deleting"
    RUNNING = "Running"
    UPDATING = "Updating"
    STOPPED = "Stopped"
    STOPPING = "Stopping"
    DEGRADED = "Degraded"
    FAILED = "Failed"
    COMPLETED = "Completed"
    TERMINATING = "Terminating"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True)
class Facts:
    """What decides the phase. Counts are of replicas of the serving revision."""

    desired: DesiredPhase
    wanted: int
    """Replicas that should run now."""
    minimum: int = 0
    """The fewest of them with which it serves as it was asked to."""
    alive: int = 0
    """Replicas that have a pod which has not ended."""
    placed: int = 0
    """Of those, how many have a node."""
    ready: int = 0
    """Of those, how many are ready now."""
    ready_once: int = 0
    """Of those, how many have been ready."""
    unhealthy: int = 0
    """Of those, how many are not ready any more, or were started again because they ended."""
    routed: bool = False
    """The gateway has acknowledged a route to every ready replica."""
    has_run: bool = False
    """The workload has been Running since its revision was submitted."""
    was_stopped: bool = False
    """It was stopped before, and is now to run again."""
    failed: bool = False
    """It was given up."""
    completed: bool = False
    """Its work is done."""


def phase_of(facts: Facts) -> Phase:
    """The phase that follows from the facts."""
    if facts.desired is DesiredPhase.DELETED:
        return Phase.DELETING
    if facts.failed:
        return Phase.FAILED
    if facts.completed:
        return Phase.COMPLETED
    if facts.desired is DesiredPhase.STOPPED:
        return Phase.STOPPING if facts.alive else Phase.STOPPED
    if facts.has_run:
        return _phase_of_serving(facts)
    if facts.wanted and not facts.alive:
        return Phase.RESUMING if facts.was_stopped else Phase.CREATING
    if facts.placed < facts.wanted:
        return Phase.PENDING
    if facts.ready_once >= facts.wanted and facts.routed:
        return Phase.RUNNING
    return Phase.INITIALIZING


def _phase_of_serving(facts: Facts) -> Phase:
    serves = facts.ready >= min(facts.minimum, facts.wanted) and facts.routed
    return Phase.RUNNING if serves and not facts.unhealthy else Phase.DEGRADED
