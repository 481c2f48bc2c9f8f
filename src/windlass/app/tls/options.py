"""From the options of `windlass up` to what is spoken where."""

import ipaddress
import os
from dataclasses import dataclass
from pathlib import Path

from windlass.app.tls.pair import Pair, PairFiles, PairRefused
from windlass.app.tls.self_signed import Names, keep_self_signed, names_of_this_machine
from windlass.app.tls.watch import PairWatch
from windlass.kit.clock import Clock
from windlass.settings import Address, Settings

_CURE = (
    "Give --tls-certificate FILE and --tls-key FILE, or --tls self-signed for a first try. "
    "Where something in front of it ends TLS, say so with --allow-plain-http."
)


@dataclass(frozen=True, slots=True)
class Tls:
    """API and gateway speak TLS."""

    watch: PairWatch
    self_signed: Names | None
    """What the platform's own certificate is for; None where the pair is the operator's."""
    trusted: Path
    """Where clients of this machine find the certificate that is shown."""

    def keep(self, now: float) -> None:
        """Renew a certificate of the platform's own in time. Raises OSError."""
        if self.self_signed is not None:
            keep_self_signed(self.watch.files.certificate, self.self_signed, now)

    def tell_clients(self, *shown: Pair) -> None:
        """Write down what is shown, for all users of this machine. Raises OSError."""
        content = "".join(pair.leaf_pem for pair in shown)
        self.trusted.parent.mkdir(mode=0o755, exist_ok=True)
        # Whatever the umask says.
        self.trusted.parent.chmod(0o755)
        partial = self.trusted.with_suffix(f".{os.getpid()}.partial")
        partial.write_text(content)
        partial.chmod(0o644)
        partial.replace(self.trusted)


def settle_tls(settings: Settings, folder: Path, clock: Clock) -> Tls | None:
    """How API and gateway speak TLS; None where they do not. `folder` is where the platform keeps
    what it writes.

    Raises ValueError that says what is wrong with options or files, or OSError.
    """
    certificate, key = settings.tls_certificate, settings.tls_key
    trusted = folder / "certificate.pem"
    if settings.tls is not None and (certificate is not None or key is not None):
        raise ValueError("--tls self-signed and --tls-certificate: say only one of them")
    if settings.tls is None and certificate is None:
        if key is not None:
            raise ValueError("--tls-key is of no use without --tls-certificate")
        return None
    if certificate is not None:
        try:
            watch = PairWatch(PairFiles(certificate, key or certificate), clock)
        except PairRefused as error:
            raise ValueError(f"--tls-certificate and --tls-key: {error}.") from None
        return Tls(watch, None, trusted)
    listened = (settings.listen.host, settings.gateway.host)
    names = names_of_this_machine(listened, settings.domain)
    own = folder / "self-signed.pem"
    folder.mkdir(mode=0o755, exist_ok=True)
    keep_self_signed(own, names, clock.now())
    return Tls(PairWatch(PairFiles(own, own), clock), names, trusted)


def require_no_plain_http(settings: Settings, *, speaks_tls: bool) -> None:
    """Raises ValueError where other machines would be spoken to in plain HTTP, unless that was
    asked for."""
    if settings.allow_plain_http:
        return
    if not settings.gateway_internal.is_loopback:
        raise ValueError(
            f"--gateway-internal {settings.gateway_internal} can be reached from other machines, "
            "and the internal gateway speaks plain HTTP. Choose an address of this machine alone, "
            "such as 127.0.0.1:0, or say --allow-plain-http."
        )
    if speaks_tls:
        return
    for option, address in (("--listen", settings.listen), ("--gateway", settings.gateway)):
        if not address.is_loopback:
            raise ValueError(
                f"{option} {address} can be reached from other machines, and would speak plain "
                f"HTTP to them. {_CURE}"
            )


def url_of(address: Address, tls: Tls | None) -> str:
    """Where others reach what listens there, if it can be under a name of the certificate."""
    if tls is None:
        return f"http://{address}"
    host = _named_host(address, tls)
    written = f"[{host}]" if ":" in host else host
    return f"https://{written}:{address.port}"


def local_url_of(address: Address, tls: Tls | None) -> str:
    """Where programs of this machine reach it, whatever names lead to."""
    scheme = "http" if tls is None else "https"
    parsed = ipaddress.ip_address(address.host)
    if not parsed.is_unspecified:
        return f"{scheme}://{address}"
    loopback = "127.0.0.1" if parsed.version == 4 else "::1"
    return f"{scheme}://{Address(loopback, address.port)}"


def _named_host(address: Address, tls: Tls) -> str:
    pair = tls.watch.pair
    if pair.names(address.host):
        return address.host
    hosts = [host for host in pair.hosts if not host.startswith("*.")]
    if address.is_loopback and "localhost" in hosts:
        return "localhost"
    remote = [host for host in hosts if host != "localhost"]
    addresses = [each for each in pair.addresses if not ipaddress.ip_address(each).is_loopback]
    return next(iter([*remote, *addresses]), address.host)
