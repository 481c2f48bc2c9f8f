"""Secrets that only their owners know: made here, kept as Argon2 hashes."""

import secrets
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

_hasher = PasswordHasher()


def new_secret() -> str:
    """A random secret of 192 bits."""
    return secrets.token_urlsafe(24)


def hash_secret(secret: str) -> str:
    """What to keep of a secret."""
    return _hasher.hash(secret)


def matches(secret: str, stored_hash: str | None) -> bool:
    """Whether this is the secret; with no stored hash, False after the same effort."""
    try:
        return _hasher.verify(stored_hash or _nobody(), secret) and stored_hash is not None
    except (VerificationError, InvalidHashError):
        return False


@cache
def _nobody() -> str:
    """What is verified when an account does not exist, so that the answer takes as long."""
    return _hasher.hash(secrets.token_urlsafe(16))
