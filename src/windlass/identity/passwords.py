"""Secrets that only their owners know: made here, kept as Argon2 hashes."""

import hashlib
import hmac
import secrets
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

_hasher = PasswordHasher()


def new_secret() -> str:
    """A random secret of 192 bits."""
    return secrets.token_urlsafe(24)


def hash_password(password: str) -> str:
    """What to keep of a password, which its owner may have chosen."""
    return _hasher.hash(password)


def hash_secret(secret: str) -> str:
    """What to keep of a secret made by `new_secret`: too long to be guessed at any speed."""
    return hashlib.sha256(secret.encode()).hexdigest()


def is_secret(secret: str, stored_hash: str | None) -> bool:
    """Whether this is the secret; with no stored hash, False after the same effort."""
    return hmac.compare_digest(hash_secret(secret), stored_hash or "")


def is_password(password: str, stored_hash: str | None) -> bool:
    """Whether this is the password; with no stored hash, False after the same effort."""
    try:
        return _hasher.verify(stored_hash or _nobody(), password) and stored_hash is not None
    except (VerificationError, InvalidHashError):
        return False


@cache
def _nobody() -> str:
    """What is verified when an account does not exist, so that the answer takes as long."""
    return _hasher.hash(secrets.token_urlsafe(16))
