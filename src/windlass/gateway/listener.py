"""Envoy's listeners. None is changed while it serves, since that would cut streams: what changes
(routes, keys, who may call) comes through discovery.

The outer and the internal listener find the route, check the token where the route wants one, and
send what needs no further thought straight to a replica. The rest takes a turn through an inner
listener, which checks the token itself: requests that wait for a replica, or whose body may take
long. So most requests do not pay for filters they do not need. A listener of its own for one route
does the same, without having to find it.

Where each request needs a slot, those whose end is in sight ask for it where they came in, wait for
it there, and then go straight, too. One whose replica lets no connection in takes a turn through
the listener `again`, which sends it through an inner listener until a replica takes it.
"""

from typing import Any

from windlass.gateway.filters import (
    DISCOVERED,
    EXTENSIONS,
    arrival,
    callers_checked,
    hold,
    lent_slot,
    route_key,
    router,
    slot,
    straight_slot,
    upload,
)
from windlass.gateway.header_values import header_value
from windlass.gateway.local_replies import local_replies
from windlass.gateway.names import (
    ASKS_HEADER,
    CERTIFICATE_SECRET,
    INNER_HEADER,
    INTERNAL_HEADER,
    ROUTE_KEY_HEADER,
    UNREACHED_HEADER,
)

OUTER = "gateway"
INTERNAL = "internal"
AGAIN = "again"
HEADERS_SECONDS = 60
HANDSHAKE_SECONDS = 15
"""A client that takes longer to agree on TLS is sent away."""
CLIENT_BUFFER_BYTES = 524_288
"""Of what a client sends: with less, large bodies take more of the processor; with more, they take
more of its caches."""
BUFFER_BYTES = 262_144
"""Within Envoy, where those who wait take as much."""
KEPT_BYTES = 8_388_608
"""Of a body whose way is tried again: more than can be on its way to a replica that lets no
connection in."""
INNER_BUFFER_BYTES = 65_536
"""On the way to an inner listener, where a smaller one is as fast, and those who wait take less."""
CONCURRENT_STREAMS = 1000
INNER_STREAM_BYTES = 131_072
"""How much of one request may be under way to an inner listener, where it shares a connection. That
of a connection is unbounded, so that requests that wait never block others."""
UNBOUNDED_WINDOW = 2**31 - 1
_HTTP2 = {"allow_connect": True, "max_concurrent_streams": CONCURRENT_STREAMS}


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
        **_client_listener(name, host, port, name, callers_checked(), outside),
        # Else another Envoy of the same user could listen there, too, and each get a part.
        "enable_reuse_port": False,
    }
    return _with_tls(listener) if tls else listener


def _with_tls(listener: dict[str, Any]) -> dict[str, Any]:
    """The same behind TLS. The certificate is discovered, by the very same words everywhere: those
    who ask otherwise for what Envoy has already are never answered."""
    context = {
        "@type": f"{EXTENSIONS}.transport_sockets.tls.v3.DownstreamTlsContext",
        "common_tls_context": {
            "tls_params": {
                "tls_minimum_protocol_version": "TLSv1_2",
                "tls_maximum_protocol_version": "TLSv1_3",
            },
            "alpn_protocols": ["h2", "http/1.1"],
            "tls_certificate_sds_secret_configs": [
                {"name": CERTIFICATE_SECRET, "sds_config": DISCOVERED}
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
    filters = [route_key(), *callers_checked()]
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
        "http_filters": [
            *filters,
            arrival(),
            *lent_slot(),
            straight_slot(),
            *upload(by_slot=True),
            router(),
        ],
        "early_header_mutation_extensions": _early(
            {"append": header_value(ROUTE_KEY_HEADER, key)},
            {"remove": INNER_HEADER},
            {"remove": UNREACHED_HEADER},
            {"remove": ASKS_HEADER},
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
        "per_connection_buffer_limit_bytes": CLIENT_BUFFER_BYTES,
        **_filter_chain(manager),
    }


def inner_listener(name: str, limit_seconds: float) -> dict[str, Any]:
    """What Envoy itself connects to, within its memory: one for each time-out.

    The time-out of a route starts only when the request is complete. A listener's starts with the
    request and ends with the first byte of the answer, which is what is wanted.
    """
    manager = {
        **_connection_manager(name),
        "http_filters": [*callers_checked(), hold(), slot(), *upload(), router()],
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
        "http_filters": [*upload(kept_bytes=KEPT_BYTES), router()],
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
        "@type": f"{EXTENSIONS}.filters.network.http_connection_manager.v3.HttpConnectionManager",
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
        "rds_config_source": DISCOVERED,
        "scoped_rds": {"scoped_rds_config_source": DISCOVERED},
    }


def _early(*mutations: dict[str, Any]) -> list[dict[str, Any]]:
    """Changes to a request's headers before its route is looked for."""
    return [
        {
            "name": "envoy.http.early_header_mutation.header_mutation",
            "typed_config": {
                "@type": f"{EXTENSIONS}.http.early_header_mutation.header_mutation.v3"
                ".HeaderMutation",
                "mutations": list(mutations),
            },
        }
    ]
