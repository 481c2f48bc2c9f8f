"""What the gate tells of traffic, beside what clients and replicas saw."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from websockets.sync.client import connect

from tests.integration.gateway.replica import Replica, StartReplica
from tests.integration.gateway.running import EPOCH, RunningGateway, eventually, route
from windlass.gateway.client import GateClient
from windlass.gateway.gateway import GatewayUnavailable, ReplicaCounters, TrafficCounters


def _traffic(gateway: RunningGateway, name: str) -> TrafficCounters:
    return gateway.client.traffic()[f"id-{name}"]


def _answered(gateway: RunningGateway, name: str, count: int) -> TrafficCounters:
    """The traffic once so many answers are counted: Envoy does that once a second."""
    eventually(lambda: _traffic(gateway, name).answered >= count)
    return _traffic(gateway, name)


def test_requests_are_counted_by_workload_and_replica(
    gateway: RunningGateway,
    threads: ThreadPoolExecutor,
    start_replica: StartReplica,
    name: str,
) -> None:
    one, two = start_replica("one"), start_replica("two")
    gateway.client.put(route(name, one.endpoint, two.endpoint), EPOCH)
    gateway.client.put(route(f"{name}-idle", one.endpoint), EPOCH)
    for _ in range(30):
        gateway.request(f"/team/{name}/echo")
    waiting = [threads.submit(gateway.request, f"/team/{name}/wait") for _ in range(6)]
    eventually(lambda: one.seen["/wait"] + two.seen["/wait"] == 6)
    traffic = _answered(gateway, name, 30)
    assert (traffic.started, traffic.answered, traffic.in_flight) == (36, 30, 6)
    assert traffic.replicas == {
        each.name: ReplicaCounters(each.seen.total(), each.seen["/wait"]) for each in (one, two)
    }
    assert _traffic(gateway, f"{name}-idle").started == 0

    gateway.client.put(route(name, two.endpoint), EPOCH)
    leaving = _traffic(gateway, name)
    assert leaving.replicas["one"] == ReplicaCounters(one.seen.total(), one.seen["/wait"])
    one.release()
    two.release()
    assert {each.result().status for each in waiting} == {200}
    eventually(lambda: set(_traffic(gateway, name).replicas) == {"two"})
    traffic = _answered(gateway, name, 36)
    assert (traffic.started, traffic.answered, traffic.in_flight) == (36, 36, 0)
    assert traffic.at > leaving.at


def test_how_long_answers_took_and_which_outlasted_a_second(
    gateway: RunningGateway, replica: Replica, name: str
) -> None:
    gateway.client.put(route(name, replica.endpoint), EPOCH)
    began = time.monotonic()
    for pieces in (2, 2, 13):
        gateway.request(f"/team/{name}/stream?pieces={pieces}&pause=0.1")
    took = time.monotonic() - began
    traffic = _answered(gateway, name, 3)
    assert traffic.outlasting == 1
    assert 1.7 * 0.95 <= traffic.answered_seconds <= took * 1.05


def test_a_websocket_is_in_flight_for_as_long_as_it_is_open(
    gateway: RunningGateway, replica: Replica, name: str
) -> None:
    gateway.client.put(route(name, replica.endpoint), EPOCH)
    with connect(f"ws://127.0.0.1:{gateway.port}/team/{name}/socket", open_timeout=20):
        traffic = _traffic(gateway, name)
        assert (traffic.started, traffic.answered, traffic.in_flight) == (1, 0, 1)
    eventually(lambda: _traffic(gateway, name).in_flight == 0)


def test_requests_that_wait_are_counted_until_they_are_sent_on(
    gateway: RunningGateway, threads: ThreadPoolExecutor, replica: Replica, name: str
) -> None:
    gateway.client.put(route(name), EPOCH)
    held = [threads.submit(gateway.request, f"/team/{name}/echo") for _ in range(4)]
    left = gateway.raw()
    left.sendall(f"GET /team/{name}/echo HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    eventually(lambda: _traffic(gateway, name).held == 5)
    left.close()
    eventually(lambda: _traffic(gateway, name).held == 4)
    before = _traffic(gateway, name)
    time.sleep(0.2)
    after = _traffic(gateway, name)
    waited = after.held_seconds - before.held_seconds
    # The counts and the time of a reading are not taken in the very same moment.
    assert waited == pytest.approx(4 * (after.at - before.at), rel=0.1)
    assert (after.started, after.asked, after.released) == (0, 5, 0)
    gateway.client.put(route(name, replica.endpoint), EPOCH)
    assert {each.result().status for each in held} == {200}
    gateway.request(f"/team/{name}/echo")
    traffic = _traffic(gateway, name)
    assert (traffic.held, traffic.asked, traffic.released, traffic.started) == (0, 5, 4, 5)


def test_a_removed_workload_has_no_traffic(
    gateway: RunningGateway, replica: Replica, name: str
) -> None:
    gateway.client.put(route(name, replica.endpoint), EPOCH)
    gateway.request(f"/team/{name}/echo")
    assert f"id-{name}" in gateway.client.traffic()
    gateway.client.remove(f"id-{name}", EPOCH)
    assert f"id-{name}" not in gateway.client.traffic()


def test_totals_begin_again_with_envoy_and_go_on_when_the_gate_was_killed(
    own_gateway: RunningGateway, replica: Replica
) -> None:
    own_gateway.client.put(route("a", replica.endpoint), EPOCH)
    for _ in range(3):
        own_gateway.request("/team/a/echo")
    own_gateway.kill_gate()
    own_gateway.start_gate()
    assert _traffic(own_gateway, "a").started == 3
    own_gateway.kill_envoy()
    with pytest.raises(GatewayUnavailable):
        own_gateway.client.traffic()
    own_gateway.start_envoy()
    own_gateway.client.put(route("a", replica.endpoint), EPOCH)
    own_gateway.wait_until_listening()
    own_gateway.request("/team/a/echo")
    assert _traffic(own_gateway, "a").started == 1


class Watch:
    """Notes what a watcher hears."""

    def __init__(self, gateway: RunningGateway) -> None:
        self.heard: list[str] = []
        self.has_ended = threading.Event()
        self._client = GateClient(gateway.directory)
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def heard_of(self, name: str) -> int:
        """How often."""
        return self.heard.count(f"id-{name}")

    def stop(self) -> None:
        """Hang up."""
        self._client.close()
        self._thread.join(10)

    def _listen(self) -> None:
        try:
            for workload_id in self._client.watch_held():
                self.heard.append(workload_id)
        except GatewayUnavailable:
            self.has_ended.set()


def test_a_watcher_hears_of_requests_that_wait_and_of_those_refused(
    gateway: RunningGateway, threads: ThreadPoolExecutor, replica: Replica, name: str
) -> None:
    early, late, hopeless = f"{name}-early", f"{name}-late", f"{name}-hopeless"
    gateway.client.put(route(early), EPOCH)
    held = [threads.submit(gateway.request, f"/team/{early}/echo")]
    eventually(lambda: gateway.held(early) == 1)
    watch = Watch(gateway)
    try:
        eventually(lambda: watch.heard_of(early) == 1)
        gateway.client.put(route(late), EPOCH)
        held.append(threads.submit(gateway.request, f"/team/{late}/echo"))
        eventually(lambda: watch.heard_of(late) == 1)
        gateway.client.put(route(hopeless, no_replica_because="No room."), EPOCH)
        assert gateway.request(f"/team/{hopeless}/echo").status == 503
        eventually(lambda: watch.heard_of(hopeless) == 1)
        for each in (early, late):
            gateway.client.put(route(each, replica.endpoint), EPOCH)
        assert {each.result().status for each in held} == {200}
        assert gateway.request(f"/team/{early}/echo").status == 200
        assert watch.heard_of(early) == 1
    finally:
        watch.stop()
    assert watch.has_ended.is_set()


def test_a_watcher_learns_that_the_gate_is_gone_and_of_those_who_wait_from_the_next(
    own_gateway: RunningGateway, threads: ThreadPoolExecutor
) -> None:
    own_gateway.client.put(route("a"), EPOCH)
    watch = Watch(own_gateway)
    held = threads.submit(own_gateway.request, "/team/a/echo")
    eventually(lambda: watch.heard_of("a") == 1)
    own_gateway.kill_gate()
    assert watch.has_ended.wait(10)
    own_gateway.start_gate()
    # Answered once it serves.
    own_gateway.client.status()
    again = Watch(own_gateway)
    eventually(lambda: again.heard_of("a") == 1)
    own_gateway.client.remove("id-a", EPOCH)
    assert held.result().status == 404
    again.stop()
    watch.stop()
