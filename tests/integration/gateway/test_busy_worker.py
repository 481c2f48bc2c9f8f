"""A worker of Envoy may hear from the gate before it knows what Envoy has acknowledged: nothing
that waited may fail by it."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.integration.gateway.replica import Replica, StartReplica
from tests.integration.gateway.running import EPOCH, Answer, RunningGateway, eventually, route
from tests.integration.gateway.stopped_worker import stopped_before_it_reads, worker


@pytest.fixture
def narrow_gateway(tmp_path: Path) -> Iterator[RunningGateway]:
    """Its Envoy has one worker."""
    running = RunningGateway(tmp_path, workers=1).start()
    yield running
    running.stop()


@pytest.mark.parametrize("size", [0, 5_000_000])
@pytest.mark.parametrize("limit", [0, 1])
def test_who_waited_finds_a_replica_that_its_worker_has_yet_to_hear_of(
    narrow_gateway: RunningGateway,
    threads: ThreadPoolExecutor,
    replica: Replica,
    size: int,
    limit: int,
) -> None:
    gateway = narrow_gateway
    assert gateway.envoy is not None
    gateway.client.put(route("first", concurrency_limit=limit), EPOCH)
    gateway.client.put(route("other", concurrency_limit=limit, request_timeout_seconds=1), EPOCH)
    body = b"x" * size
    waits = threads.submit(gateway.request, "/team/first/swallow", "POST", body=body)
    eventually(lambda: gateway.held("first") == 1)
    woken_by = threads.submit(gateway.request, "/team/other/swallow", "POST")
    eventually(lambda: gateway.held("other") == 1)
    with stopped_before_it_reads(worker(gateway.envoy.pid)):
        replaced = route("first", replica.endpoint, concurrency_limit=limit)
        gateway.client.put(replaced, EPOCH)
        # Ample for an answer that comes too early.
        time.sleep(0.3)
    assert woken_by.result().status == 504
    assert waits.result().status == 200


def test_a_slot_is_used_at_the_replica_where_it_is(
    narrow_gateway: RunningGateway,
    threads: ThreadPoolExecutor,
    start_replica: StartReplica,
) -> None:
    gateway = narrow_gateway
    assert gateway.envoy is not None
    busy, new = start_replica("busy"), start_replica("new")
    gateway.client.put(route("first", busy.endpoint, concurrency_limit=1), EPOCH)
    gateway.client.put(route("other", concurrency_limit=1, request_timeout_seconds=1), EPOCH)
    works = threads.submit(gateway.request, "/team/first/wait")
    eventually(lambda: busy.in_flight == 1)
    waits = threads.submit(gateway.request, "/team/first/echo")
    eventually(lambda: gateway.held("first") == 1)
    woken_by = threads.submit(gateway.request, "/team/other/echo")
    eventually(lambda: gateway.held("other") == 1)
    with stopped_before_it_reads(worker(gateway.envoy.pid)):
        both = route("first", busy.endpoint, new.endpoint, concurrency_limit=1)
        gateway.client.put(both, EPOCH)
        eventually(lambda: gateway.held("first") == 0)
        time.sleep(0.1)
    assert woken_by.result().status == 504
    assert waits.result().status == 200
    assert (busy.peak, new.seen["/echo"]) == (1, 1)
    busy.release()
    assert works.result().status == 200


def test_a_replica_that_leaves_is_asked_about_once_every_worker_knows(
    narrow_gateway: RunningGateway, threads: ThreadPoolExecutor, start_replica: StartReplica
) -> None:
    gateway = narrow_gateway
    assert gateway.envoy is not None
    leaves, stays = start_replica("leaves"), start_replica("stays")
    gateway.client.put(route("first", leaves.endpoint), EPOCH)
    comes = threads.submit(_request_soon, gateway, "/team/first/wait")
    with stopped_before_it_reads(worker(gateway.envoy.pid)):
        gateway.client.put(route("first", stays.endpoint), EPOCH)
        in_flight = threads.submit(gateway.client.in_flight, "id-first")
        time.sleep(0.3)
        assert not in_flight.done()
    assert in_flight.result() == {"leaves": 1, "stays": 0}
    leaves.release()
    assert comes.result().body == b"leaves"


def _request_soon(gateway: RunningGateway, path: str) -> Answer:
    """Once the worker is watched."""
    time.sleep(0.2)
    return gateway.request(path)


def test_the_next_gate_counts_who_has_yet_to_read_what_the_last_one_granted(
    narrow_gateway: RunningGateway, threads: ThreadPoolExecutor, replica: Replica
) -> None:
    gateway = narrow_gateway
    assert gateway.envoy is not None
    gateway.client.put(route("first", replica.endpoint, concurrency_limit=1), EPOCH)
    gateway.client.put(route("other", concurrency_limit=1, request_timeout_seconds=1), EPOCH)
    sent = [threads.submit(gateway.request, "/team/first/wait") for _ in range(2)]
    eventually(lambda: replica.in_flight == 1 and gateway.held("first") == 1)
    woken_by = threads.submit(gateway.request, "/team/other/echo")
    eventually(lambda: gateway.held("other") == 1)
    with stopped_before_it_reads(worker(gateway.envoy.pid)):
        gateway.client.put(route("first", replica.endpoint, concurrency_limit=2), EPOCH)
        eventually(lambda: gateway.held("first") == 0)
        gateway.kill_gate()
        gateway.start_gate()
        time.sleep(1)
    assert woken_by.result().status == 504
    sent += [threads.submit(gateway.request, "/team/first/wait") for _ in range(5)]
    eventually(lambda: gateway.held("first") == 5)
    eventually(lambda: replica.in_flight == 2)
    replica.release()
    assert {each.result().status for each in sent} == {200}
    assert replica.peak == 2
