"""Bearer tokens: JSON Web Tokens, signed with RS256, that API and gateway both verify."""

import json
import os
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from windlass.kit.clock import Clock
from windlass.kit.errors import Unauthorized
from windlass.kit.ids import new_id

LIFETIME_SECONDS = 3600
_ALGORITHM = "RS256"
_KEY_BITS = 2048
_CACHED_TOKENS = 4096


CallerType = Literal["user", "app"]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who makes a request."""

    id: str
    """Of the user or the application. Another one that takes the name later has another id."""
    name: str
    """The user's name or the application's client id: what `createdBy` says, and what names the
    subject of an access rule."""
    type: CallerType
    """An access key acts as its user."""
    tenant_id: int
    groups: tuple[str, ...] = ()
    """The user's groups when they signed in, as their identity provider names them."""
    uid: int | None = None
    """The user's number at their identity provider, where it tells one; so with the next two."""
    gid: int | None = None
    supplementary_gids: tuple[int, ...] = ()


class TokenAuthority:
    """Issues and verifies the tokens of one platform. Thread-safe."""

    def __init__(self, private_key: rsa.RSAPrivateKey, issuer: str, clock: Clock) -> None:
        self._private_key = private_key
        self._public_key = private_key.public_key()
        self._clock = clock
        self._cache: OrderedDict[str, tuple[Caller, float]] = OrderedDict()
        self._lock = threading.Lock()
        self.issuer = issuer

    def issue(self, caller: Caller) -> str:
        """A token for the caller, valid for `LIFETIME_SECONDS`."""
        now = int(self._clock.now())
        claims = {
            "iss": self.issuer,
            "sub": caller.id,
            "typ": caller.type,
            "tid": caller.tenant_id,
            "email": caller.name,
            "groups": list(caller.groups),
            "uid": caller.uid,
            "gid": caller.gid,
            "supplementary_gids": list(caller.supplementary_gids),
            "iat": now,
            "exp": now + LIFETIME_SECONDS,
            "jti": new_id(),
        }
        return jwt.encode(
            claims,
            self._private_key,
            algorithm=_ALGORITHM,
            headers={"kid": self._key_id()},
            json_encoder=_PlainBase64Encoder,
        )

    def verify(self, token: str) -> Caller:
        """Who presented the token. Raises Unauthorized."""
        caller, expires_at = self._cached(token) or self._decode(token)
        if self._clock.now() >= expires_at:
            raise Unauthorized("The token has expired. Ask for a new one at /api/v1/token.")
        return caller

    def jwks(self) -> Mapping[str, Any]:
        """The public keys, as a JWK set (RFC 7517)."""
        key = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self._public_key))
        return {"keys": [{**key, "kid": self._key_id(), "alg": _ALGORITHM, "use": "sig"}]}

    def _key_id(self) -> str:
        return f"{self._public_key.public_numbers().n & 0xFFFFFFFFFFFFFFFF:016x}"

    def _cached(self, token: str) -> tuple[Caller, float] | None:
        with self._lock:
            return self._cache.get(token)

    def _decode(self, token: str) -> tuple[Caller, float]:
        try:
            claims = jwt.decode(
                token,
                self._public_key,
                algorithms=[_ALGORITHM],
                issuer=self.issuer,
                # Expiry is checked by the clock that tests set.
                options={"require": ["exp", "sub"], "verify_exp": False, "verify_iat": False},
            )
            caller = _caller_of(claims)
            verified = caller, float(claims["exp"])
        except jwt.InvalidIssuerError:
            raise Unauthorized("Issuer is not familiar.") from None
        except (jwt.PyJWTError, KeyError, ValueError, TypeError):
            raise Unauthorized(
                "The token is not one of this platform's. Ask for one at /api/v1/token."
            ) from None
        with self._lock:
            self._cache[token] = verified
            if len(self._cache) > _CACHED_TOKENS:
                self._cache.popitem(last=False)
        return verified


def _caller_of(claims: Mapping[str, Any]) -> Caller:
    """Raises KeyError, ValueError or TypeError for claims that no `issue` wrote."""
    if claims["typ"] not in get_args(CallerType):
        raise ValueError(claims["typ"])
    return Caller(
        id=str(claims["sub"]),
        name=str(claims["email"]),
        type=claims["typ"],
        tenant_id=int(claims["tid"]),
        groups=tuple(str(group) for group in claims["groups"]),
        uid=claims["uid"],
        gid=claims["gid"],
        supplementary_gids=tuple(claims["supplementary_gids"]),
    )


def load_or_create_key(path: Path) -> rsa.RSAPrivateKey:
    """The signing key kept in a file that only its owner reads."""
    if not path.exists():
        _create_key(path)
    key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ValueError(f"{path} does not hold an RSA key")
    return key


def _create_key(path: Path) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=_KEY_BITS)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    partial = path.with_suffix(".partial")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(pem)
        file.flush()
        os.fsync(descriptor)
    partial.rename(path)


class _PlainBase64Encoder(json.JSONEncoder):
    """JSON whose base64url form is its base64 form, too.

    The vendor's client decodes the payload with the standard alphabet. In ASCII text only these
    four characters lead to a `-` or `_`.
    """

    def encode(self, o: Any) -> str:
        text = super().encode(o)
        for character in ">?~\x7f":
            text = text.replace(character, f"\\u{ord(character):04x}")
        return text
