"""The change feed and its wake-ups."""

import threading
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from windlass.app.schema import bring_up_to_date
from windlass.control.changes import (
    Change,
    ChangeFeed,
    Waker,
    WakeUps,
    listen_to_postgresql,
    record_change,
    trim_changes,
)
from windlass.control.tables import change
from windlass.kit.database import Database


@pytest.fixture
def database(database_url: str) -> Database:
    made = Database(database_url)
    bring_up_to_date(made)
    return made


def record(database: Database, key: str) -> None:
    database.write(lambda connection: record_change(connection, "workload", key))


def test_each_change_is_read_once_and_none_from_before_the_reader(database: Database) -> None:
    record(database, "before")
    feed = ChangeFeed(database)
    assert feed.read() == []
    record(database, "a")
    record(database, "b")
    assert feed.read() == [Change("workload", "a"), Change("workload", "b")]
    assert feed.read() == []


def test_a_change_that_is_rolled_back_is_never_read(database: Database) -> None:
    feed = ChangeFeed(database)
    with pytest.raises(ZeroDivisionError):
        database.write(
            lambda connection: (record_change(connection, "workload", "a"), 1 / 0)  # type: ignore[func-returns-value]
        )
    assert feed.read() == []


def test_a_smaller_number_committed_after_a_larger_one_is_not_missed(database: Database) -> None:
    def write(sequence: int, key: str) -> None:
        row = {"sequence": sequence, "kind": "workload", "key": key}
        database.write(lambda connection: connection.execute(insert(change).values(**row)))

    write(10, "first")
    feed = ChangeFeed(database)
    write(13, "late number, early commit")
    assert [item.key for item in feed.read()] == ["late number, early commit"]
    write(12, "early number, late commit")
    assert [item.key for item in feed.read()] == ["early number, late commit"]
    assert feed.read() == []


def test_old_changes_are_removed_and_new_ones_still_read(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("windlass.control.changes._KEPT_ROWS", 3)
    feed = ChangeFeed(database)
    for number in range(10):
        record(database, str(number))
    trim_changes(database)
    with database.read() as connection:
        keys = connection.execute(select(change.c.key).order_by(change.c.sequence)).scalars().all()
    assert keys == ["7", "8", "9"]
    assert [item.key for item in feed.read()] == ["7", "8", "9"]
    record(database, "new")
    assert [item.key for item in feed.read()] == ["new"]


@pytest.mark.parametrize("kind", ["path", "abstract"])
def test_wake_ups_carry_ids_and_merge(tmp_path: Path, kind: str) -> None:
    address = str(tmp_path / "wake.sock") if kind == "path" else f"@windlass-test-{tmp_path.name}"
    listener = WakeUps(address)
    waker = Waker(address)
    for payload in ("", "a", "b", "a"):
        waker.wake(payload)
    assert listener.wait(5) == {"a", "b"}
    assert listener.wait(0.001) == set()
    listener.close()


def test_waking_nobody_does_no_harm(tmp_path: Path) -> None:
    Waker(str(tmp_path / "nobody.sock")).wake("a")


def test_postgresql_wakes_by_notify(postgresql_url: str) -> None:
    database = Database(postgresql_url)
    bring_up_to_date(database)
    woken, stop = threading.Event(), threading.Event()
    thread = threading.Thread(
        target=listen_to_postgresql, args=(database.driver_url, woken.set, stop)
    )
    thread.start()
    try:
        for _ in range(100):
            record(database, "a")
            if woken.wait(0.1):
                break
        assert woken.is_set()
    finally:
        stop.set()
        thread.join()
        database.close()
