"""Envoy's filter configuration for who counts as signed in."""

import base64
import json
import os
from collections.abc import Mapping
from typing import Any

from envoy.config.core.v3 import extension_pb2
from envoy.extensions.filters.http.jwt_authn.v3 import config_pb2

from windlass.gateway.gateway import TokenTrust
from windlass.gateway.names import (
    CLAIM_HEADERS,
    CLAIMS,
    GROUPS_REQUIREMENT,
    TOKEN_FILTER,
    TOKEN_REQUIREMENT,
)

CLOCK_SKEW_SECONDS = 1
NO_TRUST = TokenTrust(issuer="nobody", jwks={"keys": []})
"""Until the control plane has said whom to trust, no token counts."""
REMEMBERED_TOKENS = 1000
"""For each of Envoy's workers; until they expire, or whom to trust changes."""
_SECRET_BYTES = 32


def token_filter(trust: TokenTrust) -> extension_pb2.TypedExtensionConfig:
    """Two requirements that routes can name; a route that names none lets everyone pass."""
    authentication = config_pb2.JwtAuthentication()
    provider = _provider(trust)
    for name in (TOKEN_REQUIREMENT, GROUPS_REQUIREMENT):
        authentication.providers[name].CopyFrom(provider)
        authentication.requirement_map[name].provider_name = name
    authentication.providers[GROUPS_REQUIREMENT].payload_in_metadata = CLAIMS
    built = extension_pb2.TypedExtensionConfig(name=TOKEN_FILTER)
    built.typed_config.Pack(authentication, deterministic=True)
    return built


def _provider(trust: TokenTrust) -> config_pb2.JwtProvider:
    provider = config_pb2.JwtProvider()
    provider.issuer = trust.issuer
    if trust.audience is not None:
        provider.audiences.append(trust.audience)
    provider.require_expiration = True
    provider.clock_skew_seconds = CLOCK_SKEW_SECONDS
    provider.local_jwks.inline_string = json.dumps(_never_empty(trust.jwks), sort_keys=True)
    for claim, header in CLAIM_HEADERS.items():
        provider.claim_to_headers.add(claim_name=claim, header_name=header)
    # To check a signature costs more than all else of a small request.
    provider.jwt_cache_config.jwt_cache_size = REMEMBERED_TOKENS
    provider.from_headers.add(name="Authorization", value_prefix="Bearer ")
    return provider


def _never_empty(jwks: Mapping[str, Any]) -> Mapping[str, Any]:
    """Envoy refuses an empty key set; a secret that nobody knows lets as few pass."""
    if jwks.get("keys"):
        return jwks
    secret = base64.urlsafe_b64encode(os.urandom(_SECRET_BYTES)).rstrip(b"=").decode()
    return {"keys": [{"kty": "oct", "alg": "HS256", "k": secret}]}
