"""The store: transactions, who waits for whom, and what happens when it does not answer."""

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Column, Connection, Integer, MetaData, Table, select, update

from windlass.kit.database import Database
from windlass.kit.errors import Unavailable

_metadata = MetaData()
counter = Table("counter", _metadata, Column("id", Integer, primary_key=True), Column("n", Integer))


@pytest.fixture
def store(database_url: str) -> Database:
    made = Database(database_url)
    made.write(_create)
    return made


def _create(connection: Connection) -> None:
    _metadata.create_all(connection)
    connection.execute(counter.insert().values(id=1, n=0))


def increment(connection: Connection) -> int:
    query = select(counter.c.n).where(counter.c.id == 1).with_for_update()
    value = connection.execute(query).scalar_one() + 1
    connection.execute(update(counter).where(counter.c.id == 1).values(n=value))
    return int(value)


def count(store: Database) -> int:
    with store.read() as connection:
        return int(connection.execute(select(counter.c.n)).scalar_one())


def test_no_increment_of_many_threads_is_lost(store: Database) -> None:
    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(lambda _: store.write(increment), range(200)))
    assert sorted(answers) == list(range(1, 201))
    assert count(store) == 200


def test_what_raises_is_rolled_back_and_raised(store: Database) -> None:
    def fail(connection: Connection) -> None:
        increment(connection)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        store.write(fail)
    assert count(store) == 0


def test_of_a_rehearsal_nothing_is_kept_but_what_it_tells(store: Database) -> None:
    assert store.rehearse(increment) == 1
    assert count(store) == 0
    with pytest.raises(ZeroDivisionError):
        store.rehearse(lambda connection: increment(connection) // 0)
    assert store.write(increment) == 1


def test_a_write_within_a_write_is_refused(sqlite_url: str) -> None:
    store = Database(sqlite_url)
    with pytest.raises(RuntimeError, match="may not start another"):
        store.write(lambda _: store.write(lambda _: None))


def _path(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))


def test_reading_waits_for_no_writer(sqlite_url: str) -> None:
    store = Database(sqlite_url, busy_timeout_seconds=0.1)
    store.write(_create)
    other = sqlite3.connect(_path(sqlite_url), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    other.execute("UPDATE counter SET n = 7")
    assert count(store) == 0
    other.execute("COMMIT")
    assert count(store) == 7
    other.close()


def test_a_locked_store_is_unavailable_and_nothing_is_half_done(sqlite_url: str) -> None:
    store = Database(sqlite_url, busy_timeout_seconds=0.1)
    store.write(_create)
    other = sqlite3.connect(_path(sqlite_url), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable, match="locked"):
        store.write(increment)
    other.execute("ROLLBACK")
    other.close()
    assert store.write(increment) == 1


def test_a_store_that_is_not_there_is_unavailable() -> None:
    store = Database("postgresql+psycopg://nobody@127.0.0.1:1/none")
    with pytest.raises(Unavailable), store.read():
        pass
    with pytest.raises(Unavailable):
        store.write(lambda _: None)


def test_writes_under_way_end_before_it_is_closed(sqlite_url: str) -> None:
    store = Database(sqlite_url)
    store.write(_create)
    begun, go_on = threading.Event(), threading.Event()

    def slow(connection: Connection) -> None:
        begun.set()
        go_on.wait(10)
        increment(connection)

    writing = threading.Thread(target=store.write, args=(slow,))
    writing.start()
    begun.wait(10)
    closing = threading.Thread(target=store.close)
    closing.start()
    go_on.set()
    writing.join()
    closing.join()
    assert count(Database(sqlite_url)) == 1
