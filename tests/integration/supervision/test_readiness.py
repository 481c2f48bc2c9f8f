"""A process is ready only while it listens itself, and its probe agrees."""

import socket
import time
from pathlib import Path

import pytest

from tests.integration.supervision.conftest import Supervised, wait_until
from windlass.kit.supervision.specification import Probe

# An HTTP server on the port given, whose answers have the status that the file given contains.
SERVER = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(int(open(sys.argv[2]).read()))
        self.send_header("Content-Length", "0")
        self.end_headers()
    def log_message(self, *_):
        print(self.path, flush=True)
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
LISTENER = """
import socket, sys, time
listening = socket.create_server(("127.0.0.1", int(sys.argv[1])))
time.sleep(600)
"""
SLEEP = "import time; time.sleep(600)"
QUICK = Probe(path="/health", period_seconds=0.1)


@pytest.fixture
def status(tmp_path: Path) -> Path:
    """The file that says how the server answers."""
    file = tmp_path / "status"
    file.write_text("200")
    return file


def test_without_a_probe_listening_is_ready(supervised: Supervised, free_port: int) -> None:
    supervised.launch(LISTENER, str(free_port), port=free_port)
    observation = supervised.wait_until_ready()
    assert observation.first_ready_at is not None
    assert observation.readiness_message is None


def test_without_a_port_running_is_ready(supervised: Supervised) -> None:
    supervised.launch(SLEEP)
    supervised.wait_until_ready()


def test_a_port_that_is_never_opened_is_never_ready_and_says_so(
    supervised: Supervised, free_port: int
) -> None:
    supervised.launch(SLEEP, port=free_port)
    message = f"nothing listens on port {free_port} yet"
    wait_until(lambda: supervised.observe().readiness_message == message, "that is said")
    assert not supervised.observe().ready


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])
def test_a_port_opened_by_someone_else_is_not_ready_and_says_so(
    supervised: Supervised, free_port: int, address: str
) -> None:
    with socket.create_server((address, free_port)):
        supervised.launch(SLEEP, port=free_port, probe=QUICK)
        message = f"another process listens on port {free_port}"
        wait_until(lambda: supervised.observe().readiness_message == message, "that is said")
        assert not supervised.observe().ready


def test_a_port_taken_over_by_someone_else_is_ready_no_longer(
    supervised: Supervised, tmp_path: Path, free_port: int
) -> None:
    """The process closes its socket; another opens the port before any probe can fail."""
    program = f"""
import os, socket, time
listening = socket.create_server(("127.0.0.1", {free_port}))
while not os.path.exists({str(tmp_path / "close")!r}): time.sleep(0.01)
listening.close()
time.sleep(600)
"""
    patient = Probe(path=None, period_seconds=3600, failure_threshold=100)
    supervised.launch(program, port=free_port, probe=patient)
    supervised.wait_until_ready()
    (tmp_path / "close").touch()
    taken = None
    until = time.monotonic() + 20
    while taken is None and time.monotonic() < until:
        try:
            taken = socket.create_server(("127.0.0.1", free_port))
        except OSError:
            time.sleep(0.001)
    assert taken is not None
    with taken:
        wait_until(lambda: not supervised.observe().ready, "it is ready no longer")


def test_a_child_may_listen_for_the_process(supervised: Supervised, free_port: int) -> None:
    program = (
        "import subprocess, sys;"
        f"subprocess.run([sys.executable, '-I', '-S', '-c', {LISTENER!r}, sys.argv[1]])"
    )
    supervised.launch(program, str(free_port), port=free_port)
    supervised.wait_until_ready()


def test_an_ipv6_wildcard_socket_counts(supervised: Supervised, free_port: int) -> None:
    program = LISTENER.replace(
        'create_server(("127.0.0.1", int(sys.argv[1])))',
        'create_server(("::", int(sys.argv[1])), family=socket.AF_INET6, dualstack_ipv6=True)',
    )
    supervised.launch(program, str(free_port), port=free_port)
    supervised.wait_until_ready()


def test_without_a_probe_readiness_goes_with_the_socket(
    supervised: Supervised, tmp_path: Path, free_port: int
) -> None:
    program = f"""
import os, socket, time
while True:
    listening = socket.create_server(("127.0.0.1", {free_port}))
    while not os.path.exists({str(tmp_path / "close")!r}): time.sleep(0.01)
    listening.close()
    while os.path.exists({str(tmp_path / "close")!r}): time.sleep(0.01)
"""
    supervised.launch(program, port=free_port)
    first = supervised.wait_until_ready()
    (tmp_path / "close").touch()
    wait_until(lambda: not supervised.observe().ready, "readiness is lost")
    (tmp_path / "close").unlink()
    assert supervised.wait_until_ready().first_ready_at == first.first_ready_at


def test_a_probe_loses_and_regains_readiness(
    supervised: Supervised, status: Path, free_port: int
) -> None:
    status.write_text("503")
    supervised.launch(SERVER, str(free_port), str(status), port=free_port, probe=QUICK)
    wait_until(
        lambda: (
            supervised.observe().readiness_message == "probe of /health failed: HTTP status 503"
        ),
        "the status is said",
    )
    assert not supervised.observe().ready
    status.write_text("301")
    supervised.wait_until_ready()
    status.write_text("500")
    wait_until(lambda: not supervised.observe().ready, "readiness is lost")
    status.write_text("204")
    supervised.wait_until_ready()
    assert b"/health" in supervised.log()


def test_until_its_first_success_a_probe_does_not_wait_for_its_period(
    supervised: Supervised, status: Path, free_port: int
) -> None:
    status.write_text("503")
    probe = Probe(path="/", period_seconds=3600)
    supervised.launch(SERVER, str(free_port), str(status), port=free_port, probe=probe)
    wait_until(lambda: supervised.log().count(b"/\n") > 5, "it is probed often")
    status.write_text("200")
    supervised.wait_until_ready()


def test_the_initial_delay_is_kept(supervised: Supervised, status: Path, free_port: int) -> None:
    probe = Probe(path="/", initial_delay_seconds=1)
    supervised.launch(SERVER, str(free_port), str(status), port=free_port, probe=probe)
    observation = supervised.wait_until_ready()
    assert observation.first_ready_at is not None
    assert observation.started_at is not None
    assert observation.first_ready_at - observation.started_at >= 0.95


def test_a_server_that_does_not_answer_fails_the_probe(
    supervised: Supervised, free_port: int
) -> None:
    probe = Probe(path="/", timeout_seconds=0.2)
    supervised.launch(LISTENER, str(free_port), port=free_port, probe=probe)
    wait_until(
        lambda: (
            supervised.observe().readiness_message == "probe of / failed: no answer within 0.2 s"
        ),
        "the time-out is said",
    )


def test_a_server_that_speaks_something_else_fails_the_probe(
    supervised: Supervised, free_port: int
) -> None:
    program = """
import socket, sys
listening = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    connection, _ = listening.accept()
    connection.sendall(b"220 mail.example.com ESMTP\\r\\n")
    connection.close()
"""
    supervised.launch(program, str(free_port), port=free_port, probe=QUICK)
    wait_until(lambda: "failed: " in (supervised.observe().readiness_message or ""), "it failed")
    assert not supervised.observe().ready


def test_https_is_probed_without_verifying_the_certificate(
    supervised: Supervised, tmp_path: Path, free_port: int
) -> None:
    certificate = tmp_path / "certificate.pem"
    make_certificate(certificate)
    program = """
import http.server, ssl, sys
address = ("127.0.0.1", int(sys.argv[1]))
server = http.server.HTTPServer(address, http.server.SimpleHTTPRequestHandler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[2])
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
"""
    supervised.launch(
        program,
        str(free_port),
        str(certificate),
        port=free_port,
        probe=Probe(path="/", scheme="HTTPS"),
        working_directory=str(tmp_path),
    )
    supervised.wait_until_ready()


def make_certificate(file: Path) -> None:
    """A self-signed certificate and its key, in one file."""
    import datetime

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "replica")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    encoding = serialization.Encoding.PEM
    file.write_bytes(
        key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(encoding)
    )
