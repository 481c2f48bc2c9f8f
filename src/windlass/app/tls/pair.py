"""A certificate and its key: read from files, and refused where they would not serve."""

import datetime
import ipaddress
import os
import ssl
import stat
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from windlass.gateway.gateway import Certificate

SHORTEST_RSA_BITS = 2048
_CURVES = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)


class PairRefused(ValueError):
    """The files hold nothing to serve with, for the reason given."""


@dataclass(frozen=True, slots=True)
class PairFiles:
    """Where certificate and key lie; one file may hold both."""

    certificate: Path
    key: Path

    def read(self) -> "Content":
        """What they hold now. Raises PairRefused."""
        return Content(_read(self.certificate), _read_key(self.key))


@dataclass(frozen=True, slots=True)
class Content:
    """What the files held at one moment."""

    certificate: bytes
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate that is valid, and its key."""

    leaf: x509.Certificate
    """The certificate itself, without those that lead to an authority."""
    certificate: Certificate

    @property
    def serial(self) -> str:
        """The serial number as `openssl x509 -serial` writes it."""
        number = f"{self.leaf.serial_number:X}"
        return number.zfill(len(number) + len(number) % 2)

    @property
    def hosts(self) -> tuple[str, ...]:
        """The host names that it is for, in its order."""
        return tuple(_alternative_names(self.leaf).get_values_for_type(x509.DNSName))

    @property
    def addresses(self) -> tuple[str, ...]:
        """The IP addresses that it is for."""
        found = _alternative_names(self.leaf).get_values_for_type(x509.IPAddress)
        return tuple(str(address) for address in found)

    @property
    def ends_at(self) -> float:
        """When it ends, in seconds since the epoch."""
        return self.leaf.not_valid_after_utc.timestamp()

    @property
    def leaf_pem(self) -> str:
        """The certificate itself in PEM."""
        return self.leaf.public_bytes(Encoding.PEM).decode("ascii")

    def names(self, address: str) -> bool:
        """Whether it is for this IP address."""
        return ipaddress.ip_address(address) in map(ipaddress.ip_address, self.addresses)


def pair_of(content: Content, files: PairFiles, now: float) -> Pair:
    """The pair that files held. Raises PairRefused that names the file and what is wrong with it.

    `now` is in seconds since the epoch.
    """
    try:
        return _checked(content, files, now)
    except PairRefused:
        raise
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise PairRefused(f"{files.certificate} cannot be used: {error}") from None


def _checked(content: Content, files: PairFiles, now: float) -> Pair:
    chain = _certificates(content.certificate, files.certificate)
    key = _private_key(content.key, files.key)
    leaf = chain[0]
    _alternative_names(leaf)
    if leaf.public_key() != key.public_key():
        raise PairRefused(_mismatch(chain, key, files))
    _require_valid_now(leaf, now, files.certificate)
    # Written anew: a file of both would hand the key on with the certificate.
    text = "".join(each.public_bytes(Encoding.PEM).decode("ascii") for each in chain)
    certificate = Certificate(text, _key_text(content.key))
    load_into(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), certificate, files)
    return Pair(leaf, certificate)


def load_into(context: ssl.SSLContext, certificate: Certificate, files: PairFiles) -> None:
    """Have a server's context show the certificate. Raises PairRefused where OpenSSL refuses."""
    # OpenSSL takes files only: this one is in memory, and nobody else's.
    descriptor = os.memfd_create("certificate", os.MFD_CLOEXEC)
    try:
        os.write(descriptor, f"{certificate.key}\n{certificate.chain}".encode())
        context.load_cert_chain(f"/proc/self/fd/{descriptor}")
    except ssl.SSLError as error:
        raise PairRefused(
            f"the certificate in {files.certificate} cannot be used: {error.reason or error}"
        ) from None
    finally:
        os.close(descriptor)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise PairRefused(f"{path} cannot be read: {error.strerror or error}") from None


def _read_key(path: Path) -> bytes:
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError as error:
        raise PairRefused(f"{path} cannot be read: {error.strerror or error}") from None
    if mode & stat.S_IROTH:
        raise PairRefused(
            f"{path} holds a private key that every user of this machine can read; take that away "
            f"with: chmod o-rwx {path}"
        )
    return _read(path)


def _certificates(content: bytes, path: Path) -> list[x509.Certificate]:
    if b"-----BEGIN CERTIFICATE-----" not in content:
        raise PairRefused(f"{path} holds no certificate in PEM")
    try:
        return x509.load_pem_x509_certificates(content)
    except ValueError as error:
        raise PairRefused(f"{path} holds a certificate that is spoilt: {error}") from None


def _private_key(content: bytes, path: Path) -> ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey:
    text = _key_text(content)
    if not text:
        raise PairRefused(f"{path} holds no private key in PEM")
    try:
        key = load_pem_private_key(text.encode(), password=None)
    except TypeError:
        raise PairRefused(
            f"{path} holds a key that a passphrase encrypts, which nobody types at a restart; take "
            f"it away with: openssl pkey -in {path} -out FILE"
        ) from None
    except ValueError as error:
        raise PairRefused(f"{path} holds a private key that is spoilt: {error}") from None
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size >= SHORTEST_RSA_BITS:
        return key
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, _CURVES):
        return key
    raise PairRefused(
        f"{path} holds {_kind(key)}, which cannot be used; take RSA of {SHORTEST_RSA_BITS} bits or "
        "more, or ECDSA with P-256, P-384 or P-521"
    )


def _key_text(content: bytes) -> str:
    """The private key of a file that may hold more than it."""
    taken: list[str] = []
    inside = False
    for line in content.decode("ascii", "replace").splitlines():
        inside = inside or (line.startswith("-----BEGIN ") and "PRIVATE KEY-----" in line)
        if inside:
            taken.append(line)
        if inside and line.startswith("-----END "):
            break
    return "\n".join([*taken, ""]) if taken else ""


def _kind(key: PrivateKeyTypes) -> str:
    if isinstance(key, rsa.RSAPrivateKey):
        return f"an RSA key of {key.key_size} bits"
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return f"an ECDSA key with {key.curve.name}"
    return f"a key of another kind ({type(key).__name__.removesuffix('PrivateKey').lstrip('_')})"


def _mismatch(
    chain: list[x509.Certificate],
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey,
    files: PairFiles,
) -> str:
    if any(each.public_key() == key.public_key() for each in chain[1:]):
        return (
            f"{files.certificate} has the certificate of the key in {files.key} further down: it "
            "must come first, before those that lead to an authority"
        )
    return f"the key in {files.key} is not that of the certificate in {files.certificate}"


def _require_valid_now(leaf: x509.Certificate, now: float, path: Path) -> None:
    if now >= leaf.not_valid_after_utc.timestamp():
        raise PairRefused(
            f"the certificate in {path} ended on {_written(leaf.not_valid_after_utc)}"
        )
    if now < leaf.not_valid_before_utc.timestamp():
        raise PairRefused(
            f"the certificate in {path} begins on {_written(leaf.not_valid_before_utc)} only"
        )


def _written(moment: datetime.datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _alternative_names(leaf: x509.Certificate) -> x509.SubjectAlternativeName:
    try:
        return leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return x509.SubjectAlternativeName([])
