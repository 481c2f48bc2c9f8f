"""The store: one set of statements on SQLite and on PostgreSQL.

A write is one short transaction given as a function; nothing else, a network call least of all,
happens inside it. On SQLite one thread a process writes, so that writers queue here, in order,
instead of polling for the file's lock; on PostgreSQL the caller's thread does.
"""

import contextvars
import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, TypeVar

from sqlalchemy import (
    URL,
    Connection,
    Engine,
    MetaData,
    create_engine,
    event,
    make_url,
    text,
)
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from windlass.kit.errors import Unavailable

T = TypeVar("T")

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)
"""Every subject's tables are in it."""

_BUSY_TIMEOUT_SECONDS = 5.0
_ATTEMPTS = 3
# The connection used last is used next: what it has prepared is still at hand.
_POOL: dict[str, Any] = {"pool_size": 8, "max_overflow": 40, "pool_use_lifo": True}
# The second is what a driver says of a connection that was cut under it.
_GONE = (OperationalError, InterfaceError)
# Of PostgreSQL's advisory locks, which are numbers: "windlass" in ASCII.
_PREPARING = 0x77696E646C617373
_RETRYABLE_SQLSTATES = {"40001", "40P01"}


class Database:
    """One database, from one process. Make it after forking; every method is thread-safe."""

    def __init__(self, url: str, busy_timeout_seconds: float = _BUSY_TIMEOUT_SECONDS) -> None:
        parsed = make_url(url)
        self.is_sqlite = parsed.get_backend_name() == "sqlite"
        self.driver_url = parsed.set(drivername=parsed.get_backend_name()).render_as_string(
            hide_password=False
        )
        """The address without SQLAlchemy's choice of driver."""
        self._busy_timeout_seconds = busy_timeout_seconds
        if self.is_sqlite:
            self._engine = self._sqlite_engine(parsed)
            event.listen(self._engine, "begin", _begin_immediate)
            # Each statement that reads is a transaction of its own: there is nothing to roll back.
            self._reading = self._sqlite_engine(parsed, pool_reset_on_return=None)
        else:
            self._engine = create_engine(parsed, **_POOL, pool_pre_ping=True)
            self._reading = self._engine.execution_options(isolation_level="AUTOCOMMIT")
        self._writer = _Writer(self._run) if self.is_sqlite else None

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection to read from; each statement sees what is committed when it begins.

        Raises Unavailable when the store cannot be reached or stays locked.
        """
        try:
            with self._reading.connect() as connection:
                yield connection
        except _GONE as error:
            raise _unavailable(error) from error

    def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in one transaction and commit it; what it raises rolls back and is raised.

        `work` may run more than once, after a deadlock: it must do nothing but talk to the store.
        It sees the caller's context variables, whichever thread runs it.
        Raises Unavailable when the store cannot be reached or stays locked.
        """
        try:
            if self._writer is not None:
                return self._writer.run(work)
            return self._run(work)
        except _GONE as error:
            raise _unavailable(error) from error

    def rehearse(self, work: Callable[[Connection], T]) -> T:
        """What `write` would give, or raise; nothing of it is kept."""

        def undone(connection: Connection) -> T:
            raise _Rehearsed(work(connection))

        try:
            return self.write(undone)
        except _Rehearsed as rehearsed:
            result: T = rehearsed.result
            return result

    @contextmanager
    def prepared_alone(self) -> Iterator[None]:
        """Of all who prepare this store with several transactions, be the only one meanwhile.

        On SQLite, whose file is in one data directory, whoever prepares that sees to it.
        Raises Unavailable when the store cannot be reached.
        """
        if self.is_sqlite:
            yield
            return
        with self.read() as connection:
            connection.execute(text(f"SELECT pg_advisory_lock({_PREPARING})"))
            try:
                yield
            finally:
                connection.execute(text(f"SELECT pg_advisory_unlock({_PREPARING})"))

    def close(self) -> None:
        """Wait for writes under way and let the store go."""
        if self._writer is not None:
            self._writer.close()
        self._engine.dispose()
        self._reading.dispose()

    def _run(self, work: Callable[[Connection], T]) -> T:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                with self._engine.begin() as connection:
                    return work(connection)
            except DBAPIError as error:
                sqlstate = getattr(error.orig, "sqlstate", None)
                if sqlstate not in _RETRYABLE_SQLSTATES or attempt == _ATTEMPTS:
                    raise
        raise AssertionError("unreachable")

    def _sqlite_engine(self, url: URL, **options: Any) -> Engine:
        arguments = {"timeout": self._busy_timeout_seconds, "check_same_thread": False}
        engine = create_engine(url, connect_args=arguments, **_POOL, **options)
        event.listen(engine, "connect", _configure_sqlite)
        return engine


def _configure_sqlite(connection: Any, _record: Any) -> None:
    # The driver must begin no transactions by itself: writes begin with `_begin_immediate`, and
    # each statement that reads is one of its own.
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _unavailable(error: DBAPIError) -> Unavailable:
    reason = str(error.orig).strip().splitlines()[0] if error.orig else "no reason given"
    return Unavailable(f"The store did not take the request in time ({reason}). Try again.")


class _Rehearsed(Exception):
    """Rolls a transaction back."""

    def __init__(self, result: Any) -> None:
        super().__init__()
        self.result = result


class _Writer:
    """The one thread that writes."""

    def __init__(self, run: Callable[[Callable[[Connection], Any]], Any]) -> None:
        self._run = run
        self._queue: queue.SimpleQueue[tuple[Callable[[Connection], Any], Future[Any]] | None] = (
            queue.SimpleQueue()
        )
        self._thread = threading.Thread(target=self._serve, name="database-writer", daemon=True)
        self._thread.start()

    def run(self, work: Callable[[Connection], T]) -> T:
        if threading.current_thread() is self._thread:
            raise RuntimeError("a write may not start another write")
        future: Future[T] = Future()
        context = contextvars.copy_context()
        self._queue.put((lambda connection: context.run(work, connection), future))
        return future.result()

    def close(self) -> None:
        self._queue.put(None)
        self._thread.join()

    def _serve(self) -> None:
        while (item := self._queue.get()) is not None:
            work, future = item
            try:
                future.set_result(self._run(work))
            except BaseException as error:
                future.set_exception(error)
