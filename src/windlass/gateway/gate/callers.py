"""Envoy's filters for who may call: a token that counts, and where a list decides, what it says."""

from collections.abc import Sequence

from envoy.config.rbac.v3 import rbac_pb2
from envoy.extensions.filters.http.jwt_authn.v3 import config_pb2 as jwt_pb2
from envoy.extensions.filters.http.rbac.v3 import rbac_pb2 as filter_pb2
from envoy.type.matcher.v3 import metadata_pb2, value_pb2
from google.protobuf.message import Message

from windlass.gateway.gateway import Access, Callers
from windlass.gateway.names import CALLERS_FILTER, CLAIMS, TOKEN_FILTER, TOKEN_REQUIREMENT

TOKEN_METADATA = "envoy.filters.http.jwt_authn"
"""Where Envoy's filter of tokens leaves the claims, whatever name it goes by."""
USER_CLAIM = "email"
GROUPS_CLAIM = "groups"


def caller_filters(callers: Callers) -> dict[str, Message]:
    """What the filters of an inner listener do on a route, by the filter's name."""
    if callers.access is Access.PUBLIC:
        return {}
    token = jwt_pb2.PerRouteConfig(requirement_name=TOKEN_REQUIREMENT)
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
    users = [_claims(USER_CLAIM, _user(user)) for user in callers.users]
    groups = [_claims(GROUPS_CLAIM, _member_of(group)) for group in callers.groups]
    # A policy must name somebody; with empty lists it is nobody.
    return [*users, *groups] or [rbac_pb2.Principal(not_id=rbac_pb2.Principal(any=True))]


def claims(claim: str, text: str) -> rbac_pb2.Principal:
    """Whose token has exactly this text for a claim."""
    value = value_pb2.ValueMatcher()
    value.string_match.exact = text
    return _claims(claim, value)


def _claims(claim: str, value: value_pb2.ValueMatcher) -> rbac_pb2.Principal:
    matcher = metadata_pb2.MetadataMatcher(filter=TOKEN_METADATA, value=value)
    for key in (CLAIMS, claim):
        matcher.path.add(key=key)
    principal = rbac_pb2.Principal()
    principal.sourced_metadata.metadata_matcher.CopyFrom(matcher)
    return principal


def _user(name: str) -> value_pb2.ValueMatcher:
    value = value_pb2.ValueMatcher()
    value.string_match.exact = name
    value.string_match.ignore_case = True
    return value


def _member_of(group: str) -> value_pb2.ValueMatcher:
    value = value_pb2.ValueMatcher()
    value.list_match.one_of.string_match.exact = group
    return value
