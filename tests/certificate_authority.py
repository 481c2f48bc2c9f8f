"""An authority of a test's own, and certificates that it signs."""

import datetime
import ipaddress
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = datetime.timedelta(days=1)


@dataclass(frozen=True)
class Issued:
    """A certificate and its key, both in PEM."""

    chain: str
    key: str
    serial: int

    def write(self, certificate: Path, key: Path) -> None:
        """Put both into files, the key readable by its owner alone."""
        certificate.write_text(self.chain)
        key.touch(mode=0o600)
        key.write_text(self.key)


class Authority:
    """Signs what it is told to."""

    def __init__(self, name: str = "Test authority") -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = datetime.datetime.now(datetime.UTC)
        own = self._builder(self._name, self._key, now - DAY, now + 30 * DAY)
        self._certificate = own.add_extension(
            x509.BasicConstraints(ca=True, path_length=None), critical=True
        ).sign(self._key, hashes.SHA256())
        self.pem = self._certificate.public_bytes(serialization.Encoding.PEM).decode()

    def issue(
        self,
        *names: str,
        key: str = "ec",
        begins_in: datetime.timedelta = -DAY,
        ends_in: datetime.timedelta = 20 * DAY,
    ) -> Issued:
        """A certificate for these names and addresses; `key` is `ec`, `rsa` or `weak-rsa`."""
        private = _KEYS[key]()
        now = datetime.datetime.now(datetime.UTC)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
        built = self._builder(subject, private, now + begins_in, now + ends_in)
        certificate = (
            built.add_extension(x509.SubjectAlternativeName(_names(names)), critical=False)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        return Issued(
            chain=certificate.public_bytes(serialization.Encoding.PEM).decode() + self.pem,
            key=private.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            ).decode(),
            serial=certificate.serial_number,
        )

    def trusting(self) -> ssl.SSLContext:
        """Clients that trust this authority and no other."""
        return ssl.create_default_context(cadata=self.pem)

    def _builder(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey,
        begin: datetime.datetime,
        end: datetime.datetime,
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begin)
            .not_valid_after(end)
        )


def serial_shown(host: str, port: int) -> int:
    """The serial number of the certificate that a new connection is shown."""
    pem = ssl.get_server_certificate((host, port), timeout=20)
    return x509.load_pem_x509_certificate(pem.encode()).serial_number


def _names(names: Sequence[str]) -> list[x509.GeneralName]:
    made: list[x509.GeneralName] = []
    for name in names:
        try:
            made.append(x509.IPAddress(ipaddress.ip_address(name)))
        except ValueError:
            made.append(x509.DNSName(name))
    return made


_Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
_KEYS: Mapping[str, Callable[[], _Key]] = {
    "ec": lambda: ec.generate_private_key(ec.SECP256R1()),
    "rsa": lambda: rsa.generate_private_key(65537, 2048),
    "weak-rsa": lambda: rsa.generate_private_key(65537, 1024),
}
