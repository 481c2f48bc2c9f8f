"""A replica that says that it is ready gets the requests that wait, whoever else is away."""

import socket
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
