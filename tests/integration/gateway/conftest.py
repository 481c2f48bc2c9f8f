"""One gate and one Envoy for most tests; each test takes workload names of its own."""

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.integration.gateway.replica import Replica, StartReplica
from tests.integration.gateway.running import RunningGateway

_numbers = itertools.count(1)
BOTH = ("host", "host", "path")
"""Who has a limit is asked for otherwise by one than by the other."""


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    """Shared: a test must not kill its processes or call `replace_all`."""
    running = RunningGateway(tmp_path_factory.mktemp("gateway")).start()
    yield running
    running.stop()


@pytest.fixture
def own_gateway(tmp_path: Path) -> Iterator[RunningGateway]:
    """For a test that kills its processes or replaces all routes."""
    running = RunningGateway(tmp_path).start()
    yield running
    running.stop()


@pytest.fixture(scope="session")
def wide_gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    """As `gateway`, with an Envoy of four workers, and asked by host as by path."""
    running = RunningGateway(tmp_path_factory.mktemp("wide"), workers=4, finds=BOTH).start()
    yield running
    running.stop()


@pytest.fixture
def own_wide_gateway(tmp_path: Path) -> Iterator[RunningGateway]:
    """As `wide_gateway`, for a test that kills its processes or replaces all routes."""
    running = RunningGateway(tmp_path, workers=4, finds=BOTH).start()
    yield running
    running.stop()


@pytest.fixture
def name() -> str:
    """A workload name that no other test uses."""
    return f"w{next(_numbers)}"


@pytest.fixture
def start_replica() -> Iterator[StartReplica]:
    """Starts replicas, and stops them after the test."""
    started: list[Replica] = []

    def start(replica_name: str) -> Replica:
        replica = Replica(replica_name).start()
        started.append(replica)
        return replica

    yield start
    for replica in started:
        replica.stop()


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    """Clients at the same time."""
    with ThreadPoolExecutor(64) as pool:
        yield pool


@pytest.fixture
def replica(start_replica: StartReplica) -> Replica:
    """One replica."""
    return start_replica("replica-1")
