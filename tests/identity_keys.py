"""Signing keys for tests that need no store."""

from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa

from windlass.identity.signing_keys import Keyring, SigningKey


class FixedKeys:
    """One key that signs for ever."""

    def __init__(self, key: SigningKey) -> None:
        self._ring = Keyring([key])

    def signing(self) -> SigningKey:
        return self._ring.signing(0.0)

    def verifying(self, key_id: str) -> rsa.RSAPublicKey | None:
        return self._ring.verifying(key_id, 0.0)

    def jwks(self) -> Mapping[str, Any]:
        return self._ring.jwks(0.0)
