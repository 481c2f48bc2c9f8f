"""A replica that leaves gets no new request, and finishes those it has."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from tests.integration.gateway.replica import Replica, StartReplica
from tests.integration.gateway.running import EPOCH, RunningGateway, eventually, route


def _idle(gateway: RunningGateway, name: str, replica_name: str) -> Callable[[], bool]:
    return lambda: not gateway.client.in_flight(f"id-{name}").get(replica_name, 0)


def test_requests_in_flight_are_counted_for_each_replica(
    gateway: RunningGateway, threads: ThreadPoolExecutor, start_replica: StartReplica, name: str
) -> None:
    one, two = start_replica("one"), start_replica("two")
    gateway.client.put(route(name, one.endpoint, two.endpoint), EPOCH)
    waiting = [threads.submit(gateway.request, f"/team/{name}/wait") for _ in range(8)]
    eventually(lambda: one.seen["/wait"] + two.seen["/wait"] == 8)
    assert gateway.client.in_flight(f"id-{name}") == {
        "one": one.seen["/wait"],
        "two": two.seen["/wait"],
    }
    one.release()
    two.release()
    assert {each.result().status for each in waiting} == {200}
    eventually(lambda: gateway.client.in_flight(f"id-{name}") == {"one": 0, "two": 0})


def test_a_replica_that_leaves_finishes_and_gets_nothing_new(
    gateway: RunningGateway, threads: ThreadPoolExecutor, start_replica: StartReplica, name: str
) -> None:
    leaving, staying = start_replica("leaving"), start_replica("staying")
    gateway.client.put(route(name, leaving.endpoint), EPOCH)
    waiting = threads.submit(gateway.request, f"/team/{name}/wait")
    eventually(lambda: leaving.seen["/wait"] == 1)

    gateway.client.put(route(name, staying.endpoint), EPOCH)
    answers = {gateway.request(f"/team/{name}/echo").json["replica"] for _ in range(30)}
    assert answers == {"staying"}
    assert gateway.client.in_flight(f"id-{name}") == {"leaving": 1, "staying": 0}

    leaving.release()
    assert waiting.result().body == b"leaving"
    eventually(lambda: gateway.client.in_flight(f"id-{name}") == {"staying": 0})


def test_one_replica_fewer_counts_at_once_and_so_does_one_more(
    gateway: RunningGateway, start_replica: StartReplica, name: str
) -> None:
    one, two = start_replica("one"), start_replica("two")
    for _ in range(3):
        gateway.client.put(route(name, one.endpoint, two.endpoint), EPOCH)
        answers = {gateway.request(f"/team/{name}/echo").json["replica"] for _ in range(40)}
        assert answers == {"one", "two"}
        gateway.client.put(route(name, two.endpoint), EPOCH)
        answers = {gateway.request(f"/team/{name}/echo").json["replica"] for _ in range(20)}
        assert answers == {"two"}


def test_requests_in_flight_outlive_their_workload(
    gateway: RunningGateway, threads: ThreadPoolExecutor, replica: Replica, name: str
) -> None:
    gateway.client.put(route(name, replica.endpoint), EPOCH)
    waiting = threads.submit(gateway.request, f"/team/{name}/wait")
    eventually(lambda: replica.seen["/wait"] == 1)
    gateway.client.remove(f"id-{name}", EPOCH)
    assert gateway.request(f"/team/{name}/echo").status == 404
    assert gateway.client.in_flight(f"id-{name}") == {"replica-1": 1}
    replica.release()
    assert waiting.result().status == 200
    eventually(lambda: gateway.client.in_flight(f"id-{name}") == {})


def test_a_replica_may_return_while_it_drains(
    gateway: RunningGateway, threads: ThreadPoolExecutor, replica: Replica, name: str
) -> None:
    gateway.client.put(route(name, replica.endpoint), EPOCH)
    waiting = threads.submit(gateway.request, f"/team/{name}/wait")
    eventually(lambda: replica.seen["/wait"] == 1)
    gateway.client.put(route(name), EPOCH)
    gateway.client.put(route(name, replica.endpoint), EPOCH)
    assert gateway.request(f"/team/{name}/echo").status == 200
    assert gateway.client.in_flight(f"id-{name}") == {"replica-1": 1}
    replica.release()
    assert waiting.result().status == 200


def test_replacing_replicas_under_load_fails_no_request(
    gateway: RunningGateway, threads: ThreadPoolExecutor, start_replica: StartReplica, name: str
) -> None:
    """As a replica is stopped: out of the route, its last request answered, then gone."""
    current = start_replica("replica-0")
    gateway.client.put(route(name, current.endpoint), EPOCH)
    finished = threading.Event()

    def keep_asking() -> list[int]:
        statuses = []
        while not finished.is_set():
            statuses.append(gateway.request(f"/team/{name}/stream?pieces=3&pause=0.01").status)
        return statuses

    asking = [threads.submit(keep_asking) for _ in range(8)]
    try:
        for number in range(1, 6):
            successor = start_replica(f"replica-{number}")
            leaving = current.name
            gateway.client.put(route(name, successor.endpoint), EPOCH)
            eventually(_idle(gateway, name, leaving))
            current.stop()
            current = successor
    finally:
        finished.set()
    statuses = [status for each in asking for status in each.result()]
    assert set(statuses) == {200}
    assert len(statuses) > 20


def test_a_request_that_reached_no_replica_is_tried_on_another(
    gateway: RunningGateway, start_replica: StartReplica, name: str
) -> None:
    alive, dead = start_replica("alive"), start_replica("dead")
    dead.stop()
    gateway.client.put(route(name, alive.endpoint, dead.endpoint), EPOCH)
    answers = [gateway.request(f"/team/{name}/echo", "POST", body=b"x") for _ in range(30)]
    assert {answer.status for answer in answers} == {200}


def test_a_request_that_reached_a_replica_is_not_sent_again(
    gateway: RunningGateway, start_replica: StartReplica, name: str
) -> None:
    one, two = start_replica("one"), start_replica("two")
    gateway.client.put(route(name, one.endpoint, two.endpoint), EPOCH)
    for body in (b"small", b"large" * 10_000):
        answer = gateway.request(
            f"/team/{name}/cut", "POST", headers={"x-mark": str(len(body))}, body=body
        )
        assert (answer.status, answer.json["code"]) == (503, 503)
        assert one.marks[str(len(body))] + two.marks[str(len(body))] == 1
