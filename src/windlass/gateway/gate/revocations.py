"""Envoy's filter for tokens that were revoked before they end: a list of what they carry.

It stands behind the filter of tokens, which leaves claims of a valid one for it, and does
nothing on routes that ask for no token. The policy's name tells its refusals from others, so that
they are answered with 401 rather than Envoy's 403.
"""

from envoy.config.core.v3 import extension_pb2
from envoy.config.rbac.v3 import rbac_pb2
from envoy.extensions.filters.http.rbac.v3 import rbac_pb2 as filter_pb2

from windlass.gateway.gate.callers import claims
from windlass.gateway.gateway import TokenTrust
from windlass.gateway.names import (
    GENERATION_CLAIM,
    REVOKED_FILTER,
    REVOKED_POLICY,
    SESSION_CLAIM,
)


def revocation_filter(trust: TokenTrust) -> extension_pb2.TypedExtensionConfig:
    """Refuses tokens whose session or generation is listed."""
    built = filter_pb2.RBAC()
    if trust.revoked:
        # Without rules at all it costs next to nothing.
        built.rules.action = rbac_pb2.RBAC.DENY
        policy = built.rules.policies[REVOKED_POLICY]
        policy.permissions.add(any=True)
        for name in trust.revoked:
            for claim in (SESSION_CLAIM, GENERATION_CLAIM):
                policy.principals.append(claims(claim, name))
    packed = extension_pb2.TypedExtensionConfig(name=REVOKED_FILTER)
    packed.typed_config.Pack(built, deterministic=True)
    return packed
