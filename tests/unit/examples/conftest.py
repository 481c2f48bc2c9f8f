"""Starts the examples as the platform would: a process with PORT in its environment."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).parents[3]
CANARY = [str(ROOT / "examples/canary/canary.py")]

START_TIMEOUT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Replica:
    """A running example."""

    process: subprocess.Popen[str]
    client: httpx.Client
    port: int


StartReplica = Callable[..., Replica]


@pytest.fixture(scope="module")
def start_replica() -> Iterator[StartReplica]:
    """A function that runs Python with these words and returns once its port is open."""
    started: list[Replica] = []

    def start(*words: str, port: int | None = None, **environment: str) -> Replica:
        port = port or free_port()
        process = subprocess.Popen(
            [sys.executable, *words],
            cwd=ROOT,
            env={**os.environ, "PORT": str(port), **environment},
            stdout=subprocess.PIPE,
            text=True,
        )
        client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30)
        started.append(Replica(process, client, port))
        wait_until_listening(process, port)
        return started[-1]

    yield start
    for replica in started:
        replica.client.close()
        replica.process.kill()
        replica.process.communicate()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until_listening(process: subprocess.Popen[str], port: int) -> None:
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert process.poll() is None, "the example ended instead of listening"
        time.sleep(0.01)
    raise AssertionError(f"nothing listened on port {port} in {START_TIMEOUT_SECONDS} s")


@pytest.fixture
def canary(start_replica: StartReplica) -> Replica:
    return start_replica(*CANARY)
