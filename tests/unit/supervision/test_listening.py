"""Whose a listening socket is, for real sockets and processes."""

import os
import socket
import subprocess
import sys

from windlass.kit.supervision.program.listening import FOREIGN, NOBODY, OWN, Ownership


def own_pid() -> list[int]:
    return [os.getpid()]


def others_pid() -> list[int]:
    return [1]


def no_pid() -> list[int]:
    return []


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as candidate:
        port: int = candidate.getsockname()[1]
        return port


def test_nobody_listens_on_a_free_port() -> None:
    assert Ownership(free_port()).check(own_pid) == NOBODY


def test_a_socket_is_told_from_those_of_others() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert Ownership(port).check(own_pid) == OWN
        assert Ownership(port).check(others_pid) == FOREIGN
        assert Ownership(port).check(no_pid) == FOREIGN


def test_a_socket_of_another_process_is_foreign_even_beside_an_own_one() -> None:
    """Two sockets may share a port, and each gets a part of the connections."""
    program = (
        "import socket, sys\n"
        "one = socket.create_server(('127.0.0.1', int(sys.argv[1])), reuse_port=True)\n"
        "print(flush=True)\n"
        "sys.stdin.read()\n"
    )
    with socket.create_server(("127.0.0.1", 0), reuse_port=True) as server:
        port = server.getsockname()[1]
        ownership = Ownership(port)
        assert ownership.check(own_pid) == OWN
        other = subprocess.Popen(
            [sys.executable, "-c", program, str(port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert other.stdout is not None
        other.stdout.readline()
        assert ownership.check(own_pid) == FOREIGN
        other.communicate()
        assert ownership.check(own_pid) == OWN


def test_a_port_taken_over_is_noticed() -> None:
    port = free_port()
    ownership = Ownership(port)
    with socket.create_server(("127.0.0.1", port)):
        assert ownership.check(own_pid) == OWN
    with socket.create_server(("127.0.0.1", port)):
        assert ownership.check(others_pid) == FOREIGN
