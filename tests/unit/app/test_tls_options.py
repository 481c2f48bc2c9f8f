"""What is spoken where, by the options of `windlass up`."""

from pathlib import Path
from typing import Any

import pytest

from tests.certificate_authority import Authority
from windlass.app.tls.keeper import CertificateKeeper
from windlass.app.tls.options import (
    Tls,
    local_url_of,
    require_no_plain_http,
    settle_tls,
    url_of,
)
from windlass.app.tls.self_signed import LIFETIME_DAYS
from windlass.kit.clock import ManualClock, SystemClock
from windlass.settings import Address, Settings


def settings(**options: Any) -> Settings:
    return Settings(**options)


def tls_for(tmp_path: Path, *names: str) -> Tls:
    certificate, key = tmp_path / "c.pem", tmp_path / "k.pem"
    Authority().issue(*names).write(certificate, key)
    given = settings(tls_certificate=certificate, tls_key=key)
    found = settle_tls(given, tmp_path / "tls", SystemClock())
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"tls": "self-signed", "tls_certificate": "c.pem"}, "say only one of them"),
        ({"tls_key": "k.pem"}, "--tls-key is of no use without --tls-certificate"),
        ({"tls_certificate": "none.pem"}, "none.pem cannot be read"),
    ],
)
def test_options_that_make_no_sense_are_refused(
    tmp_path: Path, options: dict[str, Any], told: str
) -> None:
    with pytest.raises(ValueError, match=told):
        settle_tls(settings(**options), tmp_path, SystemClock())


@pytest.mark.parametrize(
    ("options", "speaks_tls", "told"),
    [
        ({}, False, None),
        ({"listen": "127.0.0.2:80", "gateway": "[::1]:81"}, False, None),
        ({"listen": "10.0.0.1:8080"}, False, r"--listen 10\.0\.0\.1:8080 .* --tls self-signed"),
        ({"gateway": "[::]:8081"}, False, r"--gateway \[::\]:8081 .* --allow-plain-http"),
        ({"listen": "0.0.0.0:1", "gateway": "0.0.0.0:2"}, True, None),
        ({"gateway_internal": "10.0.0.1:9"}, True, r"--gateway-internal 10\.0\.0\.1:9 "),
        ({"gateway_internal": "10.0.0.1:9", "allow_plain_http": True}, True, None),
        ({"listen": "0.0.0.0:1", "allow_plain_http": True}, False, None),
    ],
)
def test_other_machines_are_spoken_to_in_plain_http_only_where_that_was_asked_for(
    options: dict[str, Any], speaks_tls: bool, told: str | None
) -> None:
    if told is None:
        require_no_plain_http(settings(**options), speaks_tls=speaks_tls)
        return
    with pytest.raises(ValueError, match=told):
        require_no_plain_http(settings(**options), speaks_tls=speaks_tls)


@pytest.mark.parametrize(
    ("names", "address", "url"),
    [
        (("a.example.org", "10.0.0.1"), "10.0.0.1:8080", "https://10.0.0.1:8080"),
        (("*.example.org", "a.example.org"), "10.0.0.1:8080", "https://a.example.org:8080"),
        (("localhost", "a.example.org"), "0.0.0.0:443", "https://a.example.org:443"),
        (("localhost", "a.example.org"), "127.0.0.1:8080", "https://localhost:8080"),
        (("127.0.0.1", "10.0.0.1"), "0.0.0.0:8080", "https://10.0.0.1:8080"),
        (("::1",), "[0:0:0:0:0:0:0:1]:8080", "https://[0:0:0:0:0:0:0:1]:8080"),
        (("fd00::1",), "[::]:8080", "https://[fd00::1]:8080"),
        (("*.example.org",), "10.0.0.1:8080", "https://10.0.0.1:8080"),
    ],
)
def test_a_url_has_a_name_of_the_certificate(
    tmp_path: Path, names: tuple[str, ...], address: str, url: str
) -> None:
    assert url_of(Address.parse(address), tls_for(tmp_path, *names)) == url


def test_programs_of_this_machine_reach_it_whatever_it_listens_on(tmp_path: Path) -> None:
    tls = tls_for(tmp_path, "a.example.org")
    for address, url in (
        ("0.0.0.0:1", "https://127.0.0.1:1"),
        ("[::]:1", "https://[::1]:1"),
        ("10.0.0.1:1", "https://10.0.0.1:1"),
    ):
        assert local_url_of(Address.parse(address), tls) == url
    assert url_of(Address.parse("0.0.0.0:1"), None) == "http://0.0.0.0:1"


def test_a_certificate_of_its_own_is_renewed_while_it_is_shown(tmp_path: Path) -> None:
    clock = ManualClock(SystemClock().now())
    tls = settle_tls(settings(tls="self-signed"), tmp_path / "tls", clock)
    assert tls is not None
    keeper = CertificateKeeper(tls, clock)
    made = tls.watch.pair.serial
    clock.advance(10)
    keeper.look()
    assert tls.watch.pair.serial == made
    clock.advance((LIFETIME_DAYS - 1) * 86_400.0)
    keeper.look()
    assert tls.watch.pair.serial != made
    assert tls.watch.pair.ends_at > clock.now() + 86_400.0
    assert tls.watch.problem is None


def test_clients_of_this_machine_may_read_the_certificate_and_not_the_key(tmp_path: Path) -> None:
    tls = settle_tls(settings(tls="self-signed"), tmp_path / "tls", SystemClock())
    assert tls is not None
    tls.tell_clients(tls.watch.pair)
    assert tls.trusted.stat().st_mode & 0o777 == 0o644
    assert tls.trusted.read_text() == tls.watch.pair.leaf_pem
    assert tls.watch.files.key.stat().st_mode & 0o777 == 0o600
