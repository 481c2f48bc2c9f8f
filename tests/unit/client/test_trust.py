"""Which certificates a client takes, asked of a real server that speaks TLS."""

import http.server
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.certificate_authority import Authority, Issued
from windlass.client import Client, ClientError, Credentials, Trust, Unreachable


class _Clusters(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(b'{"accessToken": "t", "expiresIn": 3600}')

    def do_GET(self) -> None:
        self._answer(b"[]")

    def log_message(self, *_: object) -> None:
        """Nothing."""

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        # Each request comes by a new connection.
        self.send_header("Connection", "close")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class _Quiet(http.server.ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """Clients that refuse a certificate are no news here."""


class Server:
    """Answers at `url`, and shows the certificate that it was last told to."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._server = _Quiet(("127.0.0.1", 0), _Clusters)
        self._server.socket = self._context.wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )
        self.url = f"https://127.0.0.1:{self._server.server_port}"

    def show(self, issued: Issued) -> None:
        issued.write(self._folder / "c", self._folder / "k")
        self._context.load_cert_chain(self._folder / "c", self._folder / "k")

    @contextmanager
    def running(self) -> Iterator["Server"]:
        thread = threading.Thread(target=self._server.serve_forever)
        thread.start()
        yield self
        self._server.shutdown()
        thread.join()
        self._server.server_close()


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path).running() as running:
        yield running


def client(url: str, trust: Trust | None = None, connect_to: str | None = None) -> Client:
    return Client(url, Credentials("id", "secret"), trust=trust, connect_to=connect_to)


def test_what_nobody_vouches_for_is_refused_with_the_cure(
    server: Server, authority: Authority
) -> None:
    server.show(authority.issue("127.0.0.1"))
    with (
        client(server.url) as asking,
        pytest.raises(Unreachable, match=r"not trusted here .* --certificate-authority FILE"),
    ):
        asking.clusters()


def test_an_authority_that_is_named_vouches_for_the_right_name_alone(
    server: Server, authority: Authority, tmp_path: Path
) -> None:
    trusted = tmp_path / "authority.pem"
    trusted.write_text(authority.pem)
    server.show(authority.issue("127.0.0.1"))
    with client(server.url, Trust(trusted)) as asking:
        assert asking.clusters() == []
    server.show(authority.issue("a.example.org"))
    with client(server.url, Trust(trusted)) as asking, pytest.raises(Unreachable, match="127"):
        asking.clusters()


def test_a_platform_of_this_machine_is_known_by_its_certificate_whatever_its_name_is(
    server: Server, authority: Authority, tmp_path: Path
) -> None:
    own, other = authority.issue("a.example.org"), authority.issue("a.example.org")
    trusted = tmp_path / "certificate.pem"
    trusted.write_text(_leaf(own))
    server.show(own)
    asking = client("https://a.example.org:1", Trust(trusted, is_own=True), server.url)
    with asking:
        assert asking.clusters() == []
        assert asking.url == "https://a.example.org:1"
        # Of the same authority and for the same name, and yet another.
        server.show(other)
        with pytest.raises(Unreachable, match="not trusted"):
            asking.clusters()
        trusted.write_text(_leaf(other))
        assert asking.clusters() == [], "the renewed one is read without a new client"


def test_a_file_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    for path, content, told in (
        (tmp_path / "none.pem", None, "cannot be read"),
        (tmp_path / "spoilt.pem", "nothing", "holds no certificate"),
    ):
        if content is not None:
            path.write_text(content)
        with pytest.raises(ClientError, match=f"{path} {told}"):
            client("https://127.0.0.1:1", Trust(path))


def _leaf(issued: Issued) -> str:
    end = "-----END CERTIFICATE-----\n"
    return issued.chain.partition(end)[0] + end
