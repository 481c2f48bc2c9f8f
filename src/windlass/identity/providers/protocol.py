"""What is said between the platform and a provider: OpenID Connect Core 1.0, code flow with PKCE.

Every function here waits for the network.
"""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

_TIMEOUT = httpx.Timeout(10.0, connect=3.0)
_LEEWAY_SECONDS = 60
_ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"]
"""No symmetric one, and not `none`: the provider signs with a key that is its own."""


class ProviderFailed(Exception):
    """The provider does not answer, or not as the standard says."""


@dataclass(frozen=True, slots=True)
class ProviderMetadata:
    """What a provider's discovery document says."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """The platform, as a provider knows it."""

    client_id: str
    client_secret: str
    scopes: tuple[str, ...]
    discovery_url: str


def discover(discovery_url: str) -> ProviderMetadata:
    """Read a provider's discovery document. Raises ProviderFailed."""
    found = _get_json(discovery_url)
    try:
        userinfo = found.get("userinfo_endpoint")
        return ProviderMetadata(
            issuer=str(found["issuer"]),
            authorization_endpoint=str(found["authorization_endpoint"]),
            token_endpoint=str(found["token_endpoint"]),
            jwks_uri=str(found["jwks_uri"]),
            userinfo_endpoint=None if userinfo is None else str(userinfo),
        )
    except KeyError as missing:
        raise ProviderFailed(
            f"{discovery_url} is no discovery document: it has no {missing}"
        ) from None


def authorization_url(
    party: RelyingParty, *, redirect_uri: str, state: str, nonce: str, code_verifier: str
) -> str:
    """Where a browser is to be sent. Raises ProviderFailed."""
    metadata = discover(party.discovery_url)
    with _session(party, redirect_uri) as session:
        url, _ = session.create_authorization_url(
            metadata.authorization_endpoint, state=state, nonce=nonce, code_verifier=code_verifier
        )
    return str(url)


def exchange_code(
    party: RelyingParty, *, code: str, redirect_uri: str, nonce: str, code_verifier: str
) -> tuple[Mapping[str, Any], str]:
    """The verified claims of whoever came back with `code`, and their access token there.

    Raises ProviderFailed.
    """
    metadata = discover(party.discovery_url)
    with _session(party, redirect_uri) as session:
        try:
            granted = session.fetch_token(
                metadata.token_endpoint, code=code, code_verifier=code_verifier
            )
        except Exception as error:
            # Authlib raises its own errors and those of the HTTP library, of no common kind.
            raise ProviderFailed(f"the provider gave no token: {error}") from error
    if not isinstance(granted.get("id_token"), str):
        raise ProviderFailed("the provider gave no ID token; is the scope openid among its scopes?")
    claims = _verified(party, metadata, granted["id_token"], nonce)
    return claims, str(granted.get("access_token", ""))


def verify_id_token(party: RelyingParty, id_token: str) -> Mapping[str, Any]:
    """The claims of an ID token that a program got from the provider. Raises ProviderFailed."""
    return _verified(party, discover(party.discovery_url), id_token, None)


def user_info(party: RelyingParty, access_token: str) -> Mapping[str, Any]:
    """What the provider tells of a user beyond the ID token. Raises ProviderFailed."""
    endpoint = discover(party.discovery_url).userinfo_endpoint
    if endpoint is None or not access_token:
        return {}
    return _get_json(endpoint, {"Authorization": f"Bearer {access_token}"})


def _verified(
    party: RelyingParty, metadata: ProviderMetadata, id_token: str, nonce: str | None
) -> Mapping[str, Any]:
    try:
        keys = KeySet.import_key_set(_get_json(metadata.jwks_uri))  # type: ignore[arg-type]
        token = jwt.decode(id_token, keys, algorithms=_ALGORITHMS)
        wanted: dict[str, Any] = {
            "iss": {"essential": True, "value": metadata.issuer},
            "aud": {"essential": True, "value": party.client_id},
            "exp": {"essential": True},
            "sub": {"essential": True},
        }
        if nonce is not None:
            wanted["nonce"] = {"essential": True, "value": nonce}
        jwt.JWTClaimsRegistry(leeway=_LEEWAY_SECONDS, **wanted).validate(token.claims)
    except (JoseError, ValueError, TypeError) as error:
        raise ProviderFailed(f"the ID token does not count: {error}") from error
    return dict(token.claims)


def _session(party: RelyingParty, redirect_uri: str) -> Any:
    with warnings.catch_warnings():
        # Authlib names its next HTTP library at import; the present one is supported.
        warnings.simplefilter("ignore")
        from authlib.integrations.httpx_client import OAuth2Client
    return OAuth2Client(
        client_id=party.client_id,
        client_secret=party.client_secret,
        scope=" ".join(party.scopes),
        redirect_uri=redirect_uri,
        code_challenge_method="S256",
        timeout=_TIMEOUT,
    )


def _get_json(url: str, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
    try:
        answer = httpx.get(url, headers=dict(headers or {}), timeout=_TIMEOUT)
        answer.raise_for_status()
        body = answer.json()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise ProviderFailed(f"{url} cannot be read: {error}") from error
    if not isinstance(body, dict):
        raise ProviderFailed(f"{url} does not answer with a JSON object")
    return body
