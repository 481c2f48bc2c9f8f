"""What a limit on the requests of each replica costs: every request asks the gate for a slot.

`--quick` makes a short run of everything, to see that it works.
"""

import argparse
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from bench.gateway_processes import (
    EPOCH,
    MEASURED_CORE,
    OTHER_CORE,
    MeasuredGateway,
    aiohttp_proxy,
    by_host,
    free_port,
    measured_gateway,
    minimal_envoy,
    replicas,
    route,
    start,
    wait_until_listening,
)
from bench.load import Load, run_load
from bench.measuring import PAIRS, Report, cpu_seconds, interleaved, median_ratio

CONNECTIONS = 32
LARGE_CONNECTIONS = 8
LARGE_PAIRS = 11
"""More than of others, and shorter: these differ most with what the memory is busy with."""
LIMIT = 8
LARGE_BYTES = 1_000_000
PLAIN, LIMITED, LARGE_PLAIN, LARGE_LIMITED = 0, 1, 2, 3
ENOUGH_PER_SECOND, ENOUGH_OF_PYTHON = 1500, 0.3


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a short run of everything")
    seconds = 1.0 if parser.parse_args().quick else 4.0
    report = Report(
        "concurrency_limit",
        {
            "limit": f"{LIMIT} requests of one replica",
            "connections": f"{CONNECTIONS}; {LARGE_CONNECTIONS} with large bodies",
            "large bodies": f"{LARGE_BYTES} bytes",
            "placement": f"Envoy and proxy on core {MEASURED_CORE}; "
            f"the gate, load and replicas on core {OTHER_CORE}",
            "seconds a run": seconds,
            "pairs": f"{PAIRS}; {LARGE_PAIRS} of half as long with large bodies",
        },
    )
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        port = stack.enter_context(replicas(folder, ("one",)))["one"]
        large_port = stack.enter_context(_large_replica())
        gateway = stack.enter_context(measured_gateway(folder / "gateway", 1, port))
        for number, replica_port in ((LIMITED, port), (LARGE_LIMITED, large_port)):
            limited = replace(route(number, replica_port), concurrency_limit=LIMIT)
            gateway.client.put(limited, EPOCH)
        gateway.client.put(route(LARGE_PLAIN, large_port), EPOCH)
        _add_small(report, gateway, port, seconds)
        _add_large(report, folder, gateway, large_port, seconds)
    report.finish()


def _add_small(report: Report, gateway: MeasuredGateway, replica_port: int, seconds: float) -> None:
    def load(port: int, number: int, connections: int) -> Load:
        url = f"http://127.0.0.1:{port}/answer"
        return run_load(url, seconds, connections, by_host(number), cores=[OTHER_CORE])

    def p50(number: int) -> Callable[[], float]:
        return lambda: load(gateway.port, number, 1).p50_ms

    def rate(port: int) -> Callable[[], float]:
        return lambda: load(port, LIMITED, CONNECTIONS).per_second

    plain, limited = interleaved([p50(PLAIN), p50(LIMITED)])
    report.add("p50 at one connection, without a limit", statistics.median(plain), "ms")
    report.add("p50 at one connection, limited", statistics.median(limited), "ms")
    added = [slow - fast for slow, fast in zip(limited, plain, strict=True)]
    report.add("added by the limit, p50", statistics.median(added), "ms", "<= 1")
    with aiohttp_proxy(replica_port) as proxy:
        python, limited = interleaved([rate(proxy), rate(gateway.port)])
    per_second, ratio = statistics.median(limited), median_ratio(limited, python)
    report.add("limited", per_second, "requests/s")
    report.add("limited, of an aiohttp proxy", ratio, "ratio")
    enough = max(per_second / ENOUGH_PER_SECOND, ratio / ENOUGH_OF_PYTHON)
    report.add(
        f"limited, of {ENOUGH_PER_SECOND}/s or {ENOUGH_OF_PYTHON} of the proxy",
        enough,
        "ratio",
        ">= 1",
    )


def _add_large(
    report: Report, folder: Path, gateway: MeasuredGateway, replica_port: int, seconds: float
) -> None:
    upload = folder / "upload.lua"
    upload.write_text(f'wrk.method = "POST"\nwrk.body = string.rep("x", {LARGE_BYTES})\n')
    large_seconds = max(1.0, seconds / 2)
    envoy = gateway.envoy.pid
    direct = f"http://127.0.0.1:{gateway.port}/large"
    by_path = f"http://127.0.0.1:{gateway.port}/team/w{LARGE_LIMITED}/large"
    with minimal_envoy(folder, replica_port) as (minimal_port, minimal_pid):
        ways = {
            # Next to each other what is compared: the machine may be slower a moment later.
            "without a limit": (envoy, direct, by_host(LARGE_PLAIN)),
            "minimal Envoy": (minimal_pid, f"http://127.0.0.1:{minimal_port}/large", {}),
            "limited": (envoy, direct, by_host(LARGE_LIMITED)),
            "limited, by path": (envoy, by_path, {}),
        }

        def rate(name: str, script: str | None, costs: dict[str, list[float]]) -> float:
            pid, url, headers = ways[name]
            before = cpu_seconds(pid)
            load = run_load(url, large_seconds, LARGE_CONNECTIONS, headers, [OTHER_CORE], script)
            taken = cpu_seconds(pid) - before
            costs[name].append(taken / (load.per_second * large_seconds) * 1e6)
            return load.per_second

        for kind, script in (("answers", None), ("uploads", str(upload))):
            costs: dict[str, list[float]] = {name: [] for name in ways}
            subjects = [partial(rate, name, script, costs) for name in ways]
            rates = dict(zip(ways, interleaved(subjects, LARGE_PAIRS), strict=True))
            for name, values in rates.items():
                report.add(f"large {kind}, {name}", statistics.median(values), "requests/s")
            for name, values in costs.items():
                cost = f"large {kind}, {name}, processor time"
                report.add(cost, statistics.median(values), "us/request")
            minimal = rates["minimal Envoy"]
            for name, wanted in (("limited", ">= 0.8"), ("limited, by path", "")):
                ratio = median_ratio(rates[name], minimal)
                report.add(f"large {kind}, {name}, of a minimal Envoy", ratio, "ratio", wanted)


@contextmanager
def _large_replica() -> Iterator[int]:
    port = free_port()
    argv = (sys.executable, "-m", "bench.large_replica", str(port), str(LARGE_BYTES))
    process = start(argv, Path.cwd(), OTHER_CORE)
    try:
        wait_until_listening(port)
        yield port
    finally:
        process.kill()
        process.wait()


if __name__ == "__main__":
    main()
