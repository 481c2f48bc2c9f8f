"""Both ways of asking the kernel find the same real sockets."""

import os
import socket
from collections.abc import Callable

import pytest

from windlass.kit.supervision.program import sockets
from windlass.kit.supervision.program.sockets import ask_netlink, listening_inodes, read_proc

Ask = Callable[[int], set[int]]
both_ways = pytest.mark.parametrize("ask", [ask_netlink, read_proc])


def inode(of: socket.socket) -> int:
    return os.fstat(of.fileno()).st_ino


def listen(address: str, dualstack: bool = True) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return socket.create_server(
        (address, 0), family=family, dualstack_ipv6=dualstack and family == socket.AF_INET6
    )


@both_ways
@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0", "::", "::ffff:127.0.0.1"])
def test_what_receives_connections_to_loopback_is_found(ask: Ask, address: str) -> None:
    with listen(address) as server:
        assert ask(server.getsockname()[1]) == {inode(server)}


@both_ways
@pytest.mark.parametrize("address", ["127.0.0.2", "::1"])
def test_what_listens_elsewhere_is_not(ask: Ask, address: str) -> None:
    with listen(address, dualstack=False) as server:
        # Somebody else's may be on the same port of another address.
        assert inode(server) not in ask(server.getsockname()[1])


@both_ways
def test_sockets_that_share_a_port_are_all_found(ask: Ask) -> None:
    with socket.create_server(("127.0.0.1", 0), reuse_port=True) as one:
        port = one.getsockname()[1]
        with socket.create_server(("127.0.0.1", port), reuse_port=True) as other:
            assert ask(port) == {inode(one), inode(other)}


@both_ways
def test_neither_bound_nor_connected_sockets_are_found(ask: Ask) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        assert inode(bound) not in ask(bound.getsockname()[1])
        with socket.create_connection(server.getsockname()) as client:
            assert inode(client) not in ask(client.getsockname()[1])


def test_over_netlink_a_wildcard_socket_for_ipv6_alone_is_not_found() -> None:
    with listen("::", dualstack=False) as server:
        assert inode(server) not in ask_netlink(server.getsockname()[1])


def test_where_netlink_is_not_to_be_had_proc_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_port: int) -> set[int]:
        raise PermissionError

    monkeypatch.setattr(sockets, "ask_netlink", refuse)
    with listen("127.0.0.1") as server:
        assert listening_inodes(server.getsockname()[1]) == {inode(server)}
