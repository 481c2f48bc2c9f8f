"""Envoy's filters for who may call: a token that counts, and where a list decides, what it says."""

from collections.abc import Sequence

from envoy.config.rbac.v3 import rbac_pb2
from envoy.extensions.filters.http.jwt_authn.v3 import config_pb2 as jwt_pb2
from envoy.extensions.filters.http.rbac.v3 import rbac_pb2 as filter_pb2
from envoy.type.matcher.v3 import metadata_pb2, value_pb2
from google.protobuf.message import Message

from windlass.gateway.gateway import Access, Callers
from windlass.gateway.names import (
    CALLERS_FILTER,
    CLAIM_HEADERS,
    CLAIMS,
    GROUPS_REQUIREMENT,
    TOKEN_FILTER,
    TOKEN_REQUIREMENT,
    USER_CLAIM,
)

TOKEN_METADATA = "envoy.filters.http.jwt_authn"
"""Where Envoy's filter of tokens leaves the claims, whatever name it goes by."""
GROUPS_CLAIM = "groups"


def caller_filters(callers: Callers) -> dict[str, Message]:
    """What the filters of an inner listener do on a route, by the filter's name."""
    if callers.access is Access.PUBLIC:
        return {}
    requirement = GROUPS_REQUIREMENT if callers.groups else TOKEN_REQUIREMENT
    token = jwt_pb2.PerRouteConfig(requirement_name=requirement)
    if callers.access is Access.AUTHENTICATED:
        return {TOKEN_FILTER: token}
    return {TOKEN_FILTER: token, CALLERS_FILTER: _listed(callers)}


def _listed(callers: Callers) -> filter_pb2.RBACPerRoute:
    policy = rbac_pb2.Policy()
    policy.permissions.add(any=True)
    policy.principals.extend(_principals(callers))
    built = filter_pb2.RBACPerRoute()
    built.rbac.rules.action = rbac_pb2.RBAC.ALLOW
    built.rbac.rules.policies["listed"].CopyFrom(policy)
    return built


def _principals(callers: Callers) -> Sequence[rbac_pb2.Principal]:
    users = [claims(USER_CLAIM, user, ignore_case=True) for user in callers.users]
    groups = [_member_of(group) for group in callers.groups]
    # A policy must name somebody; with empty lists it is nobody.
    return [*users, *groups] or [rbac_pb2.Principal(not_id=rbac_pb2.Principal(any=True))]


def claims(claim: str, text: str, *, ignore_case: bool = False) -> rbac_pb2.Principal:
    """Whose token has exactly this text for a claim, one of those that are left in headers."""
    principal = rbac_pb2.Principal()
    principal.header.name = CLAIM_HEADERS[claim]
    principal.header.string_match.exact = text
    principal.header.string_match.ignore_case = ignore_case
    return principal


def _member_of(group: str) -> rbac_pb2.Principal:
    value = value_pb2.ValueMatcher()
    value.list_match.one_of.string_match.exact = group
    matcher = metadata_pb2.MetadataMatcher(filter=TOKEN_METADATA, value=value)
    for key in (CLAIMS, GROUPS_CLAIM):
        matcher.path.add(key=key)
    principal = rbac_pb2.Principal()
    principal.sourced_metadata.metadata_matcher.CopyFrom(matcher)
    return principal
