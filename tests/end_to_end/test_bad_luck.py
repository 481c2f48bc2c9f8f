"""Workloads that cannot run, and what happens around those that do: each has a clear state."""

import socket
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.crash.world import World
from tests.end_to_end.platforms import (
    CANARY_IMAGES,
    Platform,
    canary,
    eventually,
    running,
)
from tools.postgresql import PostgresqlMissing, PostgresqlServer
from tools.suite_results import DATABASE_PROPERTY
from windlass.app.controllers import RESYNC_SECONDS

HURRIED = {"servingConfiguration": {"initializationTimeoutSeconds": 3}}


@contextmanager
def submitted(platform: Platform, name: str, spec: dict[str, Any]) -> Iterator[str]:
    """A workload that is deleted in the end."""
    workload_id = str(platform.submit(name, spec)["workloadId"])
    try:
        yield workload_id
    finally:
        # A test may have deleted it already.
        if platform.call("GET", f"/api/v1/workloads/{workload_id}").status == 200:
            platform.delete(workload_id)


def assert_given_up(platform: Platform, name: str, workload_id: str, *words: str) -> None:
    """It becomes Failed, says so with these words, runs nothing and is answered 503."""
    shown = platform.wait_for_phase(workload_id, "Failed")
    for word in words:
        assert word in shown["phaseMessage"]
    answer = platform.ask(name)
    assert answer.status == 503
    assert words[-1] in answer.json()["message"]
    eventually(lambda: not processes_of(platform, workload_id), "the end of its processes")


def test_a_command_that_exits_at_once_is_said_to_crash_and_then_given_up(
    platform: Platform,
) -> None:
    spec = canary("--exit-at-start 3", **HURRIED)
    with submitted(platform, "exits", spec) as workload_id:
        seen = eventually(
            lambda: shown_with_reason(platform, workload_id, "CrashLoop"), "CrashLoop"
        )
        assert seen["phase"] == "Initializing"
        assert "it exited with code 3" in seen["phaseMessage"]
        assert_given_up(platform, "exits", workload_id, "Not ready 3 s")
        ends = [pod for pod in platform.pods(workload_id, deleted=True) if pod["exit"]]
        assert 3 in {end["exit"]["code"] for end in ends}


def test_a_port_that_is_never_opened_is_named_and_its_workload_given_up(
    platform: Platform,
) -> None:
    with submitted(platform, "silent", canary("--delay-listen 600", **HURRIED)) as workload_id:
        assert_given_up(platform, "silent", workload_id, "nothing listens on port")


def test_somebody_elses_port_never_gets_a_request(platform: Platform) -> None:
    spec = canary("--delay-listen 600", **HURRIED)
    with submitted(platform, "robbed", spec) as workload_id:
        pid = eventually(lambda: processes_of(platform, workload_id), "its process")[0]
        environment = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
        port = next(int(word[5:]) for word in environment if word.startswith("PORT="))
        with socket.create_server(("127.0.0.1", port)) as robber:
            assert_given_up(platform, "robbed", workload_id, "another process listens on port")
            robber.setblocking(False)
            with pytest.raises(BlockingIOError):
                robber.accept()


def test_a_probe_that_never_succeeds_is_named_and_its_workload_given_up(
    platform: Platform,
) -> None:
    probe = {"readiness": {"handler": {"httpGet": {"path": "/ready", "port": 8000}}}}
    spec = canary("--not-ready", probes=probe, **HURRIED)
    with submitted(platform, "unready", spec) as workload_id:
        assert_given_up(platform, "unready", workload_id, "probe of /ready failed")


def test_without_room_a_workload_waits_until_there_is_some(platform: Platform) -> None:
    all_gpus = {"gpuDevicesRequest": 4}
    with submitted(platform, "greedy", canary(compute=all_gpus)) as first:
        platform.wait_for_phase(first, "Running")
        with submitted(platform, "waiting", canary(compute=all_gpus)) as second:
            platform.wait_for_phase(second, "Pending")
            shown = eventually(
                lambda: shown_with_reason(platform, second, "Unschedulable"), "the reason"
            )
            assert "4" in shown["phaseMessage"]
            assert platform.workload(first)["phase"] == "Running"
            platform.delete(first)
            platform.wait_for_phase(second, "Running")


def test_a_host_images_file_that_breaks_changes_nothing_until_it_is_mended(
    platform_of_images: tuple[Platform, Path],
) -> None:
    platform, images = platform_of_images
    sound = yaml.safe_load(images.read_text())
    steady = platform.deploy("steady", canary())["workloadId"]
    images.write_text("host/canary: [this is, no: entry")
    problem = eventually(
        lambda: platform.get("/api/v1/platform")["engine"].get("hostImagesError"), "the error"
    )
    assert str(images) in problem
    platform.deploy("deployed-meanwhile", canary())
    assert platform.workload(steady)["phase"] == "Running"
    images.write_text(yaml.safe_dump({**sound, "host/other": sound["host/canary"]}))
    platform.deploy("deployed-after", canary(image="host/other"))
    assert "hostImagesError" not in platform.get("/api/v1/platform")["engine"]


def test_an_entry_that_vanishes_fails_its_workloads_at_their_next_start_and_no_sooner(
    platform_of_images: tuple[Platform, Path],
) -> None:
    platform, images = platform_of_images
    entry = yaml.safe_load(images.read_text())["host/canary"]
    images.write_text(yaml.safe_dump({"host/canary": entry, "host/other": entry}))
    doomed = platform.deploy("doomed", canary(image="host/other"))["workloadId"]
    images.write_text(yaml.safe_dump({"host/canary": entry}))
    eventually(
        lambda: "host/other" not in platform.get("/api/v1/platform")["engine"]["hostImages"],
        "the change of the catalogue",
    )
    assert platform.ask("doomed").status == 200
    kill_replica_of(platform, doomed)
    assert_given_up(platform, "doomed", doomed, "host/other", "host/canary")
    platform.delete(doomed)


def test_a_lost_supervisor_is_noticed_at_once(platform: Platform) -> None:
    with submitted(platform, "bereft", canary()) as workload_id:
        platform.wait_for_phase(workload_id, "Running")
        world = World(platform.data_dir)
        before = platform.pods(workload_id)[0]["id"]
        directory = world.replica_directory(before)
        supervisor, replica = world.supervisor(directory), world.supervised(directory)
        assert supervisor is not None
        assert replica is not None
        assert supervisor.kill()
        began = time.monotonic()
        eventually(lambda: not replica.is_alive(), "its end with its supervisor")
        eventually(lambda: platform.ask("bereft").status == 200, "an answer")
        assert platform.pods(workload_id)[0]["id"] != before
        # Less than the time after which everything is looked at anyway.
        assert time.monotonic() - began < RESYNC_SECONDS / 2


def test_while_the_store_is_locked_nothing_is_lost_and_requests_go_on(
    own_platform: Platform,
) -> None:
    steady = own_platform.deploy("steady", canary())["workloadId"]
    with closing(sqlite3.connect(own_platform.data_dir / "windlass.db")) as intruder:
        intruder.execute("BEGIN IMMEDIATE")
        refused = own_platform.call("POST", "/api/v1/workloads/inferences", creation(own_platform))
        assert refused.status == 503
        assert "Try again" in refused.json()["message"]
        assert own_platform.workload(steady)["phase"] == "Running"
        assert own_platform.ask("steady").status == 200
        kill_replica_of(own_platform, steady)
        intruder.rollback()
    accepted = own_platform.call("POST", "/api/v1/workloads/inferences", creation(own_platform))
    assert accepted.status == 202
    own_platform.wait_for_phase(accepted.json()["workloadId"], "Running")
    own_platform.wait_for_phase(steady, "Running")
    eventually(lambda: own_platform.ask("steady").status == 200, "the answer of the next replica")


def test_postgresql_may_be_restarted_under_the_platform(
    platform_of_postgresql: tuple[Platform, PostgresqlServer],
) -> None:
    platform, server = platform_of_postgresql
    steady = platform.deploy("steady", canary())["workloadId"]
    server.halt()
    assert platform.ask("steady").status == 200
    assert platform.call("GET", f"/api/v1/workloads/{steady}").status == 503
    server.start_again()
    eventually(
        lambda: platform.call("GET", f"/api/v1/workloads/{steady}").status == 200, "the store"
    )
    assert platform.workload(steady)["phase"] == "Running"
    platform.deploy("deployed-after", canary())
    assert platform.process is not None
    assert platform.process.poll() is None


@pytest.fixture
def platform_of_postgresql(
    scratch_root: Path, request: pytest.FixtureRequest
) -> Iterator[tuple[Platform, PostgresqlServer]]:
    """A platform, and a server of its own that may be halted."""
    request.node.user_properties.append((DATABASE_PROPERTY, "postgresql"))
    try:
        server = PostgresqlServer()
    except PostgresqlMissing as missing:
        pytest.skip(str(missing))
    try:
        for platform in running(scratch_root / "on-postgresql", "--database", server.url()):
            yield platform, server
    finally:
        server.stop()


@pytest.fixture(scope="module")
def platform_of_images(scratch_root: Path) -> Iterator[tuple[Platform, Path]]:
    """A platform and its host images, which tests may change."""
    folder = Path(tempfile.mkdtemp(dir=scratch_root))
    images = folder / "images.yaml"
    entry = yaml.safe_load(CANARY_IMAGES.read_text())["host/canary"]
    entry["command"][0] = str((CANARY_IMAGES.parent / entry["command"][0]).absolute())
    entry["workingDir"] = str(CANARY_IMAGES.parent)
    images.write_text(yaml.safe_dump({"host/canary": entry}))
    for platform in running(folder / "data", host_images=images):
        yield platform, images


def creation(platform: Platform) -> dict[str, Any]:
    known = platform.administrator
    return {
        "name": "accepted-in-the-end",
        "projectId": known["project_id"],
        "clusterId": known["cluster_id"],
        "spec": canary(),
    }


def kill_replica_of(platform: Platform, workload_id: str) -> None:
    world = World(platform.data_dir)
    replica = world.supervised(world.replica_directory(platform.pods(workload_id)[0]["id"]))
    assert replica is not None
    assert replica.kill()


def processes_of(platform: Platform, workload_id: str) -> list[int]:
    return [
        replica.process.pid
        for replica in World(platform.data_dir).replica_processes()
        if replica.workload_id == workload_id
    ]


def shown_with_reason(platform: Platform, workload_id: str, reason: str) -> dict[str, Any] | None:
    shown = platform.workload(workload_id)
    return shown if shown["phaseReason"] == reason else None
