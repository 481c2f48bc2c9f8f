"""What Envoy shows to clients that connect by TLS."""

from envoy.extensions.transport_sockets.tls.v3 import secret_pb2

from windlass.gateway.gate.discovery import SECRET, Discovery, Rejected, ResourceKey
from windlass.gateway.gate.store import Store
from windlass.gateway.gateway import Certificate
from windlass.gateway.names import CERTIFICATE_SECRET


class ServerCertificate:
    """The one certificate there is, or none. Only what Envoy has taken is kept, so that an Envoy
    which starts anew is never given what it would refuse."""

    def __init__(self, discovery: Discovery, store: Store) -> None:
        self._discovery = discovery
        self._store = store
        self._kept = store.load_certificate()
        self._wanted = self._kept
        self._publish(self._kept)

    @property
    def is_wanted(self) -> bool:
        """Whether clients outside are to be spoken to by TLS."""
        return self._wanted is not None

    @property
    def shown(self) -> str | None:
        """The fingerprint of what Envoy shows; None where it shows none."""
        if self._kept is None or not self._discovery.is_acknowledged(_KEY):
            return None
        return self._kept.fingerprint

    async def give(self, certificate: Certificate | None) -> None:
        """Return once Envoy shows it. Raises Rejected, and has the former one shown on."""
        self._wanted = certificate
        self._publish(certificate)
        if certificate is not None:
            try:
                await self._discovery.wait_until_acknowledged([_KEY])
            except Rejected:
                self._wanted = self._kept
                self._publish(self._kept)
                raise
        if certificate != self._kept:
            self._store.save_certificate(certificate)
            self._kept = certificate

    def _publish(self, certificate: Certificate | None) -> None:
        if certificate is None:
            self._discovery.withdraw(SECRET, CERTIFICATE_SECRET)
        else:
            self._discovery.publish(SECRET, CERTIFICATE_SECRET, _secret(certificate))


_KEY = ResourceKey(SECRET, CERTIFICATE_SECRET)


def _secret(certificate: Certificate) -> secret_pb2.Secret:
    built = secret_pb2.Secret(name=CERTIFICATE_SECRET)
    built.tls_certificate.certificate_chain.inline_string = certificate.chain
    built.tls_certificate.private_key.inline_string = certificate.key
    return built
