"""The lease: one holder, rising epochs, and takeover of the dead and the silent."""

import os
import subprocess
import sys

import pytest

from windlass.app.schema import bring_up_to_date
from windlass.control.lease import (
    DURATION_SECONDS,
    Holder,
    Lease,
    LeaseLost,
    current_holder,
    require_epoch,
)
from windlass.kit.clock import ManualClock
from windlass.kit.database import Database

ELSEWHERE = Holder("another-machine/boot", 1, "1")
ANYWHERE = Holder("third-machine/boot", 1, "1")


@pytest.fixture
def database(database_url: str) -> Database:
    made = Database(database_url)
    bring_up_to_date(made)
    return made


def test_one_holds_it_and_the_next_has_a_higher_epoch(database: Database) -> None:
    clock = ManualClock()
    first = Lease(database, clock, Holder.this_process(), "x")
    second = Lease(database, clock, ELSEWHERE, "x")
    assert first.acquire() == 1
    assert second.acquire() is None
    first.release(1)
    assert second.acquire() == 2
    assert not first.renew(1)
    assert second.renew(2)


def test_an_epoch_is_above_what_was_obeyed_though_the_store_knows_less(database: Database) -> None:
    lease = Lease(database, ManualClock(), Holder.this_process(), "x")
    assert lease.acquire(above=7) == 8
    lease.release(8)
    assert lease.acquire(above=3) == 9
    lease.release(9)
    assert lease.acquire(above=20) == 21


def test_a_dead_process_of_this_machine_is_replaced_at_once(database: Database) -> None:
    clock = ManualClock()
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    here = Holder.this_process()
    start = open(f"/proc/{process.pid}/stat").read().rpartition(")")[2].split()[19]  # noqa: SIM115
    holder = Holder(here.host, process.pid, start)
    assert Lease(database, clock, holder, "x").acquire() == 1
    heir = Lease(database, clock, here, "x")
    assert heir.acquire() is None
    process.kill()
    process.wait()
    assert heir.acquire() == 2


def test_a_reused_process_id_does_not_count_as_alive(database: Database) -> None:
    here = Holder.this_process()
    namesake = Holder(here.host, os.getpid(), "1")
    assert Lease(database, ManualClock(), namesake, "x").acquire() == 1
    assert Lease(database, ManualClock(), here, "x").acquire() == 2


def test_a_silent_holder_elsewhere_is_replaced_after_the_duration_only(database: Database) -> None:
    clock = ManualClock()
    holder = Lease(database, clock, ELSEWHERE, "x")
    waiting = Lease(database, clock, ANYWHERE, "x")
    assert holder.acquire() == 1
    assert waiting.acquire() is None
    clock.advance(DURATION_SECONDS - 1)
    assert holder.renew(1)
    assert waiting.acquire() is None
    clock.advance(DURATION_SECONDS - 1)
    assert waiting.acquire() is None
    clock.advance(2)
    assert waiting.acquire() == 2


def test_setting_the_wall_clock_replaces_nobody(database: Database) -> None:
    clock = ManualClock()
    assert Lease(database, clock, ELSEWHERE, "x").acquire() == 1
    waiting = Lease(database, clock, ANYWHERE, "x")
    assert waiting.acquire() is None
    clock.jump(10_000)
    assert waiting.acquire() is None


def test_a_transaction_of_an_older_epoch_is_refused(database: Database) -> None:
    clock = ManualClock()
    lease = Lease(database, clock, ELSEWHERE, "x")
    assert lease.acquire() == 1
    database.write(lambda connection: require_epoch(connection, "x", 1))
    lease.release(1)
    assert Lease(database, clock, ANYWHERE, "x").acquire() == 2
    with pytest.raises(LeaseLost):
        database.write(lambda connection: require_epoch(connection, "x", 1))


def test_the_holder_can_be_asked_for(database: Database) -> None:
    with database.read() as connection:
        assert current_holder(connection, "x") is None
    Lease(database, ManualClock(), ELSEWHERE, "x").acquire()
    with database.read() as connection:
        assert current_holder(connection, "x") == (ELSEWHERE, 1)
