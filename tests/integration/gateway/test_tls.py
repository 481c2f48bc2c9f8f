"""TLS at the gateway: what clients are shown, how they speak, and a change of it under load."""

import http.client
import itertools
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.sync.client import connect

from tests.certificate_authority import Authority, Issued, serial_shown
from tests.integration.gateway.grpc_replica import GrpcReplica, client_of
from tests.integration.gateway.replica import PIECE, Replica
from tests.integration.gateway.running import (
    DOMAIN,
    EPOCH,
    RunningGateway,
    eventually,
    free_port,
    route,
)
from windlass.gateway.gateway import (
    AdditionalRoute,
    Address,
    Certificate,
    GatewayUnavailable,
    ReplicaProtocol,
)


@pytest.fixture(scope="module")
def authority() -> Authority:
    """Trusted by every client here."""
    return Authority()


@pytest.fixture
def first(authority: Authority) -> Issued:
    """What the gateway shows at first."""
    return authority.issue("127.0.0.1", "localhost", f"*.{DOMAIN}")


@pytest.fixture
def secure(tmp_path: Path, first: Issued) -> Iterator[RunningGateway]:
    """A gateway that speaks TLS outside."""
    running = RunningGateway(tmp_path, certificate=certificate(first))
    yield running.start()
    running.stop()


def certificate(issued: Issued) -> Certificate:
    return Certificate(issued.chain, issued.key)


@dataclass
class Answered:
    """One request over a connection of its own."""

    status: int
    body: bytes


def wait_until_shown(port: int, issued: Issued) -> None:
    """Return once new connections are shown this certificate."""
    eventually(lambda: serial_shown("127.0.0.1", port) == issued.serial)


def ask(
    gateway: RunningGateway,
    context: ssl.SSLContext,
    path: str,
    port: int | None = None,
) -> Answered:
    connection = http.client.HTTPSConnection(
        "127.0.0.1", port or gateway.port, timeout=20, context=context
    )
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return Answered(response.status, response.read())
    finally:
        connection.close()


class Load:
    """Requests without pause, each over a new connection, until stopped."""

    def __init__(self, send: Callable[[], Answered], threads: int) -> None:
        self.statuses: list[int] = []
        self.failures: list[str] = []
        self._send = send
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(threads)]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def wait_for(self, count: int) -> None:
        """Return once so many were answered."""
        eventually(lambda: len(self.statuses) >= count)

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self.statuses.append(self._send().status)
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(repr(error))


def test_certificates_change_under_load_without_a_failed_request_or_a_cut_stream(
    secure: RunningGateway, authority: Authority, replica: Replica, first: Issued
) -> None:
    secure.client.put(route("busy", replica.endpoint), EPOCH)
    trusting = authority.trusting()
    # Of both kinds of key, since a server may keep one of each.
    kinds = itertools.cycle(["rsa", "ec"])
    others = [authority.issue("127.0.0.1", key=next(kinds)) for _ in range(6)]
    streamed = http.client.HTTPSConnection("127.0.0.1", secure.port, context=trusting, timeout=30)
    streamed.request("GET", "/team/busy/stream?pieces=100000&pause=0.01")
    stream = streamed.getresponse()
    assert stream.read(len(PIECE)) == PIECE
    kept = http.client.HTTPSConnection("127.0.0.1", secure.port, context=trusting, timeout=30)
    raw = trusting.wrap_socket(secure.raw(), server_hostname=f"busy-runai-team.{DOMAIN}")
    with (
        connect(f"ws://busy-runai-team.{DOMAIN}/socket", sock=raw, proxy=None) as web_socket,
        Load(lambda: ask(secure, trusting, "/team/busy/echo"), threads=4) as load,
    ):
        for shown in [*others, first]:
            done = len(load.statuses)
            secure.client.certify(certificate(shown), EPOCH)
            wait_until_shown(secure.port, shown)
            load.wait_for(done + 20)
            assert stream.read(len(PIECE)) == PIECE
            web_socket.send("still there")
            assert web_socket.recv(20) == "still there"
            kept.request("GET", "/team/busy/echo")
            assert kept.getresponse().read()
            assert kept.sock is not None
    assert load.failures == []
    assert set(load.statuses) == {200}
    streamed.close()
    kept.close()


def test_http_2_is_agreed_on_and_who_does_not_ask_gets_http_1(
    secure: RunningGateway, authority: Authority, replica: Replica
) -> None:
    secure.client.put(route("both", replica.endpoint), EPOCH)
    base = f"https://127.0.0.1:{secure.port}"
    for with_2, spoken in ((True, "HTTP/2"), (False, "HTTP/1.1")):
        trusting = authority.trusting()
        with httpx.Client(http2=with_2, verify=trusting, trust_env=False) as client:
            answer = client.get(f"{base}/team/both/echo")
        assert (answer.status_code, answer.http_version) == (200, spoken)


def test_grpc_goes_by_tls(secure: RunningGateway, authority: Authority) -> None:
    words = GrpcReplica().start()
    try:
        secure.client.put(route("words", words.endpoint, protocol=ReplicaProtocol.GRPC), EPOCH)
        with client_of(secure.port, f"words-runai-team.{DOMAIN}", authority.pem) as client:
            assert client.unary("Shout")(b"hello", timeout=20) == b"HELLO"
            assert list(client.stream("Echo")(iter([b"a", b"b"]), timeout=20)) == [b"a", b"b"]
    finally:
        words.stop()


def test_replicas_are_told_that_the_client_came_by_tls(
    secure: RunningGateway, authority: Authority, replica: Replica
) -> None:
    def told() -> Any:
        return json.loads(ask(secure, authority.trusting(), "/team/told/echo").body)["headers"]

    secure.client.put(route("told"), EPOCH)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(told)
        eventually(lambda: secure.held("told") == 1)
        secure.client.put(route("told", replica.endpoint), EPOCH)
        assert waiting.result()["x-forwarded-proto"] == "https"
    assert told()["x-forwarded-proto"] == "https"
    inside = secure.request("/team/told/echo", port=secure.internal_port)
    assert inside.json["headers"]["x-forwarded-proto"] == "http"


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
def test_nothing_older_than_tls_1_2_is_spoken_and_no_plain_http(
    secure: RunningGateway, authority: Authority, replica: Replica
) -> None:
    secure.client.put(route("old", replica.endpoint), EPOCH)
    older = authority.trusting()
    older.set_ciphers("DEFAULT:@SECLEVEL=0")
    for version, spoken in ((ssl.TLSVersion.TLSv1_1, False), (ssl.TLSVersion.TLSv1_2, True)):
        older.minimum_version = ssl.TLSVersion.TLSv1
        older.maximum_version = version
        if spoken:
            assert ask(secure, older, "/team/old/echo").status == 200
            continue
        with pytest.raises(ssl.SSLError, match="PROTOCOL_VERSION"):
            ask(secure, older, "/team/old/echo")
    with pytest.raises((http.client.HTTPException, ConnectionError)):
        secure.request("/team/old/echo")


def test_an_address_of_one_route_speaks_tls_too(
    secure: RunningGateway, authority: Authority, replica: Replica
) -> None:
    address = Address("127.0.0.1", free_port())
    further = AdditionalRoute("tool", None, listen=address)
    secure.client.put(route("tool", replica.endpoint, additional=(further,)), EPOCH)

    def listens() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((address.host, address.port)) == 0

    eventually(listens)
    assert ask(secure, authority.trusting(), "/echo", port=address.port).status == 200
    renewed = authority.issue("127.0.0.1")
    secure.client.certify(certificate(renewed), EPOCH)
    wait_until_shown(address.port, renewed)


def test_what_envoy_refuses_is_not_shown_and_the_former_certificate_stays(
    secure: RunningGateway, authority: Authority, first: Issued
) -> None:
    other = authority.issue("127.0.0.1")
    with pytest.raises(GatewayUnavailable, match="key"):
        secure.client.certify(Certificate(other.chain, first.key), EPOCH)
    assert serial_shown("127.0.0.1", secure.port) == first.serial
    secure.kill_envoy()
    secure.start_envoy()
    secure.wait_until_listening()
    assert serial_shown("127.0.0.1", secure.port) == first.serial


def test_the_last_certificate_is_shown_after_both_were_killed_without_a_control_plane(
    secure: RunningGateway, authority: Authority
) -> None:
    last = authority.issue("127.0.0.1")
    secure.client.certify(certificate(last), EPOCH)
    assert secure.client.status()["certificate"] == certificate(last).fingerprint
    secure.kill_gate()
    secure.kill_envoy()
    secure.start_gate()
    secure.start_envoy()
    secure.wait_until_listening()
    assert serial_shown("127.0.0.1", secure.port) == last.serial
    keys = [path for path in secure.directory.rglob("*") if path.is_file() and _holds_key(path)]
    assert [path.name for path in keys] == ["certificate.json"]
    assert keys[0].stat().st_mode & 0o077 == 0


def _holds_key(path: Path) -> bool:
    return b"PRIVATE KEY" in path.read_bytes()
