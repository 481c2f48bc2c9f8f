"""Certificates and keys: what is refused, and why; when new ones count; those of its own."""

import datetime
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509

from tests.certificate_authority import DAY, Authority, Issued
from windlass.app.tls.pair import Pair, PairFiles, PairRefused, pair_of
from windlass.app.tls.self_signed import (
    LIFETIME_DAYS,
    RENEW_BEFORE_DAYS,
    Names,
    keep_self_signed,
    names_of_this_machine,
)
from windlass.app.tls.watch import LOOK_SECONDS, SETTLE_SECONDS, PairWatch
from windlass.kit.clock import ManualClock, SystemClock

DAY_SECONDS = 86_400.0


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def files(tmp_path: Path) -> PairFiles:
    return PairFiles(tmp_path / "certificate.pem", tmp_path / "key.pem")


def read(files: PairFiles) -> Pair:
    return pair_of(files.read(), files, SystemClock().now())


def write(files: PairFiles, issued: Issued) -> None:
    issued.write(files.certificate, files.key)


@pytest.mark.parametrize("kind", ["ec", "rsa"])
def test_a_sound_pair_is_read_with_its_chain(
    files: PairFiles, authority: Authority, kind: str
) -> None:
    issued = authority.issue("a.example.org", "10.0.0.1", key=kind)
    write(files, issued)
    pair = read(files)
    assert int(pair.serial, 16) == issued.serial
    assert (pair.hosts, pair.addresses) == (("a.example.org",), ("10.0.0.1",))
    assert pair.certificate.chain == issued.chain
    assert pair.certificate.key == issued.key
    assert "PRIVATE" not in repr(pair)


def test_one_file_may_hold_both_and_the_key_does_not_go_with_the_certificate(
    tmp_path: Path, authority: Authority
) -> None:
    issued = authority.issue("a.example.org")
    both = tmp_path / "both.pem"
    both.touch(mode=0o600)
    both.write_text(issued.key + issued.chain)
    pair = read(PairFiles(both, both))
    assert pair.certificate.chain == issued.chain
    assert pair.certificate.key == issued.key


def _without_certificate(files: PairFiles, _: Authority) -> None:
    files.certificate.write_text("nothing")


def _cut_off(files: PairFiles, _: Authority) -> None:
    files.certificate.write_text(files.certificate.read_text()[:300])


def _spoilt(files: PairFiles, _: Authority) -> None:
    text = files.certificate.read_text()
    files.certificate.write_text(text.replace(text[100:120], "A" * 20))


def _gone(files: PairFiles, _: Authority) -> None:
    files.key.unlink()


def _without_key(files: PairFiles, _: Authority) -> None:
    files.key.write_text("")


def _encrypted(files: PairFiles, _: Authority) -> None:
    command = ["openssl", "pkey", "-in", str(files.key), "-aes256", "-passout", "pass:secret"]
    locked = subprocess.run(command, capture_output=True, check=True).stdout
    files.key.write_bytes(locked)


def _open_to_all(files: PairFiles, _: Authority) -> None:
    files.key.chmod(0o644)


def _of_another(files: PairFiles, authority: Authority) -> None:
    files.key.write_text(authority.issue("a.example.org").key)


def _authority_first(files: PairFiles, authority: Authority) -> None:
    own = files.certificate.read_text().removesuffix(authority.pem)
    files.certificate.write_text(authority.pem + own)


def _weak(files: PairFiles, authority: Authority) -> None:
    write(files, authority.issue("a.example.org", key="weak-rsa"))


def _of_another_kind(files: PairFiles, _: Authority) -> None:
    command = ["openssl", "genpkey", "-algorithm", "ed25519", "-out", str(files.key)]
    subprocess.run(command, check=True)


def _ended(files: PairFiles, authority: Authority) -> None:
    past = datetime.timedelta(seconds=-1)
    write(files, authority.issue("a.example.org", ends_in=past))


def _to_come(files: PairFiles, authority: Authority) -> None:
    write(files, authority.issue("a.example.org", begins_in=DAY))


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (_without_certificate, r"certificate\.pem holds no certificate in PEM"),
        (_cut_off, r"certificate\.pem holds a certificate that is spoilt"),
        (_spoilt, r"certificate\.pem"),
        (_gone, r"key\.pem cannot be read: No such file"),
        (_without_key, r"key\.pem holds no private key in PEM"),
        (_encrypted, r"key\.pem holds a key that a passphrase encrypts.*openssl pkey"),
        (_open_to_all, r"every user of this machine can read.*chmod o-rwx .*key\.pem"),
        (_of_another, r"key\.pem is not that of the certificate in .*certificate\.pem"),
        (_authority_first, r"must come first"),
        (_weak, r"an RSA key of 1024 bits, which cannot be used; take RSA of 2048 bits or more"),
        (_of_another_kind, r"a key of another kind \(Ed25519\)"),
        (_ended, r"ended on \d{4}-\d\d-\d\d \d\d:\d\d UTC"),
        (_to_come, r"begins on \d{4}-\d\d-\d\d \d\d:\d\d UTC only"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_would_not_serve_is_refused_with_what_is_wrong(
    files: PairFiles,
    authority: Authority,
    spoil: Callable[[PairFiles, Authority], None],
    told: str,
) -> None:
    write(files, authority.issue("a.example.org"))
    spoil(files, authority)
    with pytest.raises(PairRefused, match=told):
        read(files)


def test_a_new_pair_counts_once_both_files_have_it_and_half_of_it_is_not_complained_of_at_once(
    files: PairFiles, authority: Authority
) -> None:
    first, second = authority.issue("a.example.org"), authority.issue("a.example.org", key="rsa")
    clock = ManualClock(SystemClock().now())
    write(files, first)
    watch = PairWatch(files, clock)
    assert watch.look() is False
    files.certificate.write_text(second.chain)
    clock.advance(LOOK_SECONDS)
    assert watch.look() is False
    assert watch.problem is None, "a pair may be half written"
    clock.advance(SETTLE_SECONDS)
    assert watch.look() is False
    assert "is not that of the certificate" in (watch.problem or "")
    assert int(watch.pair.serial, 16) == first.serial
    files.key.write_text(second.key)
    assert watch.look() is True
    assert watch.problem is None
    assert int(watch.pair.serial, 16) == second.serial
    assert watch.look() is False


def test_a_certificate_that_ends_while_it_is_shown_goes_on_being_shown(
    files: PairFiles, authority: Authority
) -> None:
    clock = ManualClock(SystemClock().now())
    write(files, authority.issue("a.example.org", ends_in=DAY))
    watch = PairWatch(files, clock)
    clock.advance(2 * DAY_SECONDS)
    assert watch.look() is False
    assert watch.problem is None
    assert watch.pair.ends_at < clock.now()


NAMES = Names(("host.example.org", "localhost"), ("127.0.0.1", "::1"))


def serial_in(path: Path) -> int:
    return x509.load_pem_x509_certificate(path.read_bytes()).serial_number


def test_a_certificate_of_its_own_is_kept_until_shortly_before_its_end(tmp_path: Path) -> None:
    path, now = tmp_path / "own.pem", SystemClock().now()
    keep_self_signed(path, NAMES, now)
    made = serial_in(path)
    assert path.stat().st_mode & 0o777 == 0o600
    last_day = LIFETIME_DAYS - RENEW_BEFORE_DAYS - 1
    keep_self_signed(path, NAMES, now + last_day * DAY_SECONDS)
    assert serial_in(path) == made
    keep_self_signed(path, NAMES, now + (last_day + 2) * DAY_SECONDS)
    assert serial_in(path) != made


def test_a_certificate_of_its_own_is_made_anew_for_a_name_that_it_lacks(tmp_path: Path) -> None:
    path, now = tmp_path / "own.pem", SystemClock().now()
    keep_self_signed(path, NAMES, now)
    made = serial_in(path)
    keep_self_signed(path, Names(NAMES.hosts[1:], NAMES.addresses), now)
    assert serial_in(path) == made, "it has more names than are needed"
    keep_self_signed(path, Names(NAMES.hosts, ("127.0.0.1", "10.0.0.7")), now)
    files = PairFiles(path, path)
    assert read(files).addresses == ("127.0.0.1", "10.0.0.7")
    path.write_text("spoilt")
    keep_self_signed(path, NAMES, now)
    assert read(files).hosts == NAMES.hosts


def test_openssl_takes_a_certificate_of_its_own_for_its_names(tmp_path: Path) -> None:
    path = tmp_path / "own.pem"
    keep_self_signed(path, NAMES, SystemClock().now())
    own = tmp_path / "certificate.pem"
    own.write_text(read(PairFiles(path, path)).leaf_pem)
    for option, name, status in (
        ("-verify_hostname", "host.example.org", 0),
        ("-verify_hostname", "elsewhere.example.org", 2),
        ("-verify_ip", "::1", 0),
    ):
        words = ["openssl", "verify", "-CAfile", str(own), option, name, str(own)]
        assert subprocess.run(words, capture_output=True, check=False).returncode == status


def test_who_listens_everywhere_is_named_by_every_address_of_the_machine() -> None:
    here = names_of_this_machine(["127.0.0.1", "10.0.0.9"], "windlass.localhost")
    assert here.addresses == ("127.0.0.1", "::1", "10.0.0.9")
    assert {"localhost", "windlass.localhost", "*.windlass.localhost"} <= set(here.hosts)
    everywhere = names_of_this_machine(["0.0.0.0"], "windlass.localhost")
    assert "0.0.0.0" not in everywhere.addresses
    shown = subprocess.run(["hostname", "-I"], capture_output=True, text=True, check=False).stdout
    assert set(shown.split()) <= set(everywhere.addresses)
