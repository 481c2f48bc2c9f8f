"""Signs tokens for the gateway to check."""

import time
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from windlass.gateway.gateway import Access, Callers, TokenTrust

ISSUER = "https://windlass.test"
SIGNED_IN = Callers(Access.AUTHENTICATED)


class Issuer:
    """Signs tokens with a key of its own."""

    def __init__(self, key_id: str) -> None:
        self._key_id = key_id
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    @property
    def public_key(self) -> dict[str, Any]:
        """As a JWK."""
        described = RSAAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        return {**described, "kid": self._key_id, "alg": "RS256", "use": "sig"}

    def token(self, **claims: Any) -> str:
        """Valid, but for what `claims` say; a claim that is None is left out."""
        all_claims = {"iss": ISSUER, "sub": "someone", "exp": time.time() + 600, **claims}
        given = {key: value for key, value in all_claims.items() if value is not None}
        return jwt.encode(given, self._key, "RS256", headers={"kid": self._key_id})


def trust_in(*issuers: Issuer) -> TokenTrust:
    """Trust in these keys."""
    return TokenTrust(ISSUER, {"keys": [issuer.public_key for issuer in issuers]})


def bearer(token: str) -> dict[str, str]:
    """The header that carries a token."""
    return {"Authorization": f"Bearer {token}"}
