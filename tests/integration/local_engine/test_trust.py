"""Whose user a replica runs as, and what it cannot read."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.local_engine.conftest import Machine, needs_root, supervisor_of, wait_until
from windlass.engines.engine import EnvironmentVariable
from windlass.engines.local import local_engine

SLEEP = "import time; time.sleep(600)"
# Tries to open each file named in its arguments, and prints what came of it.
SPY = """
import os, sys, time
for path in sys.argv[1:]:
    try:
        os.listdir(path) if os.path.isdir(path) else open(path).read()
        print(path, "read")
    except OSError as error:
        print(path, type(error).__name__)
print("done", flush=True)
time.sleep(600)
"""
HOLDER = (
    "import time; open('secret', 'w').write('mine'); print('written', flush=True); time.sleep(600)"
)


def ids(pid: int) -> dict[str, list[str]]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    pairs = (line.split(":", 1) for line in lines)
    return {name: value.split() for name, value in pairs if name in ("Uid", "Gid", "Groups")}


@pytest.fixture
def platforms_group() -> Iterator[None]:
    """The platform itself is in a group, as root is on most machines."""
    before = os.getgroups()
    os.setgroups([*before, 4242])
    yield
    os.setgroups(before)


@needs_root
@pytest.mark.usefixtures("platforms_group")
def test_each_projects_processes_have_a_user_of_their_own_and_no_group(machine: Machine) -> None:
    machine.catalogue(SLEEP)
    one, again, other = (machine.start(owner=owner) for owner in ("1", "1", "2"))
    of_one, of_again, of_other = (ids(machine.wait_for_pid(each)) for each in (one, again, other))
    assert of_one == of_again
    assert of_one["Uid"][0] != of_other["Uid"][0]
    for found in (of_one, of_other):
        assert len(set(found["Uid"])) == 1
        assert int(found["Uid"][0]) >= 2_000_000_000
        assert found["Gid"] == found["Uid"]
        assert found["Groups"] == []


@needs_root
def test_a_project_reads_neither_the_data_directory_nor_another_projects_files(
    machine: Machine,
) -> None:
    machine.catalogue(HOLDER)
    holder = machine.start(owner="1")
    wait_until(lambda: "written" in machine.log(holder), "the secret is written")
    secret = Path(os.readlink(f"/proc/{machine.wait_for_pid(holder)}/cwd")) / "secret"
    assert secret.read_text() == "mine"
    (machine.data / "windlass.db").write_text("everything")
    (machine.data / "windlass.db").chmod(0o644)
    log = machine.engine.log_files(holder)[0]
    closed = [machine.data, machine.data / "windlass.db", machine.data / "users.json", log]
    closed += [
        secret,
        secret.parent,
        secret.parent.parent,
        Path(f"/proc/{machine.wait_for_pid(holder)}/environ"),
    ]
    machine.catalogue(SPY)
    spy = machine.start(owner="2", args=tuple(map(str, closed)))
    wait_until(lambda: "done" in machine.log(spy), "the spy is done")
    for path in closed:
        assert f"{path} PermissionError" in machine.log(spy)
    # The same program reads it all where it runs as the platform.
    machine.catalogue(SPY, **{"as": "platform"})
    platform = machine.start(owner="2", args=tuple(map(str, closed)))
    wait_until(lambda: "done" in machine.log(platform), "the platform's own is done")
    assert "Error" not in machine.log(platform)


@needs_root
def test_an_entry_may_run_as_the_platform(machine: Machine) -> None:
    machine.catalogue(SLEEP, **{"as": "platform"})
    assert ids(machine.wait_for_pid(machine.start()))["Uid"] == ["0"] * 4


@needs_root
def test_what_a_projects_process_writes_is_not_for_others(machine: Machine) -> None:
    machine.catalogue(HOLDER)
    holder = machine.start()
    wait_until(lambda: "written" in machine.log(holder), "the secret is written")
    secret = Path(os.readlink(f"/proc/{machine.wait_for_pid(holder)}/cwd")) / "secret"
    assert secret.stat().st_mode & 0o077 == 0


@needs_root
def test_a_projects_process_gains_no_rights_through_setuid_programs(machine: Machine) -> None:
    machine.catalogue(SLEEP)
    status = Path(f"/proc/{machine.wait_for_pid(machine.start())}/status").read_text()
    assert "NoNewPrivs:\t1" in status
    assert "CapEff:\t0000000000000000" in status


def test_a_program_may_open_its_standard_output_by_name(machine: Machine) -> None:
    machine.catalogue(
        "open('/dev/stdout', 'w').write('out'); open('/dev/stderr', 'w').write('err')"
    )
    replica_id = machine.start()
    assert machine.wait_for_exit(replica_id).code == 0
    assert machine.log(replica_id) == "outerr"


@needs_root
def test_the_process_still_dies_with_its_supervisor_after_the_change_of_user(
    machine: Machine,
) -> None:
    machine.catalogue(SLEEP)
    pid = machine.wait_for_pid(machine.start())
    os.kill(supervisor_of(pid), 9)
    wait_until(lambda: not Path(f"/proc/{pid}").exists(), "the process is gone")


@needs_root
def test_the_home_of_a_project_is_removed_with_its_replica(machine: Machine) -> None:
    machine.catalogue(HOLDER)
    holder = machine.start()
    wait_until(lambda: "written" in machine.log(holder), "the secret is written")
    home = Path(os.readlink(f"/proc/{machine.wait_for_pid(holder)}/cwd"))
    machine.engine.forget(holder, 1)
    assert not home.exists()


def test_without_root_all_processes_share_the_platforms_user_and_that_is_said(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also as root, where the container it is in lets it become nobody else."""
    monkeypatch.setattr(local_engine, "can_change_users", lambda: False)
    machine.engine = machine.new_engine()
    machine.catalogue(SLEEP)
    pid = machine.wait_for_pid(machine.start(environment=(EnvironmentVariable("A", "1"),)))
    assert ids(pid)["Uid"] == [str(os.getuid())] * 4
    assert machine.engine.trust_domain_note is not None
    assert "projects are not kept from each other" in machine.engine.trust_domain_note


@needs_root
def test_as_root_there_is_nothing_to_say_about_trust(machine: Machine) -> None:
    assert machine.engine.trust_domain_note is None
