"""TLS at API and gateway, as an operator meets it: renewals under load, bad ones, and clients."""

import http.client
import json
import os
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.certificate_authority import Authority, Issued, serial_shown
from tests.conftest import RunWithRunapy
from tests.end_to_end.platforms import (
    Platform,
    canary,
    eventually,
    fetch,
    run_windlass,
    running,
    windlass,
)

NAMES = ("127.0.0.1", "localhost", "windlass.test", "*.windlass.localhost")
RUNAPY = Path(__file__).parent / "runapy_tls.py"


@pytest.fixture(scope="module")
def authority() -> Authority:
    """Who signs the platform's certificates."""
    return Authority()


@pytest.fixture(scope="module")
def authority_file(authority: Authority, scratch_root: Path) -> Path:
    """Its certificate."""
    path = scratch_root / "authority.pem"
    path.write_text(authority.pem)
    return path


class Live:
    """The folder where certbot has links to the certificate and the key of now."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.certificate, self.key = folder / "fullchain.pem", folder / "privkey.pem"
        folder.mkdir()

    def switch_links(self, issued: Issued) -> None:
        """As certbot does: new files, and then each link on its own."""
        kept = self.folder / str(issued.serial)
        kept.mkdir()
        issued.write(kept / "cert.pem", kept / "key.pem")
        for link, name in ((self.certificate, "cert.pem"), (self.key, "key.pem")):
            new = link.with_suffix(".new")
            new.symlink_to(kept / name)
            new.replace(link)

    def rename(self, issued: Issued) -> None:
        """New files in the place of the former."""
        issued.write(self.folder / "c.new", self.folder / "k.new")
        (self.folder / "k.new").replace(self.key)
        (self.folder / "c.new").replace(self.certificate)

    def write_in_place(self, issued: Issued) -> None:
        """Into the files that are there, so that they are half written in between."""
        half = len(issued.chain) // 2
        with self.certificate.open("w") as file:
            for part in (issued.chain[:half], issued.chain[half:]):
                file.write(part)
                file.flush()
        self.key.write_text(issued.key)


@pytest.fixture(scope="module")
def live(scratch_root: Path, authority: Authority) -> Live:
    """The files that the platform was told of."""
    made = Live(scratch_root / "live")
    made.switch_links(authority.issue(*NAMES))
    return made


@pytest.fixture(scope="module")
def secure(scratch_root: Path, live: Live, authority: Authority) -> Iterator[Platform]:
    """A platform with an operator's certificate, which tests renew."""
    options = ("--tls-certificate", str(live.certificate), "--tls-key", str(live.key))
    yield from running(scratch_root / "secure", *options, trusting=authority.trusting())


class Load:
    """Requests without pause, each over a new connection, until the context ends."""

    def __init__(self, send: Callable[[], int]) -> None:
        self.answered = 0
        self.failures: list[str] = []
        self._send = send
        self._stop = threading.Event()

    def run(self) -> None:
        while not self._stop.is_set():
            try:
                status = self._send()
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(repr(error))
                continue
            if status == 200:
                self.answered += 1
            else:
                self.failures.append(str(status))

    def wait_for(self, count: int) -> None:
        """Return once so many were answered."""
        eventually(lambda: self.answered >= count, "requests after the change")

    def stop(self) -> None:
        self._stop.set()


@contextmanager
def under_load(*sends: Callable[[], int]) -> Iterator[list[Load]]:
    loads = [Load(send) for send in sends]
    threads = [threading.Thread(target=load.run) for load in loads]
    for thread in threads:
        thread.start()
    try:
        yield loads
    finally:
        for load in loads:
            load.stop()
        for thread in threads:
            thread.join()


def shown_everywhere(platform: Platform) -> set[int]:
    """The serial numbers that new connections to API and gateway are shown."""
    known = platform.administrator
    addresses = [urlsplit(known[name]) for name in ("url", "gateway_url")]
    return {serial_shown(each.hostname or "", each.port or 0) for each in addresses}


def wait_until_shown(platform: Platform, issued: Issued) -> None:
    """Return once both show this certificate to new connections."""
    eventually(lambda: shown_everywhere(platform) == {issued.serial}, "the new certificate")


def test_renewals_reach_both_under_load_and_nothing_fails_or_is_cut(
    secure: Platform, live: Live, authority: Authority
) -> None:
    secure.deploy("busy", canary())
    api, gateway = (urlsplit(secure.administrator[name]) for name in ("url", "gateway_url"))
    trusting = authority.trusting()
    stream = http.client.HTTPSConnection(gateway.netloc, context=trusting, timeout=60)
    stream.request("GET", "/default/busy/stream?count=1000000&interval=0.01")
    streamed = stream.getresponse()
    kept = http.client.HTTPSConnection(api.netloc, context=trusting, timeout=60)
    with under_load(
        lambda: fetch(f"{api.geturl()}/healthz", trusting=trusting).status,
        lambda: secure.ask("busy", "/echo").status,
    ) as loads:
        for renew in (live.switch_links, live.rename, live.write_in_place):
            # Another kind of key each time: a server could go on with the former one's.
            kind = "rsa" if renew == live.rename else "ec"
            issued = authority.issue(*NAMES, key=kind)
            before = [load.answered for load in loads]
            renew(issued)
            wait_until_shown(secure, issued)
            for load, count in zip(loads, before, strict=True):
                load.wait_for(count + 10)
            assert streamed.readline().startswith(b"chunk ")
            kept.request("GET", "/healthz")
            assert kept.getresponse().read() == b'{"status":"ok"}'
            assert kept.sock is not None, "the connection was kept"
    assert [load.failures for load in loads] == [[], []]
    for connection in (stream, kept):
        connection.close()


def test_a_bad_renewal_is_told_and_the_former_certificate_stays(
    secure: Platform, live: Live, authority: Authority
) -> None:
    good, other = authority.issue(*NAMES), authority.issue(*NAMES)
    live.rename(good)
    wait_until_shown(secure, good)
    live.certificate.write_text(other.chain)

    def status() -> "subprocess.CompletedProcess[str]":
        return run_windlass("status", "--data-dir", str(secure.data_dir), check=False)

    told = "is not that of the certificate in"
    eventually(lambda: secure.get("/api/v1/platform")["tls"]["problem"], "the complaint")
    complaint = status()
    assert complaint.returncode == 1
    assert told in complaint.stderr
    assert shown_everywhere(secure) == {good.serial}
    eventually(lambda: told in secure.log(), "a line of the log")
    live.key.write_text(other.key)
    wait_until_shown(secure, other)
    eventually(lambda: status().returncode == 0, "a status without complaint")


def test_what_is_handed_out_says_https_and_is_trusted(
    secure: Platform, authority_file: Path
) -> None:
    created = secure.deploy("told", canary())
    known = secure.administrator
    assert known["url"].startswith("https://127.0.0.1:")
    assert known["internal_url"].startswith("http://127.0.0.1:")
    by_path, by_host = secure.workload(created["workloadId"])["urls"]
    assert by_path == f"{known['gateway_url']}/default/told/"
    port = urlsplit(known["gateway_url"]).port
    assert by_host == f"https://told-runai-default.windlass.localhost:{port}/"
    for url, resolve in ((by_path, ()), (by_host, ("--resolve", f"*:{port}:127.0.0.1"))):
        command = ["curl", "-sSf", "--cacert", str(authority_file), *resolve, f"{url}echo"]
        answer = subprocess.run(command, capture_output=True, check=True)
        headers = {name.lower(): value for name, value in json.loads(answer.stdout)["headers"]}
        assert headers["x-forwarded-proto"] == "https"


def test_commands_of_this_machine_need_not_be_told_what_to_trust(
    secure: Platform, live: Live, authority: Authority
) -> None:
    # For no name of this machine at all: it is known by its data directory.
    elsewhere = authority.issue("windlass.test")
    live.rename(elsewhere)
    wait_until_shown(secure, elsewhere)
    shown = run_windlass("status", "--data-dir", str(secure.data_dir)).stdout
    assert f"{elsewhere.serial:X}" in shown
    last = authority.issue(*NAMES)
    live.rename(last)
    wait_until_shown(secure, last)


def test_sign_in_from_elsewhere_trusts_the_authority_it_is_told_and_keeps_it_in_mind(
    secure: Platform, authority_file: Path, tmp_path: Path
) -> None:
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("WINDLASS_")
    } | {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
    known = secure.administrator

    def type_(*words: str, **more: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            windlass(*words),
            input=known["password"],
            capture_output=True,
            text=True,
            env={**environment, **more},
            check=False,
        )

    sign_in = ("login", known["url"], "--user", known["username"], "--stdin")
    refused = type_(*sign_in)
    assert refused.returncode == 1
    assert "--certificate-authority" in refused.stderr
    for words, variables in (
        (("--certificate-authority", str(authority_file)), {}),
        ((), {"WINDLASS_CERTIFICATE_AUTHORITY": str(authority_file)}),
    ):
        done = type_(*sign_in, *words, **variables)
        assert done.returncode == 0, done.stderr
    assert known["username"] in type_("whoami").stdout
    plain = type_("login", known["url"].replace("https", "http"), *sign_in[2:])
    assert plain.returncode == 1
    assert "https://" in plain.stderr


def test_the_vendors_client_works_over_tls(
    secure: Platform, authority_file: Path, run_with_runapy: RunWithRunapy
) -> None:
    words = (str(RUNAPY), str(secure.data_dir / "admin.json"), str(authority_file))
    seen = json.loads(run_with_runapy(*words).stdout)
    assert [each["uuid"] for each in seen] == [secure.administrator["cluster_id"]]


@pytest.mark.parametrize("own_platform", [("--tls", "self-signed")], indirect=True)
def test_a_certificate_of_its_own_lasts_and_counts_for_control_planes_that_join(
    own_platform: Platform,
) -> None:
    trusted = Path(own_platform.administrator["certificate_authority"])
    own_platform.trusting = ssl.create_default_context(cafile=str(trusted))
    assert b"PRIVATE" not in trusted.read_bytes()
    made = own_platform.data_dir / "tls" / "self-signed.pem"
    assert made.stat().st_mode & 0o777 == 0o600
    (serial,) = shown_everywhere(own_platform)
    own_platform.kill()
    own_platform.up()
    assert shown_everywhere(own_platform) == {serial}
    assert joined_url(own_platform).startswith("https://127.0.0.1:")
    join = ("up", "--join", str(own_platform.data_dir), "--tls-certificate", "other.pem")
    refused = run_windlass(*join, check=False)
    assert refused.returncode == 1
    assert "one certificate, that of the first" in refused.stderr


def test_https_is_taken_up_at_the_same_addresses_by_a_platform_that_runs(
    own_platform: Platform,
) -> None:
    plain = own_platform.administrator
    assert "certificate_authority" not in plain
    assert own_platform.get("/api/v1/platform")["tls"] is None
    own_platform.deploy("kept", canary())
    assert own_platform.terminate() == 0
    own_platform.options = ("--tls", "self-signed")
    own_platform.up()
    secure = own_platform.administrator
    for name in ("url", "gateway_url"):
        assert secure[name] == plain[name].replace("http:", "https:")
    own_platform.trusting = ssl.create_default_context(cafile=secure["certificate_authority"])
    assert own_platform.ask("kept", "/echo").status == 200


def joined_url(platform: Platform) -> str:
    """Where a second control plane serves the API, with the certificate of the first."""
    words = ("up", "--join", str(platform.data_dir), "--listen", "127.0.0.1:0")
    second = subprocess.Popen(windlass(*words), stdout=subprocess.PIPE, text=True)
    try:
        assert second.stdout is not None
        line = second.stdout.readline()
        url = line.split("url=")[1].split()[0]
        assert fetch(f"{url}/healthz", trusting=platform.trusting).status == 200
    finally:
        second.terminate()
        second.wait()
    return url


def test_plain_http_to_other_machines_is_refused_unless_asked_for(tmp_path: Path) -> None:
    done = run_windlass(
        *("up", "--data-dir", str(tmp_path / "d"), "--gateway", "0.0.0.0:0"), check=False
    )
    assert done.returncode == 1
    assert "--gateway 0.0.0.0:0 can be reached from other machines" in done.stderr
    assert not (tmp_path / "d" / "windlass.db").exists()
