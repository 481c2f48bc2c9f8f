"""A token that the measured gateway accepts."""

import time
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from windlass.gateway.gateway import Access, Callers, TokenTrust

ISSUER = "https://windlass.bench"
USER = "someone@windlass.bench"
USER_ID = "0c1f9a52-6f6e-4f0b-9b8e-1c5a52f7d0aa"
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
        now = int(time.time())
        # As many and as long as the platform's own.
        claims = {
            "iss": ISSUER,
            "sub": USER_ID,
            "typ": "user",
            "tid": USER_ID,
            "email": USER,
            "groups": ["vision", "speech"],
            "uid": None,
            "gid": None,
            "supplementary_gids": [],
            "iat": now,
            "exp": now + 3600,
            "jti": USER_ID,
            "sid": USER_ID,
            "gen": USER_ID,
        }
        token = jwt.encode(claims, self._key, "RS256", headers={"kid": "bench"})
        return {"Authorization": f"Bearer {token}"}
