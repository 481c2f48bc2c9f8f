"""A replica that is dead or dies costs the requests of a limited workload nothing but time."""

from concurrent.futures import ThreadPoolExecutor

from tests.integration.gateway.replica import Replica, StartReplica
from tests.integration.gateway.running import EPOCH, RunningGateway, eventually, route


def test_a_dead_replica_costs_no_request_and_no_slot(
    wide_gateway: RunningGateway,
    threads: ThreadPoolExecutor,
    start_replica: StartReplica,
    name: str,
) -> None:
    gateway = wide_gateway
    alive, dead = start_replica("alive"), start_replica("dead")
    dead.stop()
    gateway.client.put(route(name, dead.endpoint, alive.endpoint, concurrency_limit=1), EPOCH)
    sent = [
        threads.submit(gateway.request, f"/team/{name}/echo", "POST", body=b"x" * size)
        for size in [10, 100_000] * 10
    ]
    answers = [each.result() for each in sent]
    assert {answer.status for answer in answers} == {200}
    assert not any(key.startswith("x-windlass") for answer in answers for key in answer.headers)
    assert (alive.peak, alive.seen["/echo"]) == (1, 20)
    only_dead = route(name, dead.endpoint, concurrency_limit=1, request_timeout_seconds=2.0)
    gateway.client.put(only_dead, EPOCH)
    answer = gateway.request(f"/team/{name}/echo")
    # It is tried again for as long as it may be: the dead one is about to be replaced.
    assert (answer.status, answer.json["code"]) == (504, 504)
    assert not any(key.startswith("x-windlass") for key in answer.headers)


def test_who_found_its_replica_dead_waits_for_a_slot_on_another(
    wide_gateway: RunningGateway,
    threads: ThreadPoolExecutor,
    start_replica: StartReplica,
    name: str,
) -> None:
    gateway = wide_gateway
    alive, dead = start_replica("alive"), start_replica("dead")
    gateway.client.put(route(name, alive.endpoint, concurrency_limit=1), EPOCH)
    in_flight = threads.submit(gateway.request, f"/team/{name}/wait")
    eventually(lambda: alive.in_flight == 1)
    dead.stop()
    gateway.client.put(route(name, dead.endpoint, alive.endpoint, concurrency_limit=1), EPOCH)
    sent = [threads.submit(gateway.request, f"/team/{name}/echo") for _ in range(8)]
    eventually(lambda: gateway.held(name) == len(sent))
    alive.release()
    assert {each.result().status for each in (in_flight, *sent)} == {200}
    assert alive.peak == 1


def test_a_request_that_reached_its_replica_is_not_sent_again(
    wide_gateway: RunningGateway, replica: Replica, name: str
) -> None:
    gateway = wide_gateway
    gateway.client.put(route(name, replica.endpoint, concurrency_limit=1), EPOCH)
    for body in (b"small", b"large" * 10_000):
        answer = gateway.request(
            f"/team/{name}/cut", "POST", headers={"x-mark": str(len(body))}, body=body
        )
        assert (answer.status, answer.json["code"]) == (503, 503)
        assert replica.marks[str(len(body))] == 1
    assert gateway.request(f"/team/{name}/echo").status == 200
