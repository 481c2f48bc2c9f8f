"""Envoy's listeners. None is changed while it serves, since that would cut streams: what changes
(routes, keys, who may call) comes through discovery.

The outer and the internal listener find the route, check the token where the route wants one, and
send what needs no further thought straight to a replica. The rest takes a turn through an inner
listener, which checks the token itself: requests that wait for a replica, or whose body may take
long. So most requests do not pay for filters they do not need. A listener of its own for one route
does the same, without having to find it.

Where each request needs a slot, those whose end is in sight ask for it where they came in, wait for
it there, and then go straight, too: if their host is the workload's, so that their route is known
before their filters are chosen. One whose replica lets no connection in takes a turn through
the listener `again`, which sends it through an inner listener until a replica takes it.
"""

from typing import Any

from windlass.gateway.header_values import header_value
from windlass.gateway.local_replies import local_replies
from windlass.gateway.names import (
    ARRIVAL_FILTER,
    ARRIVAL_HEADER,
    CALLERS_FILTER,
    CERTIFICATE_SECRET,
    GATE_CLUSTER,
    HOLD_FILTER,
    INNER_HEADER,
    INTERNAL_HEADER,
    LONGEST_SECONDS,
    REVOKED_FILTER,
    ROUTE_KEY_FILTER,
    ROUTE_KEY_HEADER,
    SERVED,
    SIZE_HEADERS,
    SLOT_FILTER,
    SLOTS_CLUSTER,
    STRAIGHT_SLOT_FILTER,
    TOKEN_FILTER,
    UNREACHED_HEADER,
)

OUTER = "gateway"
INTERNAL = "internal"
AGAIN = "again"
HEADERS_SECONDS = 60
HANDSHAKE_SECONDS = 15
"""A client that takes longer to agree on TLS is sent away."""
BUFFER_BYTES = 262_144
"""A body that is larger cannot be sent once more, to another replica."""
INNER_BUFFER_BYTES = 65_536
"""On the way to an inner listener, where a smaller one is as fast, and those who wait take less."""
CONCURRENT_STREAMS = 1000
INNER_STREAM_BYTES = 131_072
"""How much of one request may be under way to an inner listener, where it shares a connection. That
of a connection is unbounded, so that requests that wait never block others."""
UNBOUNDED_WINDOW = 2**31 - 1
LONGEST_ANSWER_SECONDS = 3600
"""Envoy waits no longer for the word of an external processor."""

ASKED_AGAIN = {
    "retry_on": "connect-failure,refused-stream,reset,unavailable,cancelled",
    "num_retries": 100_000,
    "retry_back_off": {"base_interval": "0.05s", "max_interval": "0.5s"},
}
"""How Envoy asks a gate that dies, or its successor."""

_EXTENSIONS = "type.googleapis.com/envoy.extensions"
_DISCOVERED: dict[str, Any] = {
    "ads": {},
    "resource_api_version": "V3",
    # Without the gate's word there is nothing to serve: wait for it.
    "initial_fetch_timeout": "0s",
}

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

_HTTP2 = {"allow_connect": True, "max_concurrent_streams": CONCURRENT_STREAMS}

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
  local key, rest = headers:get(":path"):match("^(/[^/?]+/[^/?]+)(.*)$")
  if not key then return end
  headers:replace("{ROUTE_KEY_HEADER}", key)
  if rest:sub(1, 1) ~= "/" then rest = "/" .. rest end
  headers:replace(":path", rest)
  handle:clearRouteCache()
end
"""
"""Runs for requests whose host, as it stands, is no workload's: tries the host in lower case, then
the first two segments of the path, which it removes."""


def outer_listener(host: str, port: int, *, tls: bool) -> dict[str, Any]:
    """What clients connect to: HTTP/1.1, HTTP/2 and WebSocket, with TLS or without."""
    listener = _finding_listener(OUTER, host, port, {"remove": INTERNAL_HEADER})
    return _with_tls(listener) if tls else listener


def internal_listener(host: str, port: int) -> dict[str, Any]:
    """The same without TLS, for clients that may also reach what is internal."""
    mark = {"append": header_value(INTERNAL_HEADER, "yes")}
    return _finding_listener(INTERNAL, host, port, mark)


def address_listener(name: str, host: str, port: int, *, tls: bool) -> dict[str, Any]:
    """An address whose every request belongs to one route, which the name is the key of."""
    outside = {"remove": INTERNAL_HEADER}
    listener = {
        **_client_listener(name, host, port, name, _callers_checked(), outside),
        # Else another Envoy of the same user could listen there, too, and each get a part.
        "enable_reuse_port": False,
    }
    return _with_tls(listener) if tls else listener


def _with_tls(listener: dict[str, Any]) -> dict[str, Any]:
    """The same behind TLS. The certificate is discovered, by the very same words everywhere: those
    who ask otherwise for what Envoy has already are never answered."""
    context = {
        "@type": f"{_EXTENSIONS}.transport_sockets.tls.v3.DownstreamTlsContext",
        "common_tls_context": {
            "tls_params": {
                "tls_minimum_protocol_version": "TLSv1_2",
                "tls_maximum_protocol_version": "TLSv1_3",
            },
            "alpn_protocols": ["h2", "http/1.1"],
            "tls_certificate_sds_secret_configs": [
                {"name": CERTIFICATE_SECRET, "sds_config": _DISCOVERED}
            ],
        },
    }
    secured = {
        "transport_socket": {"name": "envoy.transport_sockets.tls", "typed_config": context},
        "transport_socket_connect_timeout": f"{HANDSHAKE_SECONDS}s",
    }
    chains = [{**chain, **secured} for chain in listener["filter_chains"]]
    return {**listener, "filter_chains": chains}


def _finding_listener(name: str, host: str, port: int, mark: dict[str, Any]) -> dict[str, Any]:
    """A listener that finds the route of each request by its host or path."""
    # What comes after the first goes by the route that it found.
    filters = [_route_key(), *_callers_checked()]
    return _client_listener(name, host, port, "%REQ(:authority)%", filters, mark)


def _client_listener(
    name: str,
    host: str,
    port: int,
    key: str,
    filters: list[dict[str, Any]],
    mark: dict[str, Any],
) -> dict[str, Any]:
    manager = {
        **_connection_manager(name),
        "http_filters": [*filters, _arrival(), _straight_slot(), _router()],
        "early_header_mutation_extensions": _early(
            {"append": header_value(ROUTE_KEY_HEADER, key)},
            {"remove": INNER_HEADER},
            {"remove": UNREACHED_HEADER},
            mark,
        ),
        # Clients are outside: their `x-envoy-…` headers count for nothing.
        "use_remote_address": True,
        "internal_address_config": {
            "unix_sockets": False,
            "cidr_ranges": [{"address_prefix": "255.255.255.255", "prefix_len": 32}],
        },
        "preserve_external_request_id": True,
        "request_headers_timeout": f"{HEADERS_SECONDS}s",
    }
    return {
        "name": name,
        "address": {"socket_address": {"address": host, "port_value": port}},
        "per_connection_buffer_limit_bytes": BUFFER_BYTES,
        **_filter_chain(manager),
    }


def inner_listener(name: str, limit_seconds: float) -> dict[str, Any]:
    """What Envoy itself connects to, within its memory: one for each time-out.

    The time-out of a route starts only when the request is complete. A listener's starts with the
    request and ends with the first byte of the answer, which is what is wanted.
    """
    manager = {
        **_connection_manager(name),
        "http_filters": [*_callers_checked(), _hold(), _slot(), _router()],
        "http2_protocol_options": {
            **_HTTP2,
            "initial_stream_window_size": INNER_STREAM_BYTES,
            "initial_connection_window_size": UNBOUNDED_WINDOW,
        },
        "early_header_mutation_extensions": _early({"append": header_value(INNER_HEADER, "yes")}),
        "skip_xff_append": True,
        "local_reply_config": local_replies(at_inner=True),
        "request_timeout": f"{limit_seconds:.3f}s",
    }
    return {
        "name": name,
        "internal_listener": {},
        "per_connection_buffer_limit_bytes": BUFFER_BYTES,
        **_filter_chain(manager),
    }


def again_listener() -> dict[str, Any]:
    """What Envoy sends requests to that went straight to a replica and did not reach it. Their way
    from here, through an inner listener, is tried again and again."""
    manager = {
        **_connection_manager(AGAIN),
        "http_filters": [_router()],
        "skip_xff_append": True,
    }
    return {
        "name": AGAIN,
        "internal_listener": {},
        "per_connection_buffer_limit_bytes": BUFFER_BYTES,
        **_filter_chain(manager),
    }


def _filter_chain(connection_manager: dict[str, Any]) -> dict[str, Any]:
    network_filter = {
        "name": "envoy.filters.network.http_connection_manager",
        "typed_config": connection_manager,
    }
    return {"filter_chains": [{"filters": [network_filter]}]}


def _connection_manager(name: str) -> dict[str, Any]:
    return {
        "@type": f"{_EXTENSIONS}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": name,
        "codec_type": "AUTO",
        "scoped_routes": _scoped_routes(),
        "upgrade_configs": [{"upgrade_type": "websocket"}],
        "http2_protocol_options": _HTTP2,
        # A replica gets path and host as the client sent them.
        "normalize_path": False,
        "merge_slashes": False,
        "path_with_escaped_slashes_action": "KEEP_UNCHANGED",
        "server_header_transformation": "PASS_THROUGH",
        "local_reply_config": local_replies(at_inner=False),
    }


def _scoped_routes() -> dict[str, Any]:
    return {
        "name": OUTER,
        "scope_key_builder": {
            "fragments": [
                {
                    "header_value_extractor": {
                        "name": ROUTE_KEY_HEADER,
                        # A host's port does not count.
                        "element_separator": ":",
                        "index": 0,
                    }
                }
            ]
        },
        "rds_config_source": _DISCOVERED,
        "scoped_rds": {"scoped_rds_config_source": _DISCOVERED},
    }


def _early(*mutations: dict[str, Any]) -> list[dict[str, Any]]:
    """Changes to a request's headers before its route is looked for."""
    return [
        {
            "name": "envoy.http.early_header_mutation.header_mutation",
            "typed_config": {
                "@type": f"{_EXTENSIONS}.http.early_header_mutation.header_mutation.v3"
                ".HeaderMutation",
                "mutations": list(mutations),
            },
        }
    ]


def _route_key() -> dict[str, Any]:
    return {
        "name": ROUTE_KEY_FILTER,
        "typed_config": {
            "@type": f"{_EXTENSIONS}.filters.http.lua.v3.Lua",
            "default_source_code": {"inline_string": ROUTE_KEY_SCRIPT},
        },
    }


def _callers_checked() -> list[dict[str, Any]]:
    """Filters that let everybody pass where a route does not say otherwise."""
    return [_token(), _revoked(), _callers()]


def _token() -> dict[str, Any]:
    return {
        "name": TOKEN_FILTER,
        "config_discovery": {
            "config_source": _DISCOVERED,
            "type_urls": [f"{_EXTENSIONS}.filters.http.jwt_authn.v3.JwtAuthentication"],
        },
    }


def _revoked() -> dict[str, Any]:
    return {
        "name": REVOKED_FILTER,
        "config_discovery": {
            "config_source": _DISCOVERED,
            "type_urls": [f"{_EXTENSIONS}.filters.http.rbac.v3.RBAC"],
        },
    }


def _callers() -> dict[str, Any]:
    return {
        "name": CALLERS_FILTER,
        "typed_config": {"@type": f"{_EXTENSIONS}.filters.http.rbac.v3.RBAC"},
    }


def _hold() -> dict[str, Any]:
    return {
        "name": HOLD_FILTER,
        "typed_config": {
            "@type": f"{_EXTENSIONS}.filters.http.ext_authz.v3.ExtAuthz",
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


def _slot() -> dict[str, Any]:
    """Asks for a slot where a route does not say otherwise."""
    return _asking_for_slot(SLOT_FILTER, SLOT_PROCESSING)


def _straight_slot() -> dict[str, Any]:
    """Asks for a slot where a route wants one."""
    return {**_asking_for_slot(STRAIGHT_SLOT_FILTER, SLOT_PROCESSING), "disabled": True}


def _asking_for_slot(name: str, processing: dict[str, Any]) -> dict[str, Any]:
    """A gate that dies fails nothing that has its slot, since without the metadata that a grant
    brings no route leads to a replica."""
    return {
        "name": name,
        "typed_config": {
            "@type": f"{_EXTENSIONS}.filters.http.ext_proc.v3.ExternalProcessor",
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


def _arrival() -> dict[str, Any]:
    """Says when a request arrived, where a route wants it."""
    return {
        "name": ARRIVAL_FILTER,
        "typed_config": {"@type": f"{_EXTENSIONS}.filters.http.header_mutation.v3.HeaderMutation"},
        "disabled": True,
    }


def _headers(*names: str) -> dict[str, Any]:
    return {"patterns": [{"exact": name} for name in names]}


def _patient_gate() -> dict[str, Any]:
    """The gate, which is asked again when it dies, for as long as it takes."""
    longest = f"{LONGEST_SECONDS}s"
    return {
        "envoy_grpc": {"cluster_name": GATE_CLUSTER},
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


def _router() -> dict[str, Any]:
    return {
        "name": "envoy.filters.http.router",
        "typed_config": {
            "@type": f"{_EXTENSIONS}.filters.http.router.v3.Router",
            "suppress_envoy_headers": True,
        },
    }
