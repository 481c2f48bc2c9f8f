"""What is inside departments and projects: the subject that knows workloads tells it."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import Connection

from windlass.identity.tokens import Caller
from windlass.org.resources import Amounts, Use


@dataclass(frozen=True, slots=True)
class Occupant:
    """One pod that lives, or waits for its place."""

    project_id: int
    node_name: str | None
    """None: it waits."""
    node_pools: tuple[str, ...]
    """Those it asks for, in order of preference; empty for its project's default."""
    amounts: Amounts
    preemptible: bool


class Occupancy(Protocol):
    """Answers within a transaction of the caller's."""

    def occupants(
        self, connection: Connection, project_ids: Collection[int] | None
    ) -> Iterable[Occupant]:
        """Every pod of these projects, or of all."""

    def workloads_in(self, connection: Connection, project_ids: Collection[int]) -> Sequence[str]:
        """The workloads in these projects that are not gone, each in words."""

    def workloads_asking_for(
        self, connection: Connection, cluster_id: str, node_pool: str
    ) -> Sequence[str]:
        """The workloads that name the node pool and are not gone, each in words."""

    def delete_belongings(self, connection: Connection, path: str, now: float) -> None:
        """Delete all that is kept for the unit at that path, and for those below it, beside
        workloads: the unit is being removed."""

    def request_deletion(self, connection: Connection, project_id: int, caller: Caller) -> None:
        """Have every workload in the project removed."""


def use_of(
    occupants: Iterable[Occupant],
    pool_of_node: Mapping[str, int],
    pool_of_name: Mapping[str, int],
    default_pool: int,
) -> dict[int, dict[int, Use]]:
    """What each project uses in each node pool, by their ids.

    A pod that waits counts for the first pool it asks for.
    """
    used: dict[int, dict[int, Use]] = {}
    for occupant in occupants:
        if occupant.node_name is None:
            named = occupant.node_pools[0] if occupant.node_pools else ""
            pool, use = pool_of_name.get(named, default_pool), Use(requested=occupant.amounts)
        else:
            pool = pool_of_node.get(occupant.node_name, default_pool)
            held = Amounts() if occupant.preemptible else occupant.amounts
            use = Use(occupant.amounts, held, occupant.amounts)
        of_project = used.setdefault(occupant.project_id, {})
        of_project[pool] = of_project.get(pool, Use()) + use
    return used
