"""Bearer tokens: JSON Web Tokens, signed with RS256, that API and gateway both verify."""

import json
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, get_args

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from windlass.identity.signing_keys import ALGORITHM, LIFETIME_SECONDS, SigningKey
from windlass.kit.clock import Clock
from windlass.kit.errors import Unauthorized
from windlass.kit.ids import new_id

AUDIENCE = "windlass"
"""Of tokens that API and gateway take."""
PASSWORD_CHANGE = "windlass:password-change"
"""The audience of tokens that are good for nothing but to choose a password."""
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


@dataclass(frozen=True, slots=True)
class SignedIn:
    """By what the tokens of one sign-in can be revoked before they end."""

    session_id: str
    """Of this one sign-in, whose tokens follow each other by refreshing."""
    generation: str
    """Of the account, key or application that signed in: see `identity.revocation`."""
    must_change_password: bool = False


@dataclass(frozen=True, slots=True)
class Presented:
    """What a request's token says."""

    caller: Caller
    signed_in: SignedIn
    expires_at: float


class Keys(Protocol):
    """Where signing keys come from."""

    def signing(self) -> SigningKey:
        """The key to sign with."""

    def verifying(self, key_id: str) -> rsa.RSAPublicKey | None:
        """The public key of that id."""

    def jwks(self) -> Mapping[str, Any]:
        """The public keys, as a JWK set."""


class TokenAuthority:
    """Issues and verifies the tokens of one platform. Thread-safe."""

    def __init__(self, keys: Keys, issuer: str, clock: Clock) -> None:
        self._keys = keys
        self._clock = clock
        self._cache: OrderedDict[str, Presented] = OrderedDict()
        self._lock = threading.Lock()
        self.issuer = issuer

    def issue(self, caller: Caller, signed_in: SignedIn | None = None) -> str:
        """A token for the caller, valid for `LIFETIME_SECONDS`."""
        session = signed_in or SignedIn(new_id(), new_id())
        now = int(self._clock.now())
        claims = {
            "iss": self.issuer,
            "aud": PASSWORD_CHANGE if session.must_change_password else AUDIENCE,
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
            "sid": session.session_id,
            "gen": session.generation,
        }
        key = self._keys.signing()
        return jwt.encode(
            claims,
            key.private_key,
            algorithm=ALGORITHM,
            headers={"kid": key.id},
            json_encoder=_PlainBase64Encoder,
        )

    def verify(self, token: str) -> Presented:
        """What the token says; whether it was revoked is not known here. Raises Unauthorized."""
        presented = self._cached(token) or self._decode(token)
        if self._clock.now() >= presented.expires_at:
            raise Unauthorized("The token has expired. Ask for a new one at /api/v1/token.")
        return presented

    def jwks(self) -> Mapping[str, Any]:
        """The public keys, as a JWK set (RFC 7517)."""
        return self._keys.jwks()

    def _cached(self, token: str) -> Presented | None:
        with self._lock:
            return self._cache.get(token)

    def _decode(self, token: str) -> Presented:
        try:
            key = self._keys.verifying(str(jwt.get_unverified_header(token)["kid"]))
            if key is None:
                raise ValueError("signed with no key of ours")
            claims = jwt.decode(
                token,
                key,
                algorithms=[ALGORITHM],
                issuer=self.issuer,
                audience=[AUDIENCE, PASSWORD_CHANGE],
                # Expiry is checked by the clock that tests set.
                options={"require": ["exp", "sub"], "verify_exp": False, "verify_iat": False},
            )
            presented = _presented(claims)
        except jwt.InvalidIssuerError:
            raise Unauthorized("Issuer is not familiar.") from None
        except (jwt.PyJWTError, KeyError, ValueError, TypeError):
            raise Unauthorized(
                "The token is not one of this platform's. Ask for one at /api/v1/token."
            ) from None
        with self._lock:
            self._cache[token] = presented
            if len(self._cache) > _CACHED_TOKENS:
                self._cache.popitem(last=False)
        return presented


def _presented(claims: Mapping[str, Any]) -> Presented:
    """Raises KeyError, ValueError or TypeError for claims that no `issue` wrote."""
    if claims["typ"] not in get_args(CallerType):
        raise ValueError(claims["typ"])
    caller = Caller(
        id=str(claims["sub"]),
        name=str(claims["email"]),
        type=claims["typ"],
        tenant_id=int(claims["tid"]),
        groups=tuple(str(group) for group in claims["groups"]),
        uid=claims["uid"],
        gid=claims["gid"],
        supplementary_gids=tuple(claims["supplementary_gids"]),
    )
    session = SignedIn(str(claims["sid"]), str(claims["gen"]), claims["aud"] == PASSWORD_CHANGE)
    return Presented(caller, session, float(claims["exp"]))


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
