"""Commands as people type them, against a real platform and real replicas."""

import json
import re
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.platforms import (
    Platform,
    canary,
    eventually,
    fetch,
    run_windlass,
    windlass,
)
from windlass.client import Client


@pytest.fixture
def type_(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs a command against the shared platform; its exit status need not be 0."""
    monkeypatch.setenv("WINDLASS_DATA_DIR", str(platform.data_dir))
    return lambda *words: run_windlass(*words, check=False)


@pytest.fixture
def names(platform: Platform) -> Iterator[list[str]]:
    """Names of workloads that the test may leave behind."""
    names: list[str] = []
    yield names
    with Client.from_data_dir(platform.data_dir) as client:
        for workload in client.workloads():
            if workload["name"] in names:
                client.delete_inference(workload["id"])
                platform.wait_until_gone(workload["id"])


def write(directory: Path, *documents: dict[str, Any]) -> Path:
    path = directory / "workloads.yaml"
    path.write_text("\n---\n".join(json.dumps(document) for document in documents))
    return path


def test_a_workload_from_file_to_answer_to_end(
    type_: Any, names: list[str], tmp_path: Path
) -> None:
    names.append("cli-whole")
    file = write(tmp_path, {"name": "cli-whole", "spec": canary("hello there")})

    submitted = type_("submit", "-f", str(file))
    assert submitted.returncode == 0, submitted.stderr
    assert re.search(r"[0-9.]+ s  cli-whole  Running", submitted.stdout)
    url = submitted.stdout.split("cli-whole answers at ")[1].split()[0]
    answer = fetch(url).json()
    assert answer["argv"][-2:] == ["hello", "there"]

    (listed,) = [
        line.split() for line in type_("ls").stdout.splitlines() if line.startswith("cli-whole ")
    ]
    assert listed[:4] == ["cli-whole", "default", "Running", "1/1"]
    assert listed[-1] == url

    described = type_("describe", "cli-whole").stdout
    assert described.startswith("cli-whole  Running for ")
    assert "hello there" in described
    assert f"started as process {answer['pid']}." in described

    fetch(f"{url}print?text=from-the-replica&count=2")
    assert type_("logs", "cli-whole", "--tail", "2").stdout == "from-the-replica\n" * 2

    deleted = type_("delete", "cli-whole", "--wait")
    assert deleted.returncode == 0, deleted.stderr
    assert deleted.stdout.endswith("cli-whole is gone.\n")
    assert not Path(f"/proc/{answer['pid']}").exists()
    assert "cli-whole" not in type_("ls").stdout
    assert "cli-whole" in type_("ls", "--deleted").stdout


def test_json_is_what_the_api_says(
    platform: Platform, type_: Any, names: list[str], tmp_path: Path
) -> None:
    names += ["cli-json-a", "cli-json-b"]
    file = write(tmp_path, *({"name": name, "spec": canary()} for name in names))
    submitted = json.loads(type_("submit", "-f", str(file), "--json").stdout)
    assert [(each["name"], each["phase"]) for each in submitted] == [
        ("cli-json-a", "Running"),
        ("cli-json-b", "Running"),
    ]
    workload_id = submitted[0]["id"]
    described = json.loads(type_("describe", workload_id, "--json").stdout)
    assert described["workload"] == platform.workload(workload_id)
    assert described["pods"] == platform.pods(workload_id)
    assert described["events"] == platform.events(workload_id)[:15]
    listed = json.loads(type_("ls", "--json", "--search", "cli-json", "--sort", "name").stdout)
    assert [each["name"] for each in listed] == names
    gone = json.loads(type_("delete", *names, "--wait", "--json").stdout)
    assert [each["name"] for each in gone] == names


def test_status_is_of_this_platform(platform: Platform, type_: Any) -> None:
    shown = type_("status")
    assert shown.returncode == 0, shown.stderr
    assert str(platform.data_dir) in shown.stdout
    assert "4 GPUs simulated" in shown.stdout
    assert "host/canary" in shown.stdout
    told = json.loads(type_("status", "--json").stdout)
    assert told == {"url": platform.administrator["url"], **platform.get("/api/v1/platform")}


def test_a_workload_that_fails_is_told_with_its_exit_code(
    type_: Any, names: list[str], tmp_path: Path
) -> None:
    names.append("cli-fails")
    spec = canary("--exit-at-start 3", servingConfiguration={"initializationTimeoutSeconds": 1})
    submitted = type_("submit", "-f", str(write(tmp_path, {"name": "cli-fails", "spec": spec})))
    assert submitted.returncode == 1
    assert "cli-fails is Failed: " in submitted.stderr
    assert "windlass describe cli-fails" in submitted.stderr
    described = type_("describe", "cli-fails").stdout
    assert described.startswith("cli-fails  Failed for ")
    assert re.search(r"cli-fails-0-\w+ +Failed .* Error: .*3", described)


def test_a_workload_that_does_not_fit_is_told_in_numbers(
    type_: Any, names: list[str], tmp_path: Path
) -> None:
    names.append("cli-large")
    spec = canary(compute={"gpuDevicesRequest": 5})
    file = write(tmp_path, {"name": "cli-large", "spec": spec})
    submitted = type_("submit", "-f", str(file), "--timeout", "1")
    assert submitted.returncode == 1
    assert re.search(r"waited 1 s; cli-large is still Pending: .*5.*4", submitted.stderr)
    described = type_("describe", "cli-large").stdout
    assert described.startswith("cli-large  Pending")
    assert re.search(r"why .*5.*4", described)
    assert "GPU 5" in described
    assert "cli-large has no log: it is Pending" in type_("logs", "cli-large").stderr


def test_a_refused_field_is_named(type_: Any, tmp_path: Path) -> None:
    spec = canary(compute={"cpuCoreRequest": -1})
    refused = type_("submit", "-f", str(write(tmp_path, {"name": "cli-bad", "spec": spec})))
    assert refused.returncode == 1
    assert "cli-bad was refused: spec.compute.cpuCoreRequest: " in refused.stderr
    assert refused.stdout == ""


def test_a_log_is_followed_until_its_replica_ends(
    platform: Platform, type_: Any, names: list[str], tmp_path: Path
) -> None:
    names.append("cli-follow")
    type_("submit", "-f", str(write(tmp_path, {"name": "cli-follow", "spec": canary()})))
    following = subprocess.Popen(
        windlass("logs", "-f", "cli-follow"), stdout=subprocess.PIPE, text=True
    )
    assert following.stdout is not None
    platform.ask("cli-follow", "/print?text=first&count=1")
    for line in following.stdout:
        if line == "first\n":
            break
    platform.ask("cli-follow", "/print?text=second&count=1")
    assert following.stdout.readline() == "second\n"
    type_("delete", "cli-follow")
    assert following.wait(timeout=60) == 0


def test_ctrl_c_stops_watching_and_not_the_workload(
    platform: Platform, names: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names.append("cli-watched")
    monkeypatch.setenv("WINDLASS_DATA_DIR", str(platform.data_dir))
    spec = canary(compute={"gpuDevicesRequest": 5})
    file = write(tmp_path, {"name": "cli-watched", "spec": spec})
    watching = subprocess.Popen(
        windlass("submit", "-f", str(file)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert watching.stdout is not None
    for line in watching.stdout:
        if "Pending" in line:
            break
    watching.send_signal(signal.SIGINT)
    _, error = watching.communicate(timeout=60)
    assert watching.returncode == 130
    assert "no longer watching" in error
    assert "Traceback" not in error
    assert "cli-watched" in run_windlass("ls").stdout


def test_submit_waits_through_a_restart_of_the_control_plane(
    own_platform: Platform, tmp_path: Path
) -> None:
    file = write(tmp_path, {"name": "patient", "spec": canary("--delay-listen 3")})
    data_dir = str(own_platform.data_dir)
    watching = subprocess.Popen(
        windlass("submit", "-f", str(file), "--data-dir", data_dir),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert watching.stdout is not None
    assert "patient is accepted" in watching.stdout.readline()
    own_platform.kill()
    told = run_windlass("ls", "--data-dir", data_dir, check=False)
    assert told.returncode == 1
    assert f"windlass up --data-dir {data_dir}" in told.stderr
    own_platform.up()
    output, _ = watching.communicate(timeout=60)
    assert watching.returncode == 0
    assert "the platform does not answer; asking again" in output
    assert "patient answers at " in output


def test_top_shows_what_is_asked_and_who_answers(
    type_: Any, platform: Platform, names: list[str]
) -> None:
    names.append("cli-top")
    platform.deploy("cli-top", canary())
    under_way = threading.Thread(target=platform.ask, args=("cli-top", "/sleep?seconds=8"))
    under_way.start()
    asked = [fetch(f"{platform.gateway}/default/cli-top/echo") for _ in range(20)]
    assert {answer.status for answer in asked} == {200}

    def seen() -> dict[str, Any] | None:
        listed = json.loads(type_("top", "--json").stdout)
        (found,) = [each for each in listed if each["name"] == "cli-top"]
        return found if found["inFlight"] == 1 else None

    shown = eventually(seen, "the request under way")
    assert shown["replicas"] == {"ready": 1, "wanted": 1, "min": 1, "max": 1}
    assert shown["held"] == 0
    under_way.join()
    (line,) = [
        line.split()
        for line in type_("top", "--once", "--project", "default").stdout.splitlines()
        if line.startswith("cli-top ")
    ]
    assert line[:5] == ["cli-top", "default", "Running", "1", "1"]
    assert type_("top", "--once", "--project", "nowhere").stdout.splitlines()[1:] == []
