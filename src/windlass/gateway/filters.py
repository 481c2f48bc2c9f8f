"""Envoy's HTTP filters, as listeners chain them. Routes say what these do for their requests."""

from typing import Any

from windlass.gateway.envoy_module import MODULE, module_directory
from windlass.gateway.names import (
    ARRIVAL_FILTER,
    ARRIVAL_HEADER,
    ASKS,
    ASKS_AT_LENGTH,
    ASKS_HEADER,
    CALLERS_FILTER,
    ERA,
    HOLD_FILTER,
    HOLDS_CLUSTER,
    INNER_HEADER,
    LENT_SLOT_FILTER,
    LONGEST_SECONDS,
    REMAINING_HEADER,
    REVOKED_FILTER,
    ROUTE_KEY_FILTER,
    ROUTE_KEY_HEADER,
    SERVED,
    SIZE_HEADERS,
    SLOT,
    SLOT_FILTER,
    SLOTS_CLUSTER,
    STRAIGHT_SLOT_FILTER,
    TOKEN_FILTER,
    TOO_LATE,
    UPLOAD_FILTER,
)

EXTENSIONS = "type.googleapis.com/envoy.extensions"
_MATCHER = "type.googleapis.com/envoy.type.matcher.v3"
DISCOVERED: dict[str, Any] = {
    "ads": {},
    "resource_api_version": "V3",
    # Without the gate's word there is nothing to serve: wait for it.
    "initial_fetch_timeout": "0s",
}
MODULE_CONFIGURATION = {"name": MODULE, "do_not_close": True}
LONGEST_ANSWER_SECONDS = 3600
"""Envoy waits no longer for the word of an external processor."""

ASKED_AGAIN = {
    "retry_on": "connect-failure,refused-stream,reset,unavailable,cancelled",
    "num_retries": 100_000,
    "retry_back_off": {"base_interval": "0.05s", "max_interval": "0.5s"},
}
"""How Envoy asks a gate that dies, or its successor."""

SLOT_PROCESSING = {
    "request_header_mode": "SEND",
    "response_header_mode": "SKIP",
    "request_body_mode": "NONE",
    "response_body_mode": "NONE",
    "request_trailer_mode": "SKIP",
    "response_trailer_mode": "SEND",
}
"""What the gate is told of a request that needs a slot. The stream lives until its answer ended,
since it asks to be told of trailers."""
UPLOAD_PROCESSING = {**SLOT_PROCESSING, "response_header_mode": "SEND"}
"""The same where the gate must know whether the answer has begun, since it ends what takes longer
than its time-out."""

ROUTE_KEY_SCRIPT = f"""
function envoy_on_request(handle)
  local headers = handle:headers()
  local authority = headers:get(":authority")
  local host = authority:lower()
  if host ~= authority then
    headers:replace("{ROUTE_KEY_HEADER}", host)
    handle:clearRouteCache()
    if handle:metadata():get("{SERVED}") then return end
  end
  local key, rest = headers:get(":path"):match("^(/[^/?:]+/[^/?:]+)(.*)$")
  if not key or rest:sub(1, 1) == ":" then return end
  headers:replace("{ROUTE_KEY_HEADER}", key)
  if rest:sub(1, 1) ~= "/" then rest = "/" .. rest end
  headers:replace(":path", rest)
  handle:clearRouteCache()
end
"""
"""Runs for requests whose host, as it stands, is no workload's: tries the host in lower case, then
the first two segments of the path, which it removes. They have no colon, behind which a key ends as
a host does."""


def route_key() -> dict[str, Any]:
    """Finds the route of a request whose host is no workload's."""
    return {
        "name": ROUTE_KEY_FILTER,
        "typed_config": {
            "@type": f"{EXTENSIONS}.filters.http.lua.v3.Lua",
            "default_source_code": {"inline_string": ROUTE_KEY_SCRIPT},
        },
    }


def callers_checked() -> list[dict[str, Any]]:
    """Filters that let everybody pass where a route does not say otherwise."""
    return [_token(), _revoked(), _callers()]


def hold() -> dict[str, Any]:
    """Asks whether a replica is there, where a route wants it, and waits for the answer."""
    return {
        "name": HOLD_FILTER,
        "typed_config": {
            "@type": f"{EXTENSIONS}.filters.http.ext_authz.v3.ExtAuthz",
            "transport_api_version": "V3",
            "failure_mode_allow": False,
            # What was wanted when the request came may be otherwise by now.
            "clear_route_cache": True,
            "status_on_error": {"code": "ServiceUnavailable"},
            # The gate needs to know whose request it is and how large, not what is in it.
            "allowed_headers": _headers(":authority", *SIZE_HEADERS),
            "grpc_service": _patient_gate(),
        },
    }


def slot() -> dict[str, Any]:
    """Asks for a slot where a route does not say otherwise."""
    return _asking_for_slot(SLOT_FILTER, SLOT_PROCESSING)


def lent_slot() -> list[dict[str, Any]]:
    """Lets a request in that is marked as one that needs a slot, where its route has been lent one,
    and takes the mark off. Nothing on machines that `envoy_module` is not built for."""
    words = (ASKS_HEADER, ASKS_AT_LENGTH, REMAINING_HEADER, SLOT_FILTER, SLOT, ERA, TOO_LATE)
    return _of_module(LENT_SLOT_FILTER, "\n".join(words))


def upload(*, kept_bytes: int = 0, by_slot: bool = False) -> list[dict[str, Any]]:
    """Has Envoy keep what has come of a body until there is a connection to a replica, so that it
    can be sent to another; or so much of it whether there is or not. With `by_slot`, only requests
    with a slot go to a replica from here. Nothing where `lent_slot` is nothing: there, Envoy keeps
    as much as its buffers have room for."""
    words = (str(kept_bytes), *((SLOT_FILTER, SLOT) if by_slot else ()))
    return _of_module(UPLOAD_FILTER, "\n".join(words))


def _of_module(name: str, said: str) -> list[dict[str, Any]]:
    if module_directory() is None:
        return []
    configuration = {
        "@type": f"{EXTENSIONS}.filters.http.dynamic_modules.v3.DynamicModuleFilter",
        "dynamic_module_config": MODULE_CONFIGURATION,
        "filter_name": name,
        "filter_config": {
            "@type": "type.googleapis.com/google.protobuf.StringValue",
            "value": said,
        },
    }
    return [{"name": name, "typed_config": configuration}]


def straight_slot() -> dict[str, Any]:
    """Asks for a slot where a request is marked as one that needs it.

    What asks is made for such requests alone: this is there for every request whose route is not
    known at once, and to make it costs more than to find the route.
    """
    asking = {
        mark: {"action": _instead(_asking_for_slot(STRAIGHT_SLOT_FILTER, processing))}
        for mark, processing in ((ASKS, SLOT_PROCESSING), (ASKS_AT_LENGTH, UPLOAD_PROCESSING))
    }
    header = {"@type": f"{_MATCHER}.HttpRequestHeaderMatchInput", "header_name": ASKS_HEADER}
    placeholder = {"@type": f"{EXTENSIONS}.filters.http.composite.v3.Composite"}
    return {
        "name": STRAIGHT_SLOT_FILTER,
        "typed_config": {
            "@type": f"{EXTENSIONS}.common.matching.v3.ExtensionWithMatcher",
            "extension_config": {"name": STRAIGHT_SLOT_FILTER, "typed_config": placeholder},
            "xds_matcher": {
                "matcher_tree": {
                    "input": {"name": "header", "typed_config": header},
                    "exact_match_map": {"map": asking},
                }
            },
        },
    }


def arrival() -> dict[str, Any]:
    """Says when a request arrived, where a route wants it."""
    return {
        "name": ARRIVAL_FILTER,
        "typed_config": {"@type": f"{EXTENSIONS}.filters.http.header_mutation.v3.HeaderMutation"},
    }


def router() -> dict[str, Any]:
    """Sends a request where its route says."""
    return {
        "name": "envoy.filters.http.router",
        "typed_config": {
            "@type": f"{EXTENSIONS}.filters.http.router.v3.Router",
            "suppress_envoy_headers": True,
        },
    }


def _token() -> dict[str, Any]:
    return _discovered(TOKEN_FILTER, "jwt_authn.v3.JwtAuthentication")


def _revoked() -> dict[str, Any]:
    return _discovered(REVOKED_FILTER, "rbac.v3.RBAC")


def _discovered(name: str, kind: str) -> dict[str, Any]:
    """A filter whose configuration the gate tells."""
    return {
        "name": name,
        "config_discovery": {
            "config_source": DISCOVERED,
            "type_urls": [f"{EXTENSIONS}.filters.http.{kind}"],
        },
    }


def _callers() -> dict[str, Any]:
    return {
        "name": CALLERS_FILTER,
        "typed_config": {"@type": f"{EXTENSIONS}.filters.http.rbac.v3.RBAC"},
    }


def _instead(made: dict[str, Any]) -> dict[str, Any]:
    """The action to make this filter in the place of another."""
    kind = f"{EXTENSIONS}.filters.http.composite.v3.ExecuteFilterAction"
    return {"name": "instead", "typed_config": {"@type": kind, "typed_config": made}}


def _asking_for_slot(name: str, processing: dict[str, Any]) -> dict[str, Any]:
    """A gate that dies fails nothing that has its slot, since without the metadata that a grant
    brings no route leads to a replica."""
    return {
        "name": name,
        "typed_config": {
            "@type": f"{EXTENSIONS}.filters.http.ext_proc.v3.ExternalProcessor",
            "failure_mode_allow": True,
            "processing_mode": processing,
            "message_timeout": f"{LONGEST_ANSWER_SECONDS}s",
            # The time that is left to the replica is told in a header of Envoy's.
            "mutation_rules": {"allow_envoy": True},
            "forward_rules": {
                "allowed_headers": _headers(INNER_HEADER, ARRIVAL_HEADER, *SIZE_HEADERS)
            },
            "metadata_options": {"receiving_namespaces": {"untyped": [SLOT_FILTER]}},
            # That it is asked again when it dies, its cluster says: here, Envoy would read the
            # words anew for each request.
            "grpc_service": {
                "envoy_grpc": {"cluster_name": SLOTS_CLUSTER, "skip_envoy_headers": True}
            },
        },
    }


def _patient_gate() -> dict[str, Any]:
    """The gate, which is asked again when it dies, for as long as it takes."""
    longest = f"{LONGEST_SECONDS}s"
    return {
        "envoy_grpc": {"cluster_name": HOLDS_CLUSTER},
        "timeout": longest,
        # Else each question would end with the longest back-off, and be asked again.
        "initial_metadata": [
            {
                "key": "x-envoy-upstream-rq-per-try-timeout-ms",
                "value": str(LONGEST_SECONDS * 1000),
            }
        ],
        "retry_policy": ASKED_AGAIN,
    }


def _headers(*names: str) -> dict[str, Any]:
    return {"patterns": [{"exact": name} for name in names]}
