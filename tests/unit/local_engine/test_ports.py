"""Ports given to replicas are free, and each is given once."""

import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from windlass.engines.local import ports
from windlass.engines.local.ports import NoFreePort, Ports


def test_a_port_is_given_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "_LAST", ports._FIRST + 20)
    allocator = Ports({"old": [ports._FIRST]})
    with ThreadPoolExecutor(8) as threads:
        given = list(threads.map(lambda n: allocator.allocate(str(n), 2), range(5)))
    assert len({port for ports_of_one in given for port in ports_of_one}) == 10
    assert all(ports._FIRST not in ports_of_one for ports_of_one in given)


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])
def test_a_port_somebody_listens_on_is_not_given(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    with socket.create_server((address, 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setattr(ports, "_FIRST", port)
        monkeypatch.setattr(ports, "_LAST", port)
        with pytest.raises(NoFreePort):
            Ports({}).allocate("a")


def test_a_released_port_can_be_given_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as candidate:
        port = candidate.getsockname()[1]
    monkeypatch.setattr(ports, "_FIRST", port)
    monkeypatch.setattr(ports, "_LAST", port)
    allocator = Ports({})
    assert allocator.allocate("a") == (port,)
    with pytest.raises(NoFreePort):
        allocator.allocate("b")
    allocator.release("a")
    assert allocator.allocate("b") == (port,)


def test_outgoing_connections_do_not_take_replicas_ports() -> None:
    with open("/proc/sys/net/ipv4/ip_local_port_range") as file:
        first = int(file.read().split()[0])
    if first != 32768:
        pytest.skip("this machine gives other ports to outgoing connections than Linux by default")
    assert first > ports._LAST
