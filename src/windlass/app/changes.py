"""Has the loop look at what changed: replicas that say so themselves, and records."""

from collections.abc import Collection

import structlog

from windlass.control.changes import Change, ChangeFeed
from windlass.control.loop import ControlLoop
from windlass.kit.database import Database
from windlass.kit.errors import Unavailable
from windlass.workloads import store
from windlass.workloads.surroundings import WORKLOAD

_REMEMBERED_REPLICAS = 10_000

_log = structlog.get_logger(__name__)


class Changes:
    """Not thread-safe."""

    def __init__(self, database: Database, loop: ControlLoop) -> None:
        """What changed before is the loop's first full resync's business."""
        self._database = database
        self._feed = ChangeFeed(database)
        self._loop = loop
        self._workloads: dict[str, str] = {}
        """By replica: it never changes, and who becomes ready may have a request waiting."""

    def look(self, replica_ids: Collection[str]) -> None:
        """Wake what changed; a store that does not answer is asked again."""
        try:
            self._wake_workloads(replica_ids)
            for change in self._feed.read():
                self._loop.wake(change)
        except Unavailable as error:
            _log.warning("the change feed cannot be read", reason=error.message)

    def _wake_workloads(self, replica_ids: Collection[str]) -> None:
        unknown = [each for each in replica_ids if each not in self._workloads]
        if unknown:
            if len(self._workloads) > _REMEMBERED_REPLICAS:
                self._workloads.clear()
            with self._database.read() as connection:
                self._workloads |= store.workloads_of_pods(connection, unknown)
        found = {self._workloads[each] for each in replica_ids if each in self._workloads}
        for workload_id in found:
            self._loop.wake(Change(WORKLOAD, workload_id))
