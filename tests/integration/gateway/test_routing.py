"""Which workload a request reaches, and what of it a replica sees."""

import pytest

from tests.integration.gateway.replica import Replica, StartReplica
from tests.integration.gateway.running import DOMAIN, EPOCH, RunningGateway, route
from windlass.gateway.gateway import GatewayUnavailable


@pytest.mark.parametrize(
    "host",
    [
        "{name}-runai-team.windlass.test",
        "{name}-runai-team.windlass.test:8081",
        "{name}-RUNAI-Team.Windlass.TEST",
        "{name}-RUNAI-Team.Windlass.TEST:80",
    ],
)
def test_a_host_leads_to_its_workload_whatever_its_port_and_case(
    gateway: RunningGateway, replica: Replica, name: str, host: str
) -> None:
    gateway.client.put(route(name, replica.endpoint), EPOCH)
    answer = gateway.request("/echo/a?b=c", host=host.format(name=name))
    assert answer.status == 200
    assert answer.json["path"] == "/echo/a?b=c"
    assert answer.json["headers"]["host"] == host.format(name=name)


@pytest.mark.parametrize(
    ("rest", "seen"),
    [
        ("", "/"),
        ("/", "/"),
        ("?x=1", "/?x=1"),
        ("/?x=1", "/?x=1"),
        ("/a/b", "/a/b"),
        ("/a%2Fb%20c/%e4?q=%2f&r=+", "/a%2Fb%20c/%e4?q=%2f&r=+"),
        ("//a///b/", "//a///b/"),
        ("/a/../b/./c", "/a/../b/./c"),
        ("/a?back=/team/other/x", "/a?back=/team/other/x"),
    ],
)
def test_a_path_loses_its_prefix_and_nothing_else(
    gateway: RunningGateway, replica: Replica, name: str, rest: str, seen: str
) -> None:
    gateway.client.put(route(name, replica.endpoint), EPOCH)
    answer = gateway.request(f"/team/{name}{rest}", method="POST", body=b"four")
    assert answer.status == 200
    assert (answer.json["path"], answer.json["size"]) == (seen, 4)


def test_a_host_that_is_a_workloads_wins_over_a_path(
    gateway: RunningGateway, start_replica: StartReplica, name: str
) -> None:
    by_host, by_path = start_replica("by-host"), start_replica("by-path")
    gateway.client.put(route(f"{name}-host", by_host.endpoint), EPOCH)
    gateway.client.put(route(f"{name}-path", by_path.endpoint), EPOCH)
    path = f"/team/{name}-path/echo"
    for host in (f"{name}-host-runai-team.{DOMAIN}", f"{name}-HOST-runai-team.{DOMAIN}"):
        answer = gateway.request(path, host=host).json
        assert (answer["replica"], answer["path"]) == ("by-host", path)
    answer = gateway.request(path, host=f"unknown-runai-team.{DOMAIN}").json
    assert (answer["replica"], answer["path"]) == ("by-path", "/echo")


@pytest.mark.parametrize(
    "path",
    [
        *("/", "/team", "/team/", "/team/{name}x/", "/Team/{name}/", "//{name}/"),
        *("/team/{name}:predict", "/team/{name}:80/echo", "/team:80/{name}/echo"),
    ],
)
def test_what_no_workload_serves_is_404_in_the_error_shape(
    gateway: RunningGateway, replica: Replica, name: str, path: str
) -> None:
    gateway.client.put(route(name, replica.endpoint), EPOCH)
    answer = gateway.request(path.format(name=name))
    assert answer.status == 404
    assert answer.headers["content-type"] == "application/json"
    assert answer.json == {"code": 404, "message": "No workload is served at this address."}


def test_a_clients_own_routing_headers_neither_count_nor_reach_the_replica(
    gateway: RunningGateway, replica: Replica, name: str
) -> None:
    gateway.client.put(route(name, replica.endpoint), EPOCH)
    forged = {
        "x-windlass-route": f"/team/{name}",
        "x-windlass-inner": "yes",
        "x-envoy-upstream-rq-timeout-ms": "1",
    }
    assert gateway.request("/echo", headers=forged).status == 404
    seen = gateway.request(f"/team/{name}/echo", headers=forged).json["headers"]
    assert not [key for key in seen if key.startswith(("x-windlass", "x-envoy"))]


def test_two_workloads_cannot_have_one_host(
    gateway: RunningGateway, replica: Replica, name: str
) -> None:
    mine = route(name, replica.endpoint)
    gateway.client.put(mine, EPOCH)
    other = route(f"{name}-other", replica.endpoint)
    with pytest.raises(GatewayUnavailable, match=f"belongs to workload id-{name}"):
        gateway.client.put(type(other)(other.workload_id, mine.hosts, other.path_prefix), EPOCH)


def test_a_removed_workload_is_404_and_its_name_free_again(
    gateway: RunningGateway, replica: Replica, name: str
) -> None:
    gateway.client.put(route(name, replica.endpoint), EPOCH)
    gateway.client.remove(f"id-{name}", EPOCH)
    assert gateway.request(f"/team/{name}/echo").status == 404
    gateway.client.put(route(name, replica.endpoint), EPOCH)
    assert gateway.request(f"/team/{name}/echo").status == 200


def test_requests_spread_over_all_replicas(
    gateway: RunningGateway, start_replica: StartReplica, name: str
) -> None:
    replicas = [start_replica(f"replica-{number}") for number in range(3)]
    gateway.client.put(route(name, *(each.endpoint for each in replicas)), EPOCH)
    answered = {gateway.request(f"/team/{name}/echo").json["replica"] for _ in range(60)}
    assert answered == {"replica-0", "replica-1", "replica-2"}


def test_http_2_without_tls_is_understood(
    gateway: RunningGateway, replica: Replica, name: str
) -> None:
    gateway.client.put(route(name, replica.endpoint), EPOCH)
    with gateway.raw() as connection:
        connection.sendall(_http_2_get(f"/team/{name}/echo/two"))
        received = b""
        while b'"path": "/echo/two"' not in received:
            chunk = connection.recv(65536)
            assert chunk, received
            received += chunk


def _http_2_get(path: str) -> bytes:
    """Preface, empty settings, and one request, its fields as literals (RFC 9113, RFC 7541)."""
    fields = {":method": "GET", ":scheme": "http", ":authority": "any", ":path": path}
    block = b"".join(
        bytes([0, len(key)]) + key.encode() + bytes([len(value)]) + value.encode()
        for key, value in fields.items()
    )
    end_of_stream_and_headers = 0x5
    return (
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
        + _frame(4, 0, 0, b"")
        + _frame(1, end_of_stream_and_headers, 1, block)
    )


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return (
        len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload
    )
