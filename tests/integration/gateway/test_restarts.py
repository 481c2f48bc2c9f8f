"""Gate and Envoy may be killed at any moment, among a thousand workloads, under load."""

import signal
import stat
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.integration.gateway.replica import Replica, StartReplica
from tests.integration.gateway.running import (
    EPOCH,
    NO_TRUST,
    RunningGateway,
    eventually,
    route,
)
from windlass.gateway.client import GateClient
from windlass.gateway.gateway import Endpoint, GatewayUnavailable, Route, StaleEpoch

WORKLOADS = 1000
HELD = 200


class Load:
    """Clients that ask one workload without pause, each on one connection."""

    def __init__(self, gateway: RunningGateway, name: str, clients: int = 4) -> None:
        self.answered = 0
        self._gateway = gateway
        self._path = f"/team/{name}/echo"
        self._finished = threading.Event()
        self._threads = ThreadPoolExecutor(clients)
        self._asking = [self._threads.submit(self._ask) for _ in range(clients)]

    def finish(self) -> Counter[int]:
        """How many requests got which status."""
        self._finished.set()
        self._threads.shutdown()
        return sum((each.result() for each in self._asking), Counter())

    def wait_for_more(self, count: int) -> None:
        """Return once so many more requests were answered."""
        target = self.answered + count
        eventually(lambda: self.answered >= target or any(each.done() for each in self._asking))

    def _ask(self) -> Counter[int]:
        statuses: Counter[int] = Counter()
        with self._gateway.connection() as connection:
            while not self._finished.is_set():
                connection.request("GET", self._path)
                response = connection.getresponse()
                response.read()
                statuses[response.status] += 1
                self.answered += 1
        return statuses


def _many(replica: Replica) -> list[Route]:
    return [route(f"many-{number}", replica.endpoint) for number in range(WORKLOADS)]


def test_among_a_thousand_workloads_one_changes_and_the_gate_dies_and_no_request_fails(
    own_gateway: RunningGateway, start_replica: StartReplica
) -> None:
    old, new = start_replica("old"), start_replica("new")
    routes = _many(old)
    own_gateway.client.replace_all(routes, NO_TRUST, EPOCH)
    untouched, changed = Load(own_gateway, "many-1"), Load(own_gateway, "many-2", clients=1)

    own_gateway.client.put(route("many-2", new.endpoint), EPOCH)
    assert own_gateway.request("/team/many-2/echo").json["replica"] == "new"
    own_gateway.kill_gate()
    untouched.wait_for_more(100)
    own_gateway.start_gate()
    own_gateway.client.put(route("added", new.endpoint), EPOCH)
    assert own_gateway.request("/team/added/echo").json["replica"] == "new"
    assert own_gateway.request("/team/many-2/echo").json["replica"] == "new"
    assert own_gateway.request("/team/many-999/echo").json["replica"] == "old"
    untouched.wait_for_more(100)

    for load in (untouched, changed):
        statuses = load.finish()
        assert set(statuses) == {200}


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_held_requests_survive_the_gate_and_are_answered_exactly_once(
    own_gateway: RunningGateway, replica: Replica, number: signal.Signals
) -> None:
    own_gateway.client.put(route("waiting"), EPOCH)
    with ThreadPoolExecutor(HELD) as threads:
        held = [
            threads.submit(
                own_gateway.request,
                "/team/waiting/echo",
                "POST",
                headers={"x-mark": str(mark)},
                body=b"x" * 20_000,
            )
            for mark in range(HELD)
        ]
        eventually(lambda: own_gateway.held("waiting") == HELD)
        own_gateway.kill_gate(number)
        own_gateway.start_gate()
        own_gateway.client.put(route("waiting", replica.endpoint), EPOCH)
        assert Counter(each.result().status for each in held) == {200: HELD}
    assert replica.marks == {str(mark): 1 for mark in range(HELD)}


def test_a_gate_that_comes_back_alone_serves_a_new_envoy(
    own_gateway: RunningGateway, replica: Replica
) -> None:
    own_gateway.client.put(route("served", replica.endpoint), EPOCH)
    own_gateway.client.put(route("down", unavailable="It broke."), EPOCH)
    own_gateway.client.put(route("gone", replica.endpoint), EPOCH)
    own_gateway.client.remove("id-gone", EPOCH)
    own_gateway.client.close()
    own_gateway.kill_gate()
    own_gateway.kill_envoy()
    own_gateway.start_envoy()
    own_gateway.start_gate()
    own_gateway.wait_until_listening()
    statuses = [
        own_gateway.request(f"/team/{name}/echo").status for name in ("served", "down", "gone")
    ]
    assert statuses == [200, 503, 404]


def test_a_drain_goes_on_after_the_gate_was_killed(
    own_gateway: RunningGateway, replica: Replica
) -> None:
    own_gateway.client.put(route("served", replica.endpoint), EPOCH)
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(own_gateway.request, "/team/served/wait")
        eventually(lambda: replica.seen["/wait"] == 1)
        own_gateway.client.remove("id-served", EPOCH)
        own_gateway.kill_gate()
        own_gateway.start_gate()
        assert own_gateway.client.in_flight("id-served") == {"replica-1": 1}
        replica.release()
        assert waiting.result().status == 200
    eventually(lambda: own_gateway.client.in_flight("id-served") == {})


def test_envoy_alone_comes_back_and_a_change_waits_for_it(
    own_gateway: RunningGateway, replica: Replica
) -> None:
    own_gateway.client.put(route("served", replica.endpoint), EPOCH)
    own_gateway.kill_envoy()
    with ThreadPoolExecutor(1) as threads:
        change = threads.submit(own_gateway.client.put, route("added", replica.endpoint), EPOCH)
        own_gateway.start_envoy()
        change.result()
    own_gateway.wait_until_listening()
    assert own_gateway.request("/team/served/echo").status == 200
    assert own_gateway.request("/team/added/echo").status == 200


def test_without_envoy_a_change_is_not_reported_as_done(own_gateway: RunningGateway) -> None:
    own_gateway.kill_envoy()
    impatient = GateClient(own_gateway.directory, timeout_seconds=0.3)
    with pytest.raises(GatewayUnavailable):
        impatient.put(route("any"), EPOCH)
    impatient.close()


def test_without_a_gate_calls_end_in_time(own_gateway: RunningGateway) -> None:
    own_gateway.kill_gate()
    impatient = GateClient(own_gateway.directory, timeout_seconds=0.3)
    with pytest.raises(GatewayUnavailable):
        impatient.in_flight("any")
    impatient.close()


def test_an_older_epoch_is_refused_also_after_a_restart(
    own_gateway: RunningGateway, replica: Replica
) -> None:
    own_gateway.client.put(route("mine", replica.endpoint), 7)
    own_gateway.kill_gate()
    own_gateway.start_gate()
    with pytest.raises(StaleEpoch):
        own_gateway.client.put(route("mine"), 6)
    with pytest.raises(StaleEpoch):
        own_gateway.client.remove("id-mine", 6)
    with pytest.raises(StaleEpoch):
        own_gateway.client.replace_all([], NO_TRUST, 6)
    assert own_gateway.request("/team/mine/echo").status == 200
    own_gateway.client.put(route("mine", replica.endpoint), 7)


def test_replacing_all_routes_keeps_what_is_the_same_and_ends_the_rest(
    own_gateway: RunningGateway, replica: Replica
) -> None:
    kept, gone = route("kept", replica.endpoint), route("gone", replica.endpoint)
    own_gateway.client.replace_all([kept, gone], NO_TRUST, EPOCH)
    load = Load(own_gateway, "kept")
    for _ in range(5):
        own_gateway.client.replace_all([kept], NO_TRUST, EPOCH)
        assert own_gateway.request("/team/gone/echo").status == 404
        own_gateway.client.replace_all([kept, gone], NO_TRUST, EPOCH)
        assert own_gateway.request("/team/gone/echo").status == 200
    assert set(load.finish()) == {200}


def test_a_workload_that_envoy_refuses_keeps_no_other_out(
    own_gateway: RunningGateway, replica: Replica
) -> None:
    wrong = route("wrong", Endpoint("replica", "no.address", 80))
    routes = [route("first", replica.endpoint), wrong, route("last", replica.endpoint)]
    assert list(own_gateway.client.replace_all(routes, NO_TRUST, EPOCH)) == ["id-wrong"]
    own_gateway.kill_envoy()
    own_gateway.start_envoy()
    own_gateway.wait_until_listening()
    eventually(lambda: own_gateway.request("/team/first/echo").status == 200)
    eventually(lambda: own_gateway.request("/team/last/echo").status == 200)
    with pytest.raises(GatewayUnavailable, match=r"no\.address"):
        own_gateway.client.put(wrong, EPOCH)


def test_only_the_owner_can_open_the_directory_and_its_sockets(
    own_gateway: RunningGateway,
) -> None:
    modes = {
        path.name: stat.S_IMODE(path.stat().st_mode)
        for path in own_gateway.directory.iterdir()
        if path.suffix == ".sock"
    }
    assert modes.keys() >= {
        "admin.sock",
        "control.sock",
        "discovery.sock",
        "holds.sock",
        "slots.sock",
        "watch.sock",
    }
    assert set(modes.values()) == {0o600}
    assert stat.S_IMODE(own_gateway.directory.stat().st_mode) == 0o700


def test_a_second_gate_in_the_same_directory_refuses(own_gateway: RunningGateway) -> None:
    first = own_gateway.gate
    own_gateway.start_gate()
    second, own_gateway.gate = own_gateway.gate, first
    assert second is not None
    assert second.wait(20) == 1
    assert own_gateway.client.status()["envoy_connected"]
