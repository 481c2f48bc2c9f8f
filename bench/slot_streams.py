"""What serves the streams on which Envoy asks for slots: the gate's own server, grpcio, or h2.

Each request through an Envoy that does nothing else asks once and is answered at once. The
server's processor time a request is what tells them apart. `--quick` makes a short run.
"""

import argparse
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from bench.gateway_processes import (
    MEASURED_CORE,
    OTHER_CORE,
    minimal_envoy,
    replicas,
    start,
    wait_until_exists,
)
from bench.load import run_load
from bench.measuring import PAIRS, Report, cpu_seconds, interleaved, median_ratio

CONNECTIONS = 32
OURS, OTHERS = "gate", ("grpcio", "h2")
_EXTENSIONS = "type.googleapis.com/envoy.extensions"
_PROTOCOL = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a short run of everything")
    seconds = 1.0 if parser.parse_args().quick else 4.0
    report = Report(
        "slot_streams",
        {
            "connections": CONNECTIONS,
            "placement": f"Envoy on core {MEASURED_CORE}; servers, load and replicas "
            f"on core {OTHER_CORE}",
            "seconds a run": seconds,
            "pairs": PAIRS,
        },
    )
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        replica_port = stack.enter_context(replicas(folder, ("one",)))["one"]
        kinds = (OURS, *OTHERS)
        rates: dict[str, list[float]] = {kind: [] for kind in kinds}

        def cost(kind: str) -> Callable[[], float]:
            port, pid = stack.enter_context(_asking_envoy(folder, replica_port, kind))

            def measure() -> float:
                before = cpu_seconds(pid)
                load = run_load(
                    f"http://127.0.0.1:{port}/answer", seconds, CONNECTIONS, cores=[OTHER_CORE]
                )
                rates[kind].append(load.per_second)
                return (cpu_seconds(pid) - before) / (load.per_second * seconds) * 1e6

            return measure

        costs = dict(zip(kinds, interleaved([cost(kind) for kind in kinds]), strict=True))
    for kind in kinds:
        report.add(f"{kind}, processor time", statistics.median(costs[kind]), "us/request")
        report.add(f"{kind}, rate", statistics.median(rates[kind]), "requests/s")
    for kind in OTHERS:
        ratio = median_ratio(costs[kind], costs[OURS])
        report.add(f"{kind}, processor time of the gate's own", ratio, "times")
    report.finish()


@contextmanager
def _asking_envoy(folder: Path, replica_port: int, kind: str) -> Iterator[tuple[int, int]]:
    """An Envoy that asks a server of this kind; its port, and the server's process id."""
    socket = folder / f"{kind}.sock"
    argv = (sys.executable, "-m", "bench.slot_server", kind, str(socket))
    server = start(argv, Path.cwd(), OTHER_CORE)
    try:
        wait_until_exists(socket)
        with minimal_envoy(folder, replica_port, [_asking()], [_cluster(socket)]) as (port, _):
            yield port, server.pid
    finally:
        server.kill()
        server.wait()


def _asking() -> dict[str, Any]:
    """The filter, as far as it makes a difference to the server."""
    return {
        "name": "slots",
        "typed_config": {
            "@type": f"{_EXTENSIONS}.filters.http.ext_proc.v3.ExternalProcessor",
            "processing_mode": {
                "response_header_mode": "SKIP",
                # So that the stream lives as long as the request.
                "response_trailer_mode": "SEND",
            },
            "message_timeout": "60s",
            "grpc_service": {"envoy_grpc": {"cluster_name": "slots"}, "timeout": "60s"},
        },
    }


def _cluster(socket: Path) -> dict[str, Any]:
    endpoint = {"address": {"pipe": {"path": str(socket)}}}
    return {
        "name": "slots",
        "load_assignment": {
            "cluster_name": "slots",
            "endpoints": [{"lb_endpoints": [{"endpoint": endpoint}]}],
        },
        "typed_extension_protocol_options": {
            _PROTOCOL: {
                "@type": f"type.googleapis.com/{_PROTOCOL}",
                "explicit_http_config": {"http2_protocol_options": {}},
            }
        },
    }


if __name__ == "__main__":
    main()
