"""Starting and stopping as promised: what is ready, what goes on, what is adopted, what ends.

Starts and ends that go wrong are in test_restarts.py.
"""

import json
import os
import signal
import stat
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.crash.world import Process, World
from tests.end_to_end.platforms import (
    PATIENCE_SECONDS,
    Answer,
    Platform,
    canary,
    end,
    eventually,
    fetch,
    run_windlass,
    running,
    windlass,
)

ADMINISTRATOR = {
    "url",
    "gateway_url",
    "internal_url",
    "pid",
    "username",
    "password",
    "client_id",
    "client_secret",
    "cluster_id",
    "department_id",
    "project_id",
    "project_name",
    "domain",
}
LASTING = ADMINISTRATOR - {"pid"}


def test_without_options_everything_has_its_default(scratch_root: Path) -> None:
    home = scratch_root / "home"
    home.mkdir()
    options = ("--listen", "127.0.0.1:0", "--gateway", "127.0.0.1:0")
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("WINDLASS_")
    } | {"HOME": str(home)}
    data_dir = home / ".local" / "share" / "windlass"
    process = subprocess.Popen(
        [*windlass("up"), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment,
    )
    platform = Platform(data_dir, process=process)
    try:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("windlass ready ")
        known = platform.administrator
        assert (known["project_name"], known["domain"]) == ("default", "windlass.localhost")
        for path, name in (("departments", "departments"), ("projects", "projects")):
            (unit,) = platform.get(f"/api/v1/org-unit/{path}")[name]
            assert unit["name"] == "default"
            assert unit["resources"][0]["nodePool"]["name"] == "default"
        shown = subprocess.run(
            windlass("status", "--json"), env=environment, capture_output=True, check=True
        )
        assert json.loads(shown.stdout)["dataDir"] == str(data_dir)
    finally:
        end(platform)
    help_text = run_windlass("up", "--help").stdout
    for default in ("127.0.0.1:8080", "127.0.0.1:8081"):
        assert default in help_text


def test_ready_is_one_line_and_before_it_the_administrators_file_is_complete(
    scratch_root: Path,
) -> None:
    platform = Platform(scratch_root / "one-line")
    try:
        platform.process = platform.spawn()
        assert platform.process.stdout is not None
        line = platform.process.stdout.readline()
        known = platform.administrator
        assert line == f"windlass ready url={known['url']} gateway={known['gateway_url']}\n"
        assert set(known) == ADMINISTRATOR
        assert known["pid"] == platform.process.pid
        mode = (platform.data_dir / "admin.json").stat().st_mode
        assert stat.S_IMODE(mode) == 0o600
        assert fetch(f"{known['url']}/readyz").status == 200
        assert platform.ask("nobody").status == 404
        assert fetch(f"{known['internal_url']}/default/nobody/").status == 404

        assert platform.terminate() == 0
        assert platform.process.stdout.read() == "", "nothing else on standard output"
        platform.up()
        again = platform.administrator
        assert {key: again[key] for key in LASTING} == {key: known[key] for key in LASTING}
        assert again["pid"] == platform.process.pid != known["pid"]
    finally:
        end(platform)


def test_what_runs_goes_on_without_a_control_plane_and_the_next_adopts_it(
    own_platform: Platform,
) -> None:
    workload_id = own_platform.deploy("steady", canary())["workloadId"]
    gateway = own_platform.gateway
    before = outliving(own_platform)
    for how in (signal.SIGTERM, signal.SIGINT, signal.SIGKILL):
        with answer_of(own_platform, "steady", "/stream?count=8&interval=0.5") as streamed:
            assert own_platform.process is not None
            own_platform.process.send_signal(how)
            assert own_platform.process.wait(PATIENCE_SECONDS) in (0, -how)
            assert outliving(own_platform) == before
            assert fetch(f"{gateway}/default/steady/echo").status == 200
            own_platform.up()
            assert own_platform.gateway == gateway
        assert streamed[0].body.count(b"chunk") == 8, "open across the restart"
        assert own_platform.workload(workload_id)["phase"] == "Running"
        assert own_platform.ask("steady").status == 200
        assert outliving(own_platform) == before, "nothing was started again"
        assert [pod["ready"] for pod in own_platform.pods(workload_id)] == [True]


def outliving(platform: Platform) -> set[Process]:
    """The gate, Envoy, the replica, and the supervisor of each."""
    world = World(platform.data_dir)
    folders = [world.service_directory(name) for name in ("gate", "envoy")]
    folders += [world.replica_directory(found) for found in world.supervisors()]
    found = set()
    for folder in folders:
        for process in (world.supervised(folder), world.supervisor(folder)):
            assert process is not None, folder
            found.add(process)
    assert len(found) == 6
    return found


@contextmanager
def answer_of(platform: Platform, name: str, path: str) -> Iterator[list[Answer]]:
    """An answer that is under way within the context, and complete after it."""
    answers: list[Answer] = []
    url = f"{platform.gateway}/default/{name}{path}"
    asking = threading.Thread(target=lambda: answers.append(fetch(url)))
    before = requests_of(platform, name)
    asking.start()
    eventually(lambda: requests_of(platform, name) > before, "the request's arrival")
    yield answers
    asking.join(PATIENCE_SECONDS)
    assert answers
    assert answers[0].status == 200


def requests_of(platform: Platform, name: str) -> int:
    return len(platform.ask(name, "/requests?path=/stream").json()["seconds"])


def test_down_ends_everything_and_the_next_start_starts_what_is_desired(
    own_platform: Platform,
) -> None:
    ids = {name: own_platform.deploy(name, canary())["workloadId"] for name in ("one", "two")}
    assert own_platform.ask("two", "/spawn?seconds=600").status == 200
    known = own_platform.administrator
    world = World(own_platform.data_dir)
    everything = world.everything()
    assert len(everything) >= 12

    own_platform.down()
    assert not any(process.is_alive() for process in everything)
    assert world.everything() == []
    assert run_windlass("down", "--data-dir", str(own_platform.data_dir)).returncode == 0

    own_platform.up()
    assert {**own_platform.administrator, "pid": 0} == {**known, "pid": 0}
    for name, workload_id in ids.items():
        assert own_platform.wait_for_phase(workload_id, "Running")["name"] == name
        assert own_platform.ask(name).status == 200
        assert len(own_platform.pods(workload_id)) == 1

    own_platform.kill()
    assert world.everything()
    own_platform.down()
    assert world.everything() == [], "what a killed control plane left is ended, too"


@pytest.fixture
def shared_platform(scratch_root: Path, postgresql_url: str) -> Iterator[tuple[Platform, str]]:
    """A platform on PostgreSQL, and the database's address."""
    folder = Path(tempfile.mkdtemp(dir=scratch_root))
    options = ("--database", postgresql_url, "--domain", "models.example")
    for platform in running(folder / "data", *options):
        yield platform, postgresql_url


def test_control_planes_that_join_share_the_work_and_take_over(
    shared_platform: tuple[Platform, str],
) -> None:
    first, url = shared_platform
    steady = first.deploy("steady", canary())["workloadId"]
    before = outliving(first)
    joined = Platform(first.data_dir)
    joined.process = join(first, url)
    try:
        address = ready_address(joined.process)
        assert address != first.administrator["url"]
        assert first.administrator["pid"] == first.process.pid  # type: ignore[union-attr]
        assert ask(first, address, "GET", f"/api/v1/workloads/{steady}")["phase"] == "Running"

        first.kill()
        created = ask(first, address, "POST", "/api/v1/workloads/inferences", creation(first))
        # Whoever controls by then.
        assert first.ask("by-the-joined").status == 200
        workload = f"/api/v1/workloads/{created['workloadId']}"
        eventually(lambda: ask(first, address, "GET", workload)["phase"] == "Running", "Running")
        assert first.ask("steady").status == 200
        host = {"Host": "by-the-joined-runai-default.models.example"}
        internal = first.administrator["internal_url"]
        for gateway in (first.gateway, internal):
            assert fetch(gateway, headers=host).status == 200, "under the domain of the first"
        assert before <= set(World(first.data_dir).everything())

        run_windlass("down", "--data-dir", str(first.data_dir))
        assert joined.process.wait(PATIENCE_SECONDS) == 0
        assert World(first.data_dir).everything() == []
    finally:
        joined.process.kill()
        joined.process.wait()


def test_another_data_directory_on_the_same_store_is_refused(
    shared_platform: tuple[Platform, str], scratch_root: Path
) -> None:
    first, url = shared_platform
    other = Platform(scratch_root / "other-directory", ("--database", url))
    refused = other.spawn()
    assert refused.wait(PATIENCE_SECONDS) == 1
    assert f"--join {first.data_dir}" in other.log()
    assert first.get("/api/v1/workloads")["workloads"] == []
    assert World(other.data_dir).everything() == []


def join(first: Platform, url: str) -> "subprocess.Popen[str]":
    with first.log_file.open("ab") as log:
        return subprocess.Popen(
            [
                *windlass("up", "--join", str(first.data_dir), "--database", url),
                *("--listen", "127.0.0.1:0", "--host-images", str(first.host_images)),
            ],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )


def ready_address(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("windlass ready url="), line
    return line.split()[2].removeprefix("url=")


def ask(platform: Platform, address: str, method: str, path: str, body: Any = None) -> Any:
    """Ask another control plane with the same token."""
    raw = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {platform.token}", "Content-Type": "application/json"}
    answer = fetch(f"{address}{path}", method, raw, headers)
    assert answer.status in (200, 202), answer.body
    return answer.json()


def creation(platform: Platform) -> dict[str, Any]:
    known = platform.administrator
    return {
        "name": "by-the-joined",
        "projectId": known["project_id"],
        "clusterId": known["cluster_id"],
        "spec": canary(),
    }
