"""Envoy's listeners. None is changed while it serves, since that would cut streams: what changes
(routes, keys, who may call) comes through discovery.

The outer listener finds the route, and sends what needs no further thought straight to a replica.
The rest takes a turn through an inner listener: requests that wait for a replica, that must show
a token, or whose body may take long. So most requests do not pay for filters they do not need.
"""

from typing import Any

from windlass.gateway.names import (
    GATE_CLUSTER,
    HOLD_FILTER,
    INNER_HEADER,
    LONGEST_SECONDS,
    ROUTE_KEY_FILTER,
    ROUTE_KEY_HEADER,
    SERVED,
    TOKEN_FILTER,
)

OUTER = "gateway"
HEADERS_SECONDS = 60
BUFFER_BYTES = 262_144
CONCURRENT_STREAMS = 1000

_EXTENSIONS = "type.googleapis.com/envoy.extensions"
_DISCOVERED: dict[str, Any] = {
    "ads": {},
    "resource_api_version": "V3",
    # Without the gate's word there is nothing to serve: wait for it.
    "initial_fetch_timeout": "0s",
}

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


def outer_listener(host: str, port: int) -> dict[str, Any]:
    """What clients connect to: HTTP/1.1, HTTP/2 without TLS, and WebSocket."""
    manager = {
        **_connection_manager(OUTER),
        "http_filters": [_route_key(), _router()],
        "early_header_mutation_extensions": _early(
            {"append": _header(ROUTE_KEY_HEADER, "%REQ(:authority)%")}, {"remove": INNER_HEADER}
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
        "name": OUTER,
        "address": {"socket_address": {"address": host, "port_value": port}},
        "per_connection_buffer_limit_bytes": BUFFER_BYTES,
        **_filter_chain(manager),
    }


def inner_listener(name: str, limit_seconds: float) -> dict[str, Any]:
    """What Envoy itself connects to, on a Unix socket: one for each time-out.

    The time-out of a route starts only when the request is complete. A listener's starts with the
    request and ends with the first byte of the answer, which is what is wanted.
    """
    manager = {
        **_connection_manager(name),
        "http_filters": [_token(), _hold(), _router()],
        "early_header_mutation_extensions": _early({"append": _header(INNER_HEADER, "yes")}),
        "skip_xff_append": True,
        "request_timeout": f"{limit_seconds:.3f}s",
    }
    return {
        "name": name,
        "address": {"pipe": {"path": f"{name}.sock", "mode": 0o600}},
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
        "http2_protocol_options": {
            "allow_connect": True,
            "max_concurrent_streams": CONCURRENT_STREAMS,
        },
        # A replica gets path and host as the client sent them.
        "normalize_path": False,
        "merge_slashes": False,
        "path_with_escaped_slashes_action": "KEEP_UNCHANGED",
        "server_header_transformation": "PASS_THROUGH",
        "local_reply_config": _local_replies(),
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


def _header(key: str, value: str) -> dict[str, Any]:
    return {
        "header": {"key": key, "value": value},
        "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
    }


def _route_key() -> dict[str, Any]:
    return {
        "name": ROUTE_KEY_FILTER,
        "typed_config": {
            "@type": f"{_EXTENSIONS}.filters.http.lua.v3.Lua",
            "default_source_code": {"inline_string": ROUTE_KEY_SCRIPT},
        },
    }


def _token() -> dict[str, Any]:
    return {
        "name": TOKEN_FILTER,
        "config_discovery": {
            "config_source": _DISCOVERED,
            "type_urls": [f"{_EXTENSIONS}.filters.http.jwt_authn.v3.JwtAuthentication"],
        },
    }


def _hold() -> dict[str, Any]:
    longest = f"{LONGEST_SECONDS}s"
    return {
        "name": HOLD_FILTER,
        "typed_config": {
            "@type": f"{_EXTENSIONS}.filters.http.ext_authz.v3.ExtAuthz",
            "transport_api_version": "V3",
            "failure_mode_allow": False,
            "status_on_error": {"code": "ServiceUnavailable"},
            # The gate needs to know whose request it is, not what is in it.
            "allowed_headers": {"patterns": [{"exact": ":authority"}]},
            "grpc_service": {
                "envoy_grpc": {"cluster_name": GATE_CLUSTER},
                "timeout": longest,
                # Else each check would end with the longest back-off, and be asked again.
                "initial_metadata": [
                    {
                        "key": "x-envoy-upstream-rq-per-try-timeout-ms",
                        "value": str(LONGEST_SECONDS * 1000),
                    }
                ],
                "retry_policy": {
                    "retry_on": "connect-failure,refused-stream,reset,unavailable,cancelled",
                    "num_retries": 100_000,
                    "retry_back_off": {"base_interval": "0.05s", "max_interval": "0.5s"},
                },
            },
        },
    }


def _router() -> dict[str, Any]:
    return {
        "name": "envoy.filters.http.router",
        "typed_config": {
            "@type": f"{_EXTENSIONS}.filters.http.router.v3.Router",
            "suppress_envoy_headers": True,
        },
    }


def _local_replies() -> dict[str, Any]:
    """Every answer of Envoy's own has the shape of the platform's errors."""
    return {
        "mappers": [
            _mapper(_status_is(408), "The request was not answered within its time-out.", 504),
            _mapper(_status_is(504), "The request was not answered within its time-out."),
            _mapper(_flags("NR"), "No workload is served at this address."),
            _mapper(_flags("UH", "UF", "UC", "URX"), "The replica did not answer.", 503),
            _mapper(_status_is(400), "The request is not valid HTTP: %RESPONSE_CODE_DETAILS%"),
        ],
        "body_format": _error_shape("%LOCAL_REPLY_BODY%"),
    }


def _mapper(condition: dict[str, Any], message: str, status: int | None = None) -> dict[str, Any]:
    mapper = {"filter": condition, "body_format_override": _error_shape(message)}
    return mapper if status is None else {**mapper, "status_code": status}


def _error_shape(message: str) -> dict[str, Any]:
    return {"json_format": {"code": "%RESPONSE_CODE%", "message": message}}


def _flags(*flags: str) -> dict[str, Any]:
    return {"response_flag_filter": {"flags": list(flags)}}


def _status_is(code: int) -> dict[str, Any]:
    value = {"default_value": code, "runtime_key": f"windlass.status.{code}"}
    return {"status_code_filter": {"comparison": {"op": "EQ", "value": value}}}
