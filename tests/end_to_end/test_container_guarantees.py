"""What is killed beside a container neither loses nor doubles it."""

import json
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import started_engine
from tests.end_to_end.containers import container_canary, deployed, on_podman_alone, shell
from tests.end_to_end.platforms import Platform, eventually, running
from tools.container_engine import OwnEngine
from tools.docker import Docker
from tools.podman import Podman

ON_PODMAN_ALONE = on_podman_alone("own_engine")


@pytest.fixture(scope="module", params=[Podman, Docker], ids=lambda kind: kind.name)
def own_engine(request: pytest.FixtureRequest) -> Iterator[OwnEngine]:
    """An engine that these tests may kill."""
    yield from started_engine(request.param)


@pytest.fixture(scope="module")
def machine(scratch_root: Path, own_engine: OwnEngine) -> Iterator[Platform]:
    yield from running(scratch_root / f"guarantees-{own_engine.name}", *own_engine.options)


def state_of(platform: Platform, replica_id: str) -> dict[str, Any]:
    """What the supervisor says of a replica."""
    file = platform.data_dir / "replicas" / replica_id / "state.json"
    known: dict[str, Any] = json.loads(file.read_bytes())
    return known


def only_pod(platform: Platform, created: dict[str, Any]) -> str:
    [pod] = platform.pods(created["workloadId"])
    return str(pod["id"])


def other_pod(platform: Platform, created: dict[str, Any], former: str) -> str:
    """The id of the pod that came in the place of another, once its workload runs again."""

    def probe() -> str | None:
        pods = [pod for pod in platform.pods(created["workloadId"]) if pod["id"] != former]
        return str(pods[0]["id"]) if pods else None

    replaced = eventually(probe, "another start")
    platform.wait_for_phase(created["workloadId"], "Running")
    return replaced


def events(platform: Platform, created: dict[str, Any], reason: str) -> list[str]:
    return [
        event["message"]
        for event in platform.events(created["workloadId"])
        if event["reason"] == reason
    ]


def is_alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def test_a_killed_control_plane_finds_its_containers_again(
    machine: Platform, own_engine: OwnEngine
) -> None:
    with deployed(machine, "adopted", container_canary()) as created:
        pod = only_pod(machine, created)
        pid = state_of(machine, pod)["process"]["pid"]
        machine.kill()
        assert machine.ask("adopted").status == 200, "served without it"
        machine.up()
        machine.wait_for_phase(created["workloadId"], "Running")
        assert only_pod(machine, created) == pod
        assert state_of(machine, pod)["process"]["pid"] == pid
        assert own_engine.containers() == {pod}


def test_a_container_ends_with_its_supervisor_and_another_is_started(
    machine: Platform, own_engine: OwnEngine
) -> None:
    with deployed(machine, "supervised", container_canary()) as created:
        pod = only_pod(machine, created)
        state = state_of(machine, pod)
        os.kill(state["supervisor"]["pid"], signal.SIGKILL)
        eventually(lambda: not is_alive(state["process"]["pid"]), "the end of the container")
        replaced = other_pod(machine, created, pod)
        assert own_engine.containers() == {replaced}
        assert events(machine, created, "Lost")


def test_it_ends_even_when_nobody_is_left_to_look_for_it(
    machine: Platform, own_engine: OwnEngine
) -> None:
    with deployed(machine, "alone", container_canary()) as created:
        pod = only_pod(machine, created)
        state = state_of(machine, pod)
        own_engine.kill()
        machine.kill()
        os.kill(state["supervisor"]["pid"], signal.SIGKILL)
        eventually(lambda: not is_alive(state["process"]["pid"]), "the end of the container")
        own_engine.start()
        machine.up()
        replaced = other_pod(machine, created, pod)
        eventually(lambda: own_engine.containers() == {replaced}, "one container and no other")


def test_containers_go_on_without_their_engine_and_say_so(
    machine: Platform, own_engine: OwnEngine
) -> None:
    with deployed(machine, "engineless", container_canary()) as created:
        pod = only_pod(machine, created)
        machine.ask("engineless", "/print?text=before&count=3")
        own_engine.kill()

        def lost() -> bool:
            shown = machine.workload(created["workloadId"])
            return bool(shown["phaseReason"] == "ContainerEngineLost")

        eventually(lost, "word of the loss")
        with ThreadPoolExecutor(1) as waiting:
            if own_engine.name == "Docker":
                # Its proxy has ended with it, so the gateway keeps what comes.
                def cut_off() -> bool:
                    shown = machine.workload(created["workloadId"])
                    assert shown["phaseReason"] == "ContainerEngineLost"
                    return "only while its engine runs" in shown["phaseMessage"]

                eventually(cut_off, "word that no way leads there")
            printed = waiting.submit(machine.ask, "engineless", "/print?text=without&count=3")
            if own_engine.name == "Podman":
                assert printed.result().status == 200, "served without it"
                assert machine.workload(created["workloadId"])["phase"] == "Running"
            eventually(
                lambda: machine.get("/api/v1/platform")["engine"]["containers"]["problem"],
                "word of the loss from the platform itself",
            )
            own_engine.start()
            assert printed.result().status == 200
        eventually(lambda: not lost(), "word that it is back")
        machine.wait_for_phase(created["workloadId"], "Running")
        assert only_pod(machine, created) == pod, "the same start"
        assert own_engine.containers() == {pod}
        assert events(machine, created, "ContainerEngineLost")
        assert events(machine, created, "ContainerEngineFound")
        machine.ask("engineless", "/print?text=after&count=3")
        path = f"/api/v1/workloads/{created['workloadId']}/pods/{pod}/logs"

        def lines() -> list[str]:
            text = machine.call("GET", path).body.decode()
            return [line for line in text.splitlines() if line in ("before", "without", "after")]

        expected = [word for word in ("before", "without", "after") for _ in range(3)]
        eventually(lambda: lines() == expected, "every line, once")


@ON_PODMAN_ALONE
def test_a_start_waits_for_an_engine_that_is_away(machine: Platform, own_engine: OwnEngine) -> None:
    own_engine.kill()
    created = machine.submit("waits", container_canary())
    eventually(
        lambda: machine.workload(created["workloadId"])["phaseReason"] == "ContainerEngineLost",
        "the reason",
    )
    own_engine.start()
    machine.wait_for_phase(created["workloadId"], "Running")
    machine.delete(created["workloadId"])
    assert own_engine.containers() == set()


def test_how_a_container_ended_is_told(machine: Platform) -> None:
    with deployed(machine, "ends", container_canary()) as created:
        pod = only_pod(machine, created)
        # It exits without an answer, which is the gateway's to make.
        machine.ask("ends", "/exit?code=7")
        pod = other_pod(machine, created, pod)
        os.kill(state_of(machine, pod)["process"]["pid"], signal.SIGKILL)
        other_pod(machine, created, pod)
        told = events(machine, created, "Error")
    assert any("exited with code 7" in message for message in told)
    assert any("signal 9 (SIGKILL)" in message for message in told)


def test_logs_of_containers_are_whole_and_rotated(machine: Platform) -> None:
    count = 60_000
    script = f"seq -w 1 {count} | sed s/$/-{200 * 'x'}/ >&2"
    spec = shell("true", args=f"'{script}; {SERVE}'")
    with deployed(machine, "logs", spec) as created:
        pod = only_pod(machine, created)
        folder = machine.data_dir / "replicas" / pod / "log"

        def written() -> list[str]:
            files = sorted(folder.glob("*.log"), key=lambda file: int(file.stem))
            return "".join(file.read_text() for file in files).splitlines()

        # It runs as soon as it answers; its supervisor may not have copied a line by then.
        eventually(lambda: f"{count}-" in "".join(written()[-1:]), "the last line")
        numbers = [int(line.partition("-")[0]) for line in written()]
        assert numbers == list(range(1, count + 1))
        assert max(file.stat().st_size for file in folder.iterdir()) <= 10 * 2**20


SERVE = 'trap "exit 0" TERM; httpd -f -p $PORT -h /dev/shm & wait'


def test_nothing_is_left_when_the_platform_is_shut_down(
    machine: Platform, own_engine: OwnEngine
) -> None:
    machine.deploy("last", container_canary())
    assert own_engine.containers()
    machine.down()
    assert own_engine.containers() == set()
