"""The keys that tokens are signed with, and how one follows another.

A new key is published some time before it signs, so that everybody who verifies knows it by then,
and for as long as a token lives after it has signed its last.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from sqlalchemy import Connection, delete, insert, select

from windlass.identity.tables import signing_key
from windlass.identity.trust import trust_changed
from windlass.kit.clock import Clock
from windlass.kit.database import Database
from windlass.kit.ids import new_id
from windlass.kit.sealing import Seal

ALGORITHM = "RS256"
LIFETIME_SECONDS = 3600
"""Of a token."""
ROTATION_SECONDS = 30 * 24 * 3600.0
"""How long one key signs."""
ANNOUNCEMENT_SECONDS = 3600.0
"""How long a key is published before it signs."""
GRACE_SECONDS = 60.0
"""Clocks differ, and a process may sign a little longer with the key that it knows."""
_KEY_BITS = 2048
_RELOAD_SECONDS = 10.0
_UNKNOWN_KEY_RELOAD_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class SigningKey:
    """One key pair."""

    id: str
    private_key: rsa.RSAPrivateKey
    signs_from: float


class Keyring:
    """The keys of one platform at one moment; never changes."""

    def __init__(self, keys: Sequence[SigningKey]) -> None:
        """There must be one at least."""
        self._keys = sorted(keys, key=lambda key: key.signs_from)

    def signing(self, now: float) -> SigningKey:
        """The newest of those that may sign."""
        begun = [key for key in self._keys if key.signs_from <= now]
        return begun[-1] if begun else self._keys[0]

    def verifying(self, key_id: str, now: float) -> rsa.RSAPublicKey | None:
        """The public half of a key whose tokens may still be valid, or will be."""
        for key in self._published(now):
            if key.id == key_id:
                return key.private_key.public_key()
        return None

    def jwks(self, now: float) -> Mapping[str, Any]:
        """The public keys, as a JWK set (RFC 7517)."""
        return {"keys": [_as_jwk(key) for key in self._published(now)]}

    def needs_new_key(self, now: float) -> bool:
        """Whether the next key is due to be published."""
        return now >= self._keys[-1].signs_from + ROTATION_SECONDS - ANNOUNCEMENT_SECONDS

    def ended(self, now: float) -> list[str]:
        """The ids of keys whose last token is over."""
        published = self._published(now)
        return [key.id for key in self._keys if key not in published]

    def _published(self, now: float) -> list[SigningKey]:
        followers = [*self._keys[1:], None]
        return [
            key
            for key, follower in zip(self._keys, followers, strict=True)
            if follower is None or now < follower.signs_from + LIFETIME_SECONDS + GRACE_SECONDS
        ]


class StoredKeys:
    """The keyring in the store, as one process knows it. Thread-safe."""

    def __init__(self, database: Database, seal: Seal, clock: Clock) -> None:
        self._database = database
        self._seal = seal
        self._clock = clock
        self._opened: dict[str, SigningKey] = {}
        self._ring: Keyring | None = None
        self._read_at = 0.0

    def signing(self) -> SigningKey:
        """The key to sign with."""
        return self._at_most_old(_RELOAD_SECONDS).signing(self._clock.now())

    def verifying(self, key_id: str) -> rsa.RSAPublicKey | None:
        """The public key of that id; None where there is none (any more)."""
        now = self._clock.now()
        found = self._at_most_old(_RELOAD_SECONDS).verifying(key_id, now)
        return found or self._at_most_old(_UNKNOWN_KEY_RELOAD_SECONDS).verifying(key_id, now)

    def jwks(self) -> Mapping[str, Any]:
        """The public keys, as a JWK set."""
        return self._at_most_old(_UNKNOWN_KEY_RELOAD_SECONDS).jwks(self._clock.now())

    def rotate(self) -> bool:
        """Add the next key and remove ended ones, where it is time; whether anything changed."""
        now = self._clock.now()
        ring = self._read()
        ended = ring.ended(now)
        added = new_key(now + ANNOUNCEMENT_SECONDS) if ring.needs_new_key(now) else None
        if not ended and added is None:
            return False

        def change(connection: Connection) -> None:
            connection.execute(delete(signing_key).where(signing_key.c.id.in_(ended)))
            if added is not None:
                store_key(connection, added, self._seal)
            trust_changed(connection)

        self._database.write(change)
        self._read()
        return True

    def _at_most_old(self, seconds: float) -> Keyring:
        ring = self._ring
        if ring is None or self._clock.monotonic() - self._read_at >= seconds:
            ring = self._read()
        return ring

    def _read(self) -> Keyring:
        read_at = self._clock.monotonic()
        with self._database.read() as connection:
            rows = connection.execute(select(signing_key)).all()
        for row in rows:
            if row.id not in self._opened:
                private_key = _from_pem(self._seal.open(row.sealed_private_key))
                self._opened[row.id] = SigningKey(row.id, private_key, row.signs_from)
        self._ring = Keyring([self._opened[row.id] for row in rows])
        self._read_at = read_at
        return self._ring


def new_key(signs_from: float) -> SigningKey:
    """A fresh key pair. Takes a tenth of a second."""
    private_key = rsa.generate_private_key(public_exponent=65537, key_size=_KEY_BITS)
    return SigningKey(new_id(), private_key, signs_from)


def store_key(connection: Connection, key: SigningKey, seal: Seal) -> None:
    """Keep a key."""
    pem = key.private_key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    values = {
        "id": key.id,
        "sealed_private_key": seal.seal(pem),
        "signs_from": key.signs_from,
    }
    connection.execute(insert(signing_key).values(**values))


def require_first_key(database: Database, seal: Seal, clock: Clock, former: Path) -> None:
    """Make sure that there is a key: the one in the file of former versions, or a new one.

    Raises Unsealable where the keys were sealed by somebody else.
    """
    with database.read() as connection:
        kept = connection.execute(select(signing_key.c.sealed_private_key).limit(1)).scalar()
    if kept is not None:
        seal.open(kept)
    else:
        key = new_key(clock.now())
        if former.exists():
            key = SigningKey(key.id, _from_pem(former.read_bytes()), key.signs_from)
        database.write(lambda connection: store_key(connection, key, seal))
    former.unlink(missing_ok=True)


def _from_pem(pem: bytes) -> rsa.RSAPrivateKey:
    key = serialization.load_pem_private_key(pem, password=None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ValueError("the signing key is not an RSA key")
    return key


def _as_jwk(key: SigningKey) -> dict[str, Any]:
    public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.private_key.public_key()))
    return {**public, "kid": key.id, "alg": ALGORITHM, "use": "sig"}
