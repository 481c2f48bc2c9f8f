"""What starts slowly: a control plane keeps its right to control, and a replica its requests."""

import json
import os
import signal
import socket
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from typing import Any

from tests.crash.world import World
from tests.end_to_end.platforms import Platform, canary, eventually, fetch


def test_the_lease_is_renewed_while_the_gateway_does_not_answer(own_platform: Platform) -> None:
    gate = World(own_platform.data_dir).supervised(own_platform.data_dir / "services" / "gate")
    assert gate is not None
    own_platform.kill()
    epoch, _ = lease(own_platform)
    os.kill(gate.pid, signal.SIGSTOP)
    try:
        own_platform.process = own_platform.spawn()
        eventually(lambda: lease(own_platform) >= (epoch + 1, 2), "the second renewal")
        assert own_platform.process.poll() is None
    finally:
        os.kill(gate.pid, signal.SIGCONT)
    assert own_platform.process.stdout is not None
    assert own_platform.process.stdout.readline().startswith("windlass ready ")
    assert lease(own_platform)[0] == epoch + 1, "nobody else controlled meanwhile"


def test_a_replica_answers_what_waits_though_the_control_plane_is_gone(
    own_platform: Platform,
) -> None:
    spec = canary(
        "--not-ready",
        probes={"readiness": {"handler": {"httpGet": {"path": "/ready"}}}},
        autoscaling={"minReplicas": 0, "maxReplicas": 1, "initialReplicas": 0},
    )
    created = own_platform.deploy("boots", spec)
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(own_platform.ask, "boots")
        port = eventually(partial(port_on_route, own_platform, created), "a start on its route")
        own_platform.kill()
        fetch(f"http://127.0.0.1:{port}/set-ready?value=true")
        assert waiting.result().status == 200
    own_platform.up()
    own_platform.wait_for_phase(created["workloadId"], "Running")
    assert own_platform.ask("boots").json()["port"] == str(port)


def port_on_route(platform: Platform, created: dict[str, Any]) -> int | None:
    """Where the replica listens that the gate expects to become ready."""
    snapshot = platform.data_dir / "gateway" / "snapshot" / "workloads"
    route = json.loads((snapshot / f"{created['workloadId']}.json").read_bytes())["route"]
    ports = [int(each["port"]) for each in route["starting"]]
    return ports[0] if ports and listens(ports[0]) else None


def listens(port: int) -> bool:
    with socket.socket() as asked:
        return asked.connect_ex(("127.0.0.1", port)) == 0


def lease(platform: Platform) -> tuple[int, int]:
    """Its epoch, and how often it was renewed since it was acquired."""
    with closing(sqlite3.connect(platform.data_dir / "windlass.db")) as store:
        epoch, renewals = store.execute("SELECT epoch, renewals FROM lease").fetchone()
    return int(epoch), int(renewals)
