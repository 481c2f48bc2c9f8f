"""Finishes what takes its time: projects go with the last of their workloads."""

from collections.abc import Callable, Sequence

from sqlalchemy import Connection, select

from windlass.control.lease import require_epoch
from windlass.kit.clock import Clock
from windlass.kit.database import Database
from windlass.org.occupancy import Occupancy
from windlass.org.projects import retire_project
from windlass.org.scopes import scope_path
from windlass.org.surroundings import EVERYTHING
from windlass.org.tables import cluster, project
from windlass.org.tree import project_unit

_POLL_SECONDS = 0.5


class OrganisationReconciler:
    """Looks at the whole tree; at most one run at a time."""

    def __init__(
        self,
        database: Database,
        occupancy: Occupancy,
        clock: Clock,
        lease: tuple[str, int],
        replan: Callable[[], None],
    ) -> None:
        """`lease` is the name and the epoch to act under. `replan` has quotas looked at anew."""
        self._database = database
        self._occupancy = occupancy
        self._clock = clock
        self._lease = lease
        self._replan = replan

    def list_keys(self) -> Sequence[str]:
        """There is one key."""
        return [EVERYTHING]

    def reconcile(self, _key: str) -> float | None:
        """Remove the projects that are to go and are empty. When to look again, in seconds."""
        self._replan()
        with self._database.read() as connection:
            leaving = connection.execute(
                select(project.c.id).where(
                    project.c.delete_requested_at.is_not(None), project.c.deleted_at.is_(None)
                )
            )
            ids = leaving.scalars().all()
            empty = [item for item in ids if not self._occupancy.workloads_in(connection, [item])]
        if empty:
            self._database.write(lambda connection: self._retire(connection, empty))
        return _POLL_SECONDS if len(empty) < len(ids) else None

    def _retire(self, connection: Connection, project_ids: Sequence[int]) -> None:
        require_epoch(connection, *self._lease)
        rows = connection.execute(
            select(project, cluster.c.tenant_id)
            .join(cluster, cluster.c.id == project.c.cluster_id)
            .where(project.c.id.in_(project_ids), project.c.deleted_at.is_(None))
        ).all()
        for row in rows:
            unit, now = project_unit(row.tenant_id, row), self._clock.now()
            retire_project(connection, unit, now)
            self._occupancy.delete_belongings(connection, scope_path(unit), now)
