"""Records that are kept for a while only."""

import pytest
from sqlalchemy import Connection, insert, select

from tests.unit.org.test_removed_units import row_of
from windlass.kit.clock import ManualClock
from windlass.kit.database import Database
from windlass.org.first_tree import create_first_tree
from windlass.workloads import housekeeping, store
from windlass.workloads.housekeeping import remove_old_records
from windlass.workloads.queries import DELETED_KEPT_SECONDS
from windlass.workloads.records import NewEvent
from windlass.workloads.tables import event, workload

NOW = 10 * DELETED_KEPT_SECONDS


@pytest.fixture(autouse=True)
def workloads(database: Database) -> None:
    """What the events are of."""

    def create(connection: Connection) -> None:
        tree = create_first_tree(connection, "localhost", "admin", ManualClock())
        for name in ("crashing", "calm", "silent"):
            row = {**row_of(tree), "id": name, "name": name, "deleted_at": None}
            connection.execute(insert(workload).values(**row))

    database.write(create)


def _messages(database: Database, workload_id: str) -> list[str]:
    query = select(event.c.message).where(event.c.workload_id == workload_id)
    with database.read() as connection:
        return list(connection.execute(query.order_by(event.c.created_at)).scalars())


def test_of_events_without_end_the_latest_are_kept(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(housekeeping, "EVENTS_KEPT", 3)
    told = {"crashing": 7, "calm": 3, "silent": 0}

    def tell(connection: Connection) -> None:
        for workload_id, count in told.items():
            for number in range(count):
                news = [NewEvent("Scaled", str(number))]
                store.add_events(connection, workload_id, news, NOW + number)

    database.write(tell)
    remove_old_records(database, NOW)
    assert _messages(database, "crashing") == ["4", "5", "6"]
    assert _messages(database, "calm") == ["0", "1", "2"]


def test_events_go_after_a_while(database: Database) -> None:
    news = [NewEvent("Created", "Submitted.")]
    database.write(lambda connection: store.add_events(connection, "calm", news, 0.0))
    remove_old_records(database, DELETED_KEPT_SECONDS - 1)
    assert _messages(database, "calm") == ["Submitted."]
    remove_old_records(database, DELETED_KEPT_SECONDS + 1)
    assert _messages(database, "calm") == []
