"""Starts and ends of the platform that go wrong: nothing is lost, and nothing is left running."""

import random
import socket
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.crash.records import read_records
from tests.crash.world import Process, ReplicaProcess, World, children
from tests.end_to_end.containers import deployed
from tests.end_to_end.platforms import (
    PATIENCE_SECONDS,
    Platform,
    canary,
    end,
    eventually,
    fetch,
    run_windlass,
    running,
    windlass,
)
from windlass.kit.ids import new_id
from windlass.kit.supervision.control import launch
from windlass.kit.supervision.specification import Specification


def test_a_taken_port_is_named_and_nothing_is_started(scratch_root: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        for option in ("--listen", "--gateway", "--gateway-internal"):
            data_dir = scratch_root / f"taken{option}"
            done = run_windlass(
                *("up", "--data-dir", str(data_dir)),
                *("--listen", "127.0.0.1:0", "--gateway", "127.0.0.1:0", option, address),
                check=False,
            )
            assert done.returncode == 1
            assert address in done.stderr
            assert option in done.stderr
            assert not processes_of(data_dir)


def test_a_store_of_a_newer_version_is_left_as_it_is(own_platform: Platform) -> None:
    assert own_platform.terminate() == 0
    database = own_platform.data_dir / "windlass.db"
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999_from_the_future'")
        connection.commit()
    refused = own_platform.spawn()
    assert refused.wait(PATIENCE_SECONDS) == 1
    assert "9999_from_the_future" in own_platform.log()
    assert "newer windlass" in own_platform.log()


def test_of_two_starts_at_one_moment_one_wins(scratch_root: Path) -> None:
    platform = Platform(scratch_root / "contested")
    both = [platform.spawn(), platform.spawn()]
    try:
        loser = eventually(
            lambda: next((process for process in both if process.poll() is not None), None),
            "the refusal of one",
        )
        assert loser.returncode == 1
        assert f"{platform.data_dir} is in use" in platform.log()
        both.remove(loser)
        platform.process = both[0]
        assert platform.process.stdout is not None
        assert platform.process.stdout.readline().startswith("windlass ready ")
        assert platform.administrator["pid"] == platform.process.pid
    finally:
        platform.process = platform.process or both[0]
        end(platform)


def test_a_second_start_is_refused_by_name(platform: Platform) -> None:
    second = platform.spawn()
    assert second.wait(PATIENCE_SECONDS) == 1
    told = platform.log()
    assert str(platform.data_dir) in told
    assert platform.administrator["url"] in told
    assert platform.call("GET", "/api/v1/workloads").status == 200


def test_after_the_machine_restarted_what_is_desired_runs_again_and_nothing_twice(
    own_platform: Platform,
) -> None:
    wanted = [own_platform.deploy(f"wanted-{number}", canary())["workloadId"] for number in (1, 2)]
    unwanted = own_platform.deploy("unwanted", canary("--ignore-sigterm"))["workloadId"]
    assert own_platform.call("DELETE", f"/api/v1/workloads/inferences/{unwanted}").status == 202
    everything = processes_of(own_platform.data_dir)
    for process in everything:
        process.kill()
    own_platform.kill()
    eventually(lambda: not any(process.is_alive() for process in everything), "the end of all")

    own_platform.up()
    own_platform.wait_until_gone(unwanted)
    for number, workload_id in enumerate(wanted, 1):
        own_platform.wait_for_phase(workload_id, "Running")
        assert own_platform.ask(f"wanted-{number}").status == 200
    found = [replica.workload_id for replica in replicas_of(own_platform)]
    assert sorted(found) == sorted(wanted)


@pytest.mark.parametrize("times", [3, pytest.param(10, marks=pytest.mark.long)])
def test_a_first_start_killed_at_any_moment_is_made_good_by_the_next(
    scratch_root: Path, times: int
) -> None:
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed {seed}")
    moments = random.Random(seed)
    usual_seconds = 1.0
    for number in range(times):
        platform = Platform(scratch_root / f"killed-{times}-{number}")
        platform.process = platform.spawn()
        with pytest.raises(subprocess.TimeoutExpired):
            platform.process.wait(moments.uniform(0, usual_seconds))
        platform.kill()
        try:
            usual_seconds = platform.up()
            assert platform.get("/api/v1/workloads")["workloads"] == []
            assert platform.administrator["password"]
            assert platform.administrator["cluster_id"]
        finally:
            end(platform)
        assert not processes_of(platform.data_dir)


def test_down_while_workloads_start_ends_them_and_the_next_start_starts_them(
    own_platform: Platform,
) -> None:
    names = [f"starting-{number}" for number in range(6)]
    ids = [
        own_platform.submit(name, canary(f"--delay-listen 0.{number}"))["workloadId"]
        for number, name in enumerate(names)
    ]
    eventually(lambda: replicas_of(own_platform), "the first replica")
    before = processes_of(own_platform.data_dir)
    own_platform.down()
    assert not any(process.is_alive() for process in before)
    assert not processes_of(own_platform.data_dir)

    own_platform.up()
    for name, workload_id in zip(names, ids, strict=True):
        own_platform.wait_for_phase(workload_id, "Running")
        assert own_platform.ask(name).status == 200
    assert sorted(replica.workload_id for replica in replicas_of(own_platform)) == sorted(ids)


@pytest.mark.long
def test_a_down_that_is_killed_half_way_is_made_good_by_the_next_start(
    own_platform: Platform,
) -> None:
    # Long enough in ending that there is a half way.
    stubborn = own_platform.deploy("stubborn", canary("--ignore-sigterm"))["workloadId"]
    prompt = own_platform.deploy("prompt", canary())["workloadId"]
    before = {found.workload_id: found.process for found in replicas_of(own_platform)}
    down = subprocess.Popen(windlass("down", "--data-dir", str(own_platform.data_dir)))
    eventually(lambda: not before[prompt].is_alive(), "half of the end")
    assert before[stubborn].is_alive()
    down.kill()
    down.wait()

    own_platform.up()
    eventually(lambda: own_platform.ask("prompt").status == 200, "the one that had ended")
    eventually(lambda: not before[stubborn].is_alive(), "the end of the one that had not")
    eventually(lambda: own_platform.ask("stubborn").status == 200, "its successor")
    again = [found.workload_id for found in replicas_of(own_platform)]
    assert sorted(again) == sorted([prompt, stubborn])


@pytest.fixture(scope="module")
def enduring(scratch_root: Path) -> Iterator[Platform]:
    """A platform that tests may kill but leave as it was: up, and with no workload."""
    yield from running(scratch_root / "enduring")


def test_a_replica_that_no_record_knows_is_ended_at_the_next_start(enduring: Platform) -> None:
    with deployed(enduring, "known", canary()) as created:
        enduring.kill()
        stray = enduring.data_dir / "replicas" / new_id()
        sleeping = Specification(
            id=stray.name, argv=("/bin/sleep", "600"), environment={}, working_directory="/"
        )
        assert launch(stray, sleeping)
        process = eventually(lambda: World(enduring.data_dir).supervised(stray), "the stray")
        enduring.up()
        assert not process.is_alive()
        assert not stray.exists()
        assert [found.workload_id for found in replicas_of(enduring)] == [created["workloadId"]]


def test_a_killed_control_plane_can_be_started_again_at_once(enduring: Platform) -> None:
    with deployed(enduring, "steady", canary()) as steady:
        replica = replicas_of(enduring)[0].process
        for _ in range(3):
            enduring.kill()
            enduring.up()
        assert enduring.workload(steady["workloadId"])["phase"] == "Running"
        assert [found.process for found in replicas_of(enduring)] == [replica]


@pytest.mark.parametrize("part", ["api", "controllers"])
def test_a_killed_part_of_the_control_plane_comes_back_and_stays(
    enduring: Platform, part: str
) -> None:
    assert enduring.process is not None
    parent = enduring.process.pid
    before = children(parent)
    holder = read_records(enduring.data_dir, None).controllers_pid
    victim = next(child for child in before if (child.pid == holder) == (part == "controllers"))
    assert victim.kill()
    eventually(
        lambda: len(children(parent)) == 2 and victim not in children(parent), "its successor"
    )
    after = children(parent)
    eventually(lambda: is_ready(enduring), "readiness")
    with deployed(enduring, "deployed-after", canary()):
        assert children(parent) == after


def is_ready(platform: Platform) -> bool:
    try:
        return fetch(f"{platform.administrator['url']}/readyz").status == 200
    except OSError:
        return False


def processes_of(data_dir: Path) -> list[Process]:
    return World(data_dir).everything()


def replicas_of(platform: Platform) -> list[ReplicaProcess]:
    return World(platform.data_dir).replica_processes()
