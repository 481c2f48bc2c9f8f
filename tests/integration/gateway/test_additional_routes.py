"""Further ports of a workload, by hosts and addresses of their own, and the internal gateway."""

import dataclasses
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from websockets.sync.client import connect

from tests.integration.gateway.grpc_replica import GrpcReplica, client_of
from tests.integration.gateway.replica import Replica, StartReplica
from tests.integration.gateway.running import (
    DOMAIN,
    EPOCH,
    NO_TRUST,
    RunningGateway,
    eventually,
    free_port,
    route,
)
from windlass.gateway.gateway import (
    AdditionalRoute,
    Address,
    AddressInUse,
    Endpoint,
    GatewayUnavailable,
    Route,
)

TOOL = 9000


@pytest.fixture
def tool(start_replica: StartReplica) -> Replica:
    """What listens on the additional port."""
    return start_replica("tool")


def _host(name: str) -> str:
    return f"tool-of-{name}.{DOMAIN}"


def _both(replica: Replica, tool: Replica) -> Endpoint:
    """One replica that listens on two ports."""
    return dataclasses.replace(replica.endpoint, additional_ports={TOOL: tool.port})


def _route(name: str, *endpoints: Endpoint, listen: Address | None = None) -> Route:
    further = AdditionalRoute("tool", TOOL, hosts=(_host(name),), listen=listen)
    return route(name, *endpoints, additional=(further,))


def _leading_two_ways(name: str, endpoint: Endpoint) -> Route:
    ways = [AdditionalRoute(each, TOOL, hosts=(_host(name),)) for each in ("one", "two")]
    return route(name, endpoint, additional=tuple(ways))


def test_each_port_is_reached_by_its_own_host(
    gateway: RunningGateway, replica: Replica, tool: Replica, name: str
) -> None:
    gateway.client.put(_route(name, _both(replica, tool)), EPOCH)
    assert gateway.request(f"/team/{name}/echo").json["replica"] == "replica-1"
    for host in (_host(name), f"{_host(name).upper()}:80"):
        answer = gateway.request("/echo?a=%2F", "POST", host=host, body=b"x" * 20_000)
        assert answer.json["replica"] == "tool"
        assert answer.json["path"] == "/echo?a=%2F"
        assert not [key for key in answer.json["headers"] if key.startswith("x-windlass")]


def test_websockets_reach_an_additional_port(
    gateway: RunningGateway, replica: Replica, tool: Replica, name: str
) -> None:
    gateway.client.put(_route(name, _both(replica, tool)), EPOCH)
    raw = gateway.raw()
    with connect(f"ws://{_host(name)}/socket", sock=raw, proxy=None) as client:
        client.send("hello")
        assert client.recv(10) == "hello"
    assert tool.seen["/socket"] == 1


def test_an_additional_port_speaks_grpc_with_who_does(
    gateway: RunningGateway, replica: Replica, name: str
) -> None:
    words = GrpcReplica().start()
    try:
        both = dataclasses.replace(replica.endpoint, additional_ports={TOOL: words.port})
        gateway.client.put(_route(name, both), EPOCH)
        with client_of(gateway.port, _host(name)) as client:
            assert client.unary("Shout")(b"hello", timeout=20) == b"HELLO"
    finally:
        words.stop()


def test_requests_of_an_additional_port_wait_and_wake_and_are_counted(
    gateway: RunningGateway,
    threads: ThreadPoolExecutor,
    replica: Replica,
    tool: Replica,
    name: str,
) -> None:
    gateway.client.put(_route(name), EPOCH)
    waiting = [
        threads.submit(gateway.request, path, "POST", host=host, body=b"x" * 20_000)
        for path, host in (("/echo", _host(name)), (f"/team/{name}/echo", None))
        for _ in range(5)
    ]
    eventually(lambda: gateway.held(name) == 10)
    gateway.client.put(_route(name, _both(replica, tool)), EPOCH)
    answered = [each.result().json["replica"] for each in waiting]
    assert answered == ["tool"] * 5 + ["replica-1"] * 5
    eventually(lambda: gateway.client.traffic()[f"id-{name}"].answered == 10)
    counted = gateway.client.traffic()[f"id-{name}"]
    assert (counted.asked, counted.started, counted.in_flight) == (10, 10, 0)
    assert counted.replicas["replica-1"].started == 10


def test_a_replica_drains_only_when_its_last_port_has(
    gateway: RunningGateway,
    threads: ThreadPoolExecutor,
    replica: Replica,
    tool: Replica,
    name: str,
) -> None:
    gateway.client.put(_route(name, _both(replica, tool)), EPOCH)
    under_way = threads.submit(gateway.request, "/wait", host=_host(name))
    eventually(lambda: tool.seen["/wait"] == 1)
    gateway.client.put(_route(name), EPOCH)
    assert gateway.client.in_flight(f"id-{name}") == {"replica-1": 1}
    tool.release()
    assert under_way.result().status == 200
    eventually(lambda: not gateway.client.in_flight(f"id-{name}"))


def test_an_address_leads_to_its_route_whatever_is_asked_for(
    gateway: RunningGateway, replica: Replica, tool: Replica, name: str
) -> None:
    listen = Address("127.0.0.1", free_port())
    gateway.client.put(_route(name, _both(replica, tool), listen=listen), EPOCH)
    for path in ("/echo", f"/team/{name}/echo", "/"):
        answer = _request_at(gateway, listen.port, path, host=f"{name}-runai-team.{DOMAIN}")
        assert answer["replica"] == "tool"
        assert answer["path"] == path
    gateway.client.remove(f"id-{name}", EPOCH)
    eventually(lambda: not _listens(listen.port))


def test_an_address_is_there_again_after_gate_and_envoy_were_killed(
    own_gateway: RunningGateway, replica: Replica, tool: Replica, name: str
) -> None:
    listen = Address("127.0.0.1", free_port())
    own_gateway.client.put(_route(name, _both(replica, tool), listen=listen), EPOCH)
    own_gateway.kill_gate()
    assert _request_at(own_gateway, listen.port, "/echo")["replica"] == "tool"
    own_gateway.kill_envoy()
    own_gateway.start_gate()
    own_gateway.start_envoy()
    eventually(lambda: _listens(listen.port))
    assert _request_at(own_gateway, listen.port, "/echo")["replica"] == "tool"
    assert own_gateway.request("/echo", host=_host(name)).json["replica"] == "tool"


def test_an_address_in_use_is_told_and_tried_again(
    own_gateway: RunningGateway, replica: Replica, tool: Replica, name: str
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        wanted = _route(name, _both(replica, tool), listen=Address("127.0.0.1", port))
        for _ in range(2):
            with pytest.raises(AddressInUse, match=f"127.0.0.1:{port}: something else listens"):
                own_gateway.client.put(wanted, EPOCH)
        own_gateway.client.remove(f"id-{name}", EPOCH)
        free = Address("127.0.0.1", free_port())
        other = _route("other", _both(replica, tool), listen=free)
        twice = _leading_two_ways("twice", _both(replica, tool))
        refused = own_gateway.client.replace_all([wanted, twice, other], NO_TRUST, EPOCH)
        assert sorted(refused) == ["id-twice", f"id-{name}"]
        assert _request_at(own_gateway, free.port, "/echo")["replica"] == "tool"
        assert own_gateway.request(f"/team/{name}/echo").status == 200
    own_gateway.client.put(wanted, EPOCH)
    assert _request_at(own_gateway, port, "/echo")["replica"] == "tool"


def test_what_is_internal_is_not_there_outside(
    gateway: RunningGateway, replica: Replica, tool: Replica, name: str
) -> None:
    inside = AdditionalRoute("tool", TOOL, hosts=(_host(name),), internal_only=True)
    wanted = route(name, _both(replica, tool), internal_only=True, additional=(inside,))
    gateway.client.put(wanted, EPOCH)
    ways = [("/echo", f"{name}-runai-team.{DOMAIN}"), (f"/team/{name}/echo", None)]
    ways += [("/echo", f"{name}-RUNAI-team.{DOMAIN}"), ("/echo", _host(name))]
    for path, host in ways:
        for body in (None, b"x" * 20_000):
            headers = {"x-windlass-internal": "yes", "x-windlass-inner": "yes"}
            method = "POST" if body else "GET"
            answer = gateway.request(path, method, host=host, headers=headers, body=body)
            assert answer.status == 404
            assert answer.json["message"] == "No workload is served at this address."
            found = _request_at(gateway, gateway.internal_port, path, host, method, body)
            assert found["replica"] == ("tool" if host == _host(name) else "replica-1")
            assert not [key for key in found["headers"] if key.startswith("x-windlass")]


def test_everything_is_there_inside(gateway: RunningGateway, replica: Replica, name: str) -> None:
    gateway.client.put(route(name, replica.endpoint), EPOCH)
    found = _request_at(gateway, gateway.internal_port, f"/team/{name}/echo")
    assert found["replica"] == "replica-1"


def test_what_is_internal_wakes_from_inside_alone(
    gateway: RunningGateway, threads: ThreadPoolExecutor, replica: Replica, name: str
) -> None:
    gateway.client.put(route(name, internal_only=True), EPOCH)
    assert gateway.request(f"/team/{name}/echo").status == 404
    path = f"/team/{name}/echo"
    waiting = threads.submit(_request_at, gateway, gateway.internal_port, path)
    eventually(lambda: gateway.held(name) == 1)
    gateway.client.put(route(name, replica.endpoint, internal_only=True), EPOCH)
    assert waiting.result()["replica"] == "replica-1"
    assert gateway.client.traffic()[f"id-{name}"].asked == 1


def _request_at(
    gateway: RunningGateway,
    port: int,
    path: str,
    host: str | None = None,
    method: str = "GET",
    body: bytes | None = None,
) -> dict[str, Any]:
    """What the replica saw of a request sent to another port of Envoy."""
    answer = gateway.request(path, method, host=host, body=body, port=port)
    assert answer.status == 200, answer.body
    seen: dict[str, Any] = answer.json
    return seen


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_one_host_cannot_lead_two_ways(
    gateway: RunningGateway, replica: Replica, tool: Replica, name: str
) -> None:
    rejections = gateway.client.status()["rejections"]
    with pytest.raises(GatewayUnavailable, match="two ways"):
        gateway.client.put(_leading_two_ways(name, _both(replica, tool)), EPOCH)
    assert gateway.client.status()["rejections"] == rejections
    assert gateway.request(f"/team/{name}/echo").status == 404
