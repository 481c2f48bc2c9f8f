"""Replicas are started once, adopted, stopped, forgotten and swept, and nothing of them stays."""

import os
import signal
import socket
import threading
import uuid
from pathlib import Path

import pytest

from tests.integration.local_engine.conftest import (
    EPOCH,
    Machine,
    is_alive,
    supervisor_of,
    wait_until,
)
from windlass.engines.engine import ReplicaSpec, ReplicaState, ReplicaTemplate, StaleEpoch
from windlass.engines.local import ports
from windlass.engines.local.local_engine import LocalEngine
from windlass.engines.local.processes.catalogue import Catalogue
from windlass.kit.supervision.program.directory import Directory

SLEEP = "import time; time.sleep(600)"
SERVER = """
import os, socket, time
listening = socket.create_server(("127.0.0.1", int(os.environ["PORT"])))
time.sleep(600)
"""
# A daemon of a session of its own beside the process; prints its PID.
DAEMONIZE = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        print(os.getpid(), flush=True)
        time.sleep(600)
    os._exit(0)
time.sleep(600)
"""


def specification(replica_id: str) -> ReplicaSpec:
    return ReplicaSpec(replica_id, "1", ReplicaTemplate("host/test", 8000))


def test_an_id_is_one_start(machine: Machine) -> None:
    machine.catalogue(SLEEP)
    replica_id = machine.start()
    pid = machine.wait_for_pid(replica_id)
    machine.engine.start(specification(replica_id), EPOCH)
    machine.new_engine().start(specification(replica_id), EPOCH)
    assert machine.wait_for_pid(replica_id) == pid
    os.kill(pid, signal.SIGKILL)
    machine.wait_for_exit(replica_id)
    machine.engine.start(specification(replica_id), EPOCH)
    assert machine.observe(replica_id).state is ReplicaState.EXITED


def test_many_starts_of_one_id_at_once_are_one_process(machine: Machine) -> None:
    machine.catalogue("print('started', flush=True); " + SLEEP)
    replica_id = str(uuid.uuid4())
    engines = [machine.new_engine() for _ in range(4)]
    threads = [
        threading.Thread(target=engine.start, args=(specification(replica_id), EPOCH))
        for engine in engines * 3
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    machine.wait_for_pid(replica_id)
    wait_until(lambda: "started" in machine.log(replica_id), "it has started")
    assert machine.log(replica_id) == "started\n"


def test_a_new_engine_adopts_what_runs(machine: Machine) -> None:
    machine.catalogue(SERVER)
    replica_id = machine.start()
    before = machine.wait_until_ready(replica_id)
    adopted = machine.new_engine().observe()
    assert adopted == {replica_id: before}


def test_a_new_engine_does_not_give_a_running_replicas_port_away(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ports, "_LAST", ports._FIRST + 9)
    machine.catalogue(SLEEP)
    taken = {machine.observe(machine.start()).port for _ in range(3)}
    machine.engine = machine.new_engine()
    given = [machine.observe(machine.start()).port for _ in range(4)]
    assert taken.isdisjoint(given)
    assert len(set(given)) == 4


def test_stopping_ends_it_and_says_so(machine: Machine) -> None:
    machine.catalogue(SLEEP)
    replica_id = machine.start()
    pid = machine.wait_for_pid(replica_id)
    machine.engine.stop(replica_id, 10, EPOCH)
    assert machine.wait_for_exit(replica_id).reason == "Stopped"
    assert not is_alive(pid)


def test_an_older_epoch_moves_nothing(machine: Machine) -> None:
    machine.catalogue(SLEEP)
    replica_id = machine.start()
    machine.engine.stop("00000000-none", 1, EPOCH + 1)
    with pytest.raises(StaleEpoch):
        machine.engine.start(specification("another"), EPOCH)
    with pytest.raises(StaleEpoch):
        machine.engine.stop(replica_id, 1, EPOCH)
    with pytest.raises(StaleEpoch):
        machine.engine.forget(replica_id, EPOCH)
    with pytest.raises(StaleEpoch):
        machine.new_engine().sweep(lambda: (), EPOCH)
    assert machine.observe(replica_id).state is not ReplicaState.EXITED
    assert set(machine.engine.observe()) == {replica_id}


def test_a_killed_supervisor_is_a_lost_replica_with_nothing_left(machine: Machine) -> None:
    machine.catalogue(DAEMONIZE)
    replica_id = machine.start()
    pid = machine.wait_for_pid(replica_id)
    wait_until(lambda: machine.log(replica_id).endswith("\n"), "the daemon runs")
    daemon = int(machine.log(replica_id))
    os.kill(supervisor_of(pid), signal.SIGKILL)
    end = machine.wait_for_exit(replica_id)
    assert end.reason == "Lost"
    assert not is_alive(pid)
    assert not is_alive(daemon)
    assert machine.new_engine().observe()[replica_id].exit == end


def test_forgetting_kills_and_removes_every_trace(machine: Machine) -> None:
    machine.catalogue(DAEMONIZE)
    before = {path for path in machine.folder.rglob("*") if machine.data not in path.parents}
    replica_id = machine.start()
    pid = machine.wait_for_pid(replica_id)
    wait_until(lambda: machine.log(replica_id).endswith("\n"), "the daemon runs")
    daemon = int(machine.log(replica_id))
    machine.engine.forget(replica_id, EPOCH)
    assert not is_alive(pid)
    assert not is_alive(daemon)
    assert machine.engine.observe_one(replica_id) is None
    assert machine.engine.log_files(replica_id) == []
    assert list((machine.data / "replicas").iterdir()) == []
    assert {
        path for path in machine.folder.rglob("*") if machine.data not in path.parents
    } == before


def test_forgetting_what_was_never_there_is_nothing(machine: Machine) -> None:
    machine.engine.forget("00000000-none", EPOCH)


def test_what_closed_itself_off_is_removed_all_the_same(machine: Machine) -> None:
    machine.catalogue(
        "import os; os.makedirs('a/b'); open('a/b/c', 'w').close();"
        "os.chmod('a/b', 0); os.chmod('a', 0)"
    )
    replica_id = machine.start()
    machine.wait_for_exit(replica_id)
    machine.engine.forget(replica_id, EPOCH)
    assert machine.engine.observe() == {}


def test_a_sweep_ends_what_no_record_knows_and_spares_the_rest(machine: Machine) -> None:
    machine.catalogue(SLEEP)
    known, unknown, ended = machine.start(), machine.start(), machine.start()
    pid, other = machine.wait_for_pid(known), machine.wait_for_pid(unknown)
    os.kill(machine.wait_for_pid(ended), signal.SIGKILL)
    machine.wait_for_exit(ended)
    assert machine.new_engine().sweep(lambda: {known}, EPOCH) == sorted([unknown, ended])
    assert not is_alive(other)
    assert is_alive(pid)
    assert set(machine.engine.observe()) == {known}


def test_a_sweep_spares_what_is_recorded_while_it_looks(machine: Machine) -> None:
    machine.catalogue(SLEEP)
    started: list[str] = []

    def known() -> list[str]:
        started.append(machine.start())
        return []

    assert machine.engine.sweep(known, EPOCH) == []
    assert is_alive(machine.wait_for_pid(started[0]))


@pytest.mark.parametrize("step", ["write_json", "_spawn"])
def test_a_start_that_was_interrupted_can_be_repeated_or_swept(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """`KeyboardInterrupt` stands for whatever ends the platform between two steps."""
    machine.catalogue(SLEEP)
    replica_id = str(uuid.uuid4())

    def interrupt(*_arguments: object, **_options: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(f"windlass.kit.supervision.control.{step}", interrupt)
        with pytest.raises(KeyboardInterrupt):
            machine.engine.start(specification(replica_id), EPOCH)
    assert machine.engine.observe_one(replica_id) is None
    machine.engine.start(specification(replica_id), EPOCH)
    assert is_alive(machine.wait_for_pid(replica_id))


def test_what_an_interrupted_start_left_is_swept(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.catalogue(SLEEP)

    def interrupt(*_arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("windlass.kit.supervision.control._spawn", interrupt)
        with pytest.raises(KeyboardInterrupt):
            machine.start()
    assert len(machine.engine.sweep(lambda: (), EPOCH)) == 1
    assert list((machine.data / "replicas").iterdir()) == []


def test_a_stop_of_an_interrupted_start_ends_it_for_good(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.catalogue(SLEEP)
    replica_id = str(uuid.uuid4())

    def interrupt(*_arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("windlass.kit.supervision.control._spawn", interrupt)
        with pytest.raises(KeyboardInterrupt):
            machine.engine.start(specification(replica_id), EPOCH)
    machine.engine.stop(replica_id, 1, EPOCH)
    assert machine.wait_for_exit(replica_id).reason == "Stopped"
    machine.engine.start(specification(replica_id), EPOCH)
    assert machine.observe(replica_id).state is ReplicaState.EXITED


def test_shutting_down_ends_everything_and_keeps_the_traces(machine: Machine) -> None:
    machine.catalogue(
        "import signal; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True); " + SLEEP
    )
    ids = [machine.start() for _ in range(3)]
    pids = [machine.wait_for_pid(replica_id) for replica_id in ids]
    wait_until(lambda: all("deaf" in machine.log(each) for each in ids), "all ignore SIGTERM")
    machine.engine.stop_everything(0.2)
    assert not any(is_alive(pid) for pid in pids)
    assert {item.state for item in machine.engine.observe().values()} == {ReplicaState.EXITED}


def test_changes_are_notified(machine: Machine, tmp_path: Path) -> None:
    machine.catalogue(SERVER)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as wake:
        wake.bind(str(tmp_path / "wake"))
        wake.settimeout(20)
        machine.engine = LocalEngine(
            machine.data,
            Catalogue(machine.images),
            "/usr/bin:/bin",
            notify=str(tmp_path / "wake"),
            shared_root=machine.folder / "homes",
        )
        replica_id = machine.start()
        assert wake.recv(100).decode() == replica_id


@pytest.mark.parametrize("replica_id", ["", "..", "a/b", ".removed-x"])
def test_an_id_is_never_a_way_out_of_the_replicas_folder(machine: Machine, replica_id: str) -> None:
    with pytest.raises(ValueError, match="not the id of a replica"):
        machine.engine.forget(replica_id, EPOCH)


def test_observing_many_ended_replicas_reads_nothing_twice(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.catalogue("pass")
    ids = [machine.start() for _ in range(3)]
    for replica_id in ids:
        machine.wait_for_exit(replica_id)
    machine.engine.observe()

    def fail(*_arguments: object) -> None:
        raise AssertionError("it is read again")

    monkeypatch.setattr("windlass.engines.local.observations.observe", fail)
    monkeypatch.setattr(Directory, "lock_is_held", fail)
    assert set(machine.engine.observe()) == set(ids)


def test_the_death_of_a_supervisor_is_told_without_being_asked_for(machine: Machine) -> None:
    machine.catalogue(SLEEP)
    told: list[str] = []
    machine.engine.tell_deaths(told.append)
    replica_id, other = machine.start(), machine.start()
    pid = machine.wait_for_pid(replica_id)
    machine.wait_for_pid(other)
    assert told == []
    os.kill(supervisor_of(pid), signal.SIGKILL)
    wait_until(lambda: told == [replica_id], "word of the death")
    assert machine.observe(replica_id).state is ReplicaState.EXITED
