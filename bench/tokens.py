"""A token that the measured gateway accepts."""

import time
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from windlass.gateway.gateway import Access, Callers, TokenTrust

ISSUER = "https://windlass.bench"
USER = "someone@windlass.bench"
LISTED = Callers(Access.AUTHORIZED, users=("another@windlass.bench", USER))


class Issuer:
    """Signs with a key of its own."""

    def __init__(self) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    @property
    def trust(self) -> TokenTrust:
        """As the gateway is told of it."""
        described: dict[str, Any] = RSAAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        return TokenTrust(ISSUER, {"keys": [{**described, "kid": "bench", "alg": "RS256"}]})

    def header(self) -> dict[str, str]:
        """The header of a request by a listed user."""
        claims = {"iss": ISSUER, "sub": "someone", "email": USER, "exp": time.time() + 3600}
        token = jwt.encode(claims, self._key, "RS256", headers={"kid": "bench"})
        return {"Authorization": f"Bearer {token}"}
