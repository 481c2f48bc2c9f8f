"""A certificate of the platform's own making, for a first try: nobody trusts it unasked."""

import datetime
import ipaddress
import re
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from windlass.app.tls.pair import Pair, PairFiles, PairRefused, pair_of
from windlass.kit.sealing import write_secret_file

LIFETIME_DAYS = 397
"""Browsers refuse certificates that last longer than 398 days."""
RENEW_BEFORE_DAYS = 30
_DAY_SECONDS = 86_400.0
_LONGEST_COMMON_NAME = 64


@dataclass(frozen=True, slots=True)
class Names:
    """What a certificate is to be for."""

    hosts: tuple[str, ...]
    addresses: tuple[str, ...]


def names_of_this_machine(listened: Sequence[str], domain: str) -> Names:
    """The names under which this machine and its workloads are reached, by what it listens on."""
    everywhere = any(ipaddress.ip_address(host).is_unspecified for host in listened)
    found = ["127.0.0.1", "::1", *listened, *(_own_addresses() if everywhere else ())]
    addresses = [host for host in found if not ipaddress.ip_address(host).is_unspecified]
    # Not its full name in the network: whoever answers for that may be slow, or change their mind.
    own = [host for host in [socket.gethostname()] if _is_sound(host)]
    hosts = sorted([*own, domain, f"*.{domain}", "localhost"], key="localhost".__eq__)
    return Names(tuple(dict.fromkeys(hosts)), tuple(dict.fromkeys(addresses)))


def keep_self_signed(path: Path, names: Names, now: float) -> None:
    """See that a file holds a certificate for these names, and its key: the one that it has, until
    that lacks a name or is about to end. Raises OSError.

    `now` is in seconds since the epoch.
    """
    known = _known(path, now)
    if known is not None and _is_for(known, names):
        left = known.ends_at - now
        if left > RENEW_BEFORE_DAYS * _DAY_SECONDS:
            return
    write_secret_file(path, _made(names, now))


def _is_sound(host: str) -> bool:
    return (
        re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9-]+)*", host) is not None
    )


def _known(path: Path, now: float) -> Pair | None:
    files = PairFiles(path, path)
    try:
        return pair_of(files.read(), files, now)
    except PairRefused:
        return None


def _is_for(pair: Pair, names: Names) -> bool:
    return set(names.hosts) <= set(pair.hosts) and all(map(pair.names, names.addresses))


def _made(names: Names, now: float) -> bytes:
    """Key and certificate in PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Windlass, self-signed"),
            x509.NameAttribute(NameOID.COMMON_NAME, names.hosts[0][:_LONGEST_COMMON_NAME]),
        ]
    )
    begin = datetime.datetime.fromtimestamp(now, datetime.UTC)
    hosts = [x509.DNSName(host) for host in names.hosts]
    addresses = [x509.IPAddress(ipaddress.ip_address(each)) for each in names.addresses]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        # Clocks of clients may be behind.
        .not_valid_before(begin - datetime.timedelta(hours=1))
        .not_valid_after(begin + datetime.timedelta(days=LIFETIME_DAYS))
        .add_extension(x509.SubjectAlternativeName([*hosts, *addresses]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return private + certificate.public_bytes(serialization.Encoding.PEM)


def _own_addresses() -> Iterator[str]:
    """Those under which other machines may reach this one."""
    for entries in psutil.net_if_addrs().values():
        for entry in entries:
            if entry.family not in (socket.AF_INET, socket.AF_INET6):
                continue
            address = ipaddress.ip_address(entry.address.partition("%")[0])
            if not address.is_link_local:
                yield str(address)
