"""A replica that says that it is ready gets the requests that wait, whoever else is away."""

import socket
import time
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from tests.integration.gateway.replica import Replica, StartReplica
from tests.integration.gateway.running import EPOCH, Answer, RunningGateway, eventually, route
from windlass.gateway.files import GatewayFiles
from windlass.kit import datagrams


def held_request(gateway: RunningGateway, threads: ThreadPoolExecutor, name: str) -> Future[Answer]:
    sent = threads.submit(gateway.request, f"/team/{name}/echo")
    eventually(lambda: gateway.held(name) == 1)
    return sent


def say_ready(gateway: RunningGateway, replica_id: str) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        address = GatewayFiles(gateway.directory.absolute()).ready_address
        told.sendto(replica_id.encode(), datagrams.native(address))


@pytest.mark.parametrize("limit", [0, 1])
def test_what_waits_is_answered_at_a_replicas_own_word(
    gateway: RunningGateway, threads: ThreadPoolExecutor, replica: Replica, name: str, limit: int
) -> None:
    starting = (replica.endpoint,)
    gateway.client.put(route(name, starting=starting, concurrency_limit=limit), EPOCH)
    sent = held_request(gateway, threads, name)
    say_ready(gateway, "somebody-else")
    say_ready(gateway, replica.endpoint.replica_id)
    assert sent.result().status == 200
    assert replica.seen["/echo"] == 1
    gateway.client.put(route(name, replica.endpoint, concurrency_limit=limit), EPOCH)
    assert gateway.request(f"/team/{name}/echo").status == 200


@pytest.mark.parametrize("limit", [0, 1])
def test_nobody_gets_to_a_replica_before_it_is_ready(
    gateway: RunningGateway,
    threads: ThreadPoolExecutor,
    start_replica: StartReplica,
    name: str,
    limit: int,
) -> None:
    died, following = start_replica(f"{name}-1"), start_replica(f"{name}-2")
    gateway.client.put(route(name, died.endpoint, concurrency_limit=limit), EPOCH)
    assert gateway.request(f"/team/{name}/echo").status == 200
    died.stop()
    # This one is tried again and again from now on.
    early = threads.submit(gateway.request, f"/team/{name}/echo")
    time.sleep(0.1)
    starting = (following.endpoint,)
    gateway.client.put(route(name, starting=starting, concurrency_limit=limit), EPOCH)
    late = threads.submit(gateway.request, f"/team/{name}/echo")
    # Ample for several tries.
    time.sleep(1.5)
    assert not following.seen["/echo"]
    say_ready(gateway, following.endpoint.replica_id)
    assert [each.result().status for each in (early, late)] == [200, 200]


def test_the_only_one_to_come_is_known_to_envoy_before_it_is_ready(
    gateway: RunningGateway, start_replica: StartReplica, name: str
) -> None:
    one, two = start_replica(f"{name}-1"), start_replica(f"{name}-2")
    gateway.client.put(route(name, starting=(one.endpoint,)), EPOCH)
    assert f"127.0.0.1:{one.port}::health_flags::healthy" in gateway.admin("/clusters")
    gateway.client.put(route(name, starting=(one.endpoint, two.endpoint)), EPOCH)
    assert f"127.0.0.1:{one.port}" not in gateway.admin("/clusters")
    gateway.client.put(route(name, one.endpoint, starting=(two.endpoint,)), EPOCH)
    assert f"127.0.0.1:{one.port}" in gateway.admin("/clusters")
    assert f"127.0.0.1:{two.port}" not in gateway.admin("/clusters")


def test_of_several_that_are_ready_at_once_all_get_requests(
    gateway: RunningGateway, start_replica: StartReplica, name: str
) -> None:
    replicas = [start_replica(f"{name}-{number}") for number in range(3)]
    starting = tuple(each.endpoint for each in replicas)
    gateway.client.put(route(name, starting=starting), EPOCH)
    for endpoint in starting:
        say_ready(gateway, endpoint.replica_id)

    def all_asked() -> bool:
        assert gateway.request(f"/team/{name}/echo").status == 200
        return all(each.seen["/echo"] for each in replicas)

    eventually(all_asked)
    assert set(gateway.client.in_flight(f"id-{name}")) == {each.replica_id for each in starting}


def test_who_is_no_longer_wanted_gets_none(
    gateway: RunningGateway, threads: ThreadPoolExecutor, replica: Replica, name: str
) -> None:
    gateway.client.put(route(name, starting=(replica.endpoint,)), EPOCH)
    sent = held_request(gateway, threads, name)
    gateway.client.put(route(name), EPOCH)
    say_ready(gateway, replica.endpoint.replica_id)
    other = route(f"{name}-other", starting=(replica.endpoint,))
    gateway.client.put(other, EPOCH)
    gateway.client.remove(other.workload_id, EPOCH)
    say_ready(gateway, replica.endpoint.replica_id)
    # What came before is dealt with once this is.
    gateway.client.put(route(name, unavailable="over"), EPOCH)
    assert sent.result().status == 503
    assert not replica.seen["/echo"]


def test_a_gate_that_starts_again_knows_who_is_starting(
    gateway: RunningGateway, threads: ThreadPoolExecutor, replica: Replica, name: str
) -> None:
    gateway.client.put(route(name, starting=(replica.endpoint,)), EPOCH)
    gateway.kill_gate()
    gateway.start_gate()
    sent = held_request(gateway, threads, name)
    say_ready(gateway, replica.endpoint.replica_id)
    assert sent.result().status == 200
