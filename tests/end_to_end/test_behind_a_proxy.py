"""TLS ends in front of the platform: what is shown to users is where they come in."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.certificate_authority import Authority
from tests.end_to_end.platforms import Platform, canary, fetch, run_windlass, running
from tests.end_to_end.tls_proxy import TlsProxy

NAMES = ("localhost", "*.windlass.localhost")


@pytest.fixture
def authority() -> Authority:
    """Who signs the proxy's certificate."""
    return Authority()


@pytest.fixture
def proxied(scratch_root: Path, tmp_path: Path, authority: Authority) -> Iterator[Platform]:
    """A platform that speaks plain HTTP, behind a proxy that does not, for API and gateway."""
    api, gateway = (TlsProxy(authority.issue(*NAMES), tmp_path) for _ in range(2))
    options = (
        *("--external-url", f"https://localhost:{api.port}"),
        *("--gateway-external-url", f"https://localhost:{gateway.port}"),
    )
    with ExitStack() as stack:
        trusting = authority.trusting()
        for platform in running(scratch_root / "proxied", *options, trusting=trusting):
            api.target = urlsplit(platform.administrator["local_url"]).port or 0
            addresses = json.loads((platform.data_dir / "addresses.json").read_text())
            gateway.target = addresses["gateway"]["port"]
            stack.enter_context(api.serving())
            stack.enter_context(gateway.serving())
            yield platform


def test_users_are_shown_where_they_come_in(
    proxied: Platform, authority: Authority, tmp_path: Path
) -> None:
    api, gateway = (proxied.administrator[name] for name in ("url", "gateway_url"))
    assert {urlsplit(each).scheme for each in (api, gateway)} == {"https"}
    ports = [{"container": 9000, "serviceType": "NodePort", "external": 30_975}]
    created = proxied.deploy("shown", canary(ports=ports))
    by_path, by_host, node_port = proxied.workload(created["workloadId"])["urls"]
    assert by_path == f"{gateway}/default/shown/"
    port = urlsplit(gateway).port
    assert by_host == f"https://shown-runai-default.windlass.localhost:{port}/"
    assert node_port == "http://127.0.0.1:30975/", "the proxy does not lead there"
    trusted = tmp_path / "authority.pem"
    trusted.write_text(authority.pem)
    for url in (by_path, by_host):
        command = ["curl", "-sSf", "--cacert", str(trusted), "--resolve", f"*:{port}:127.0.0.1"]
        answer = subprocess.run([*command, f"{url}echo"], capture_output=True, check=True)
        assert json.loads(answer.stdout)["path"] == "/echo"

    device = fetch(f"{api}/api/v2/device", "POST", b"", trusting=authority.trusting()).json()
    assert device["verification_uri"] == f"{api}/device"
    assert fetch(device["verification_uri"], trusting=authority.trusting()).status == 200
    assert proxied.get("/api/v1/platform")["gateway"]["url"] == gateway
    # Commands of this machine need neither the proxy nor its certificate.
    assert gateway in run_windlass("status", "--data-dir", str(proxied.data_dir)).stdout
