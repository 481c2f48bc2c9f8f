"""The gateway: what it costs beside a bare Envoy, and how fast a change takes effect.

`--quick` makes a short run of everything, to see that it works.
"""

import argparse
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

from bench.gateway_changes import endpoint_changed, percentile, workload_added
from bench.gateway_processes import (
    EPOCH,
    MEASURED_CORE,
    OTHER_CORE,
    WORKERS,
    MeasuredGateway,
    aiohttp_proxy,
    by_host,
    measured_gateway,
    minimal_envoy,
    replicas,
    route,
)
from bench.load import Load, run_load
from bench.measuring import (
    PAIRS,
    Report,
    cpu_seconds,
    interleaved,
    median_ratio,
    proportional_megabytes,
)
from bench.tokens import LISTED

FEW, MANY = 10, 1000
CONNECTIONS = 32


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a short run of everything")
    quick = parser.parse_args().quick
    seconds, changes = (1.0, 6) if quick else (4.0, 40)
    report = Report(
        "gateway",
        {
            "workloads": f"{FEW} and {MANY}",
            "Envoy worker threads": WORKERS,
            "placement": f"measured on core {MEASURED_CORE}, all else on core {OTHER_CORE}",
            "connections": CONNECTIONS,
            "seconds a run": seconds,
            "pairs": PAIRS,
            "changes": changes,
        },
    )
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        ports = stack.enter_context(replicas(folder, ("one", "two")))
        many = stack.enter_context(measured_gateway(folder / "many", MANY, ports["one"]))
        _add_throughput(report, folder, many, ports["one"], seconds)
        with measured_gateway(folder / "few", FEW, ports["one"]) as few:
            _add_changes(report, few, many, ports, changes)
        _add_memory(report, many)
        _add_killed_gate(report, many, ports, max(seconds, 2.0))
    report.finish()


def _add_throughput(
    report: Report, folder: Path, gateway: MeasuredGateway, replica_port: int, seconds: float
) -> None:
    gateway.client.put(route(5, replica_port, LISTED), EPOCH)
    signed_in = gateway.issuer.header()
    listed = by_host(5) | signed_in

    def load(port: int, path: str, headers: Mapping[str, str] | None = None) -> Load:
        address = f"http://127.0.0.1:{port}{path}"
        return run_load(address, seconds, CONNECTIONS, headers, cores=[OTHER_CORE])

    def rate(port: int, path: str, headers: Mapping[str, str] | None = None) -> float:
        return load(port, path, headers).per_second

    with ExitStack() as stack:
        minimal, minimal_pid = stack.enter_context(minimal_envoy(folder, replica_port))
        proxy = stack.enter_context(aiohttp_proxy(replica_port))
        subjects: list[Callable[[], float]] = [
            lambda: rate(minimal, "/answer"),
            lambda: rate(minimal, "/answer", signed_in),
            lambda: rate(gateway.port, "/answer", by_host(1)),
            lambda: rate(gateway.port, "/team/w1/answer"),
            lambda: rate(gateway.port, "/answer", listed),
            lambda: rate(gateway.port, "/team/w5/answer", signed_in),
            lambda: rate(proxy, "/answer"),
        ]
        bare, bare_token, host, path, token, token_path, python = interleaved(subjects)
        report.add("by host, of a minimal Envoy", median_ratio(host, bare), "ratio", ">= 0.9")
        report.add("by path, of a minimal Envoy", median_ratio(path, bare), "ratio", ">= 0.8")
        signed = "with a token and a list of callers"
        # A token makes a request three times as long, which an Envoy that does nothing with it
        # pays for, too.
        same = "of a minimal Envoy that is sent the same"
        report.add(f"{signed}, {same}", median_ratio(token, bare_token), "ratio", ">= 0.8")
        report.add(f"{signed}, by path, {same}", median_ratio(token_path, bare_token), "ratio")
        no_token = f"{signed}, of one that is sent no token"
        report.add(no_token, median_ratio(token, bare), "ratio", ">= 0.8")
        report.add("aiohttp proxy, of a minimal Envoy", median_ratio(python, bare), "ratio")
        for name, values in (
            ("minimal Envoy", bare),
            ("minimal Envoy, sent a token", bare_token),
            ("by host", host),
            ("by path", path),
            (signed, token),
            ("aiohttp proxy", python),
        ):
            report.add(name, statistics.median(values), "requests/s")

        def cost(pid: int, run: Callable[[], float]) -> float:
            before = cpu_seconds(pid)
            requests = run() * seconds
            return (cpu_seconds(pid) - before) / requests * 1e6

        envoy = gateway.envoy.pid
        costs = interleaved(
            [
                lambda: cost(minimal_pid, subjects[0]),
                lambda: cost(minimal_pid, subjects[1]),
                lambda: cost(envoy, subjects[2]),
                lambda: cost(envoy, subjects[3]),
                lambda: cost(envoy, subjects[4]),
            ]
        )
        names = ("minimal Envoy", "minimal Envoy, sent a token", "by host", "by path", signed)
        for name, values in zip(names, costs, strict=True):
            report.add(f"{name}, processor time", statistics.median(values), "us/request")


def _add_changes(
    report: Report,
    few: MeasuredGateway,
    many: MeasuredGateway,
    ports: Mapping[str, int],
    changes: int,
) -> None:
    kinds: tuple[tuple[str, str, Callable[[MeasuredGateway, int], list[float]]], ...] = (
        ("endpoint changed", "<= 10", lambda at, count: endpoint_changed(at, ports, count)),
        (
            "workload added",
            "<= 25",
            lambda at, count: workload_added(at, ports["one"], b"one", count),
        ),
    )
    for name, wanted, measure in kinds:
        taken: dict[int, list[float]] = {FEW: [], MANY: []}
        for _ in range(PAIRS):
            for workloads, gateway in ((FEW, few), (MANY, many)):
                taken[workloads] += measure(gateway, changes)
        middle = {workloads: statistics.median(values) for workloads, values in taken.items()}
        report.add(f"{name} among {MANY}, median", middle[MANY], "ms", wanted)
        report.add(f"{name} among {MANY}, 95th percentile", percentile(taken[MANY], 95), "ms")
        report.add(f"{name} among {FEW}, median", middle[FEW], "ms")
        report.add(f"{name}, {MANY} to {FEW}", middle[MANY] / middle[FEW], "ratio", "<= 1.5")


def _add_memory(report: Report, gateway: MeasuredGateway) -> None:
    for name, process, wanted in (
        (f"gate with {MANY} workloads", gateway.gate, "<= 70"),
        (f"Envoy with {MANY} workloads", gateway.envoy, ""),
    ):
        report.add(name, proportional_megabytes(process.pid), "MB (PSS)", wanted)


def _add_killed_gate(
    report: Report, gateway: MeasuredGateway, ports: Mapping[str, int], seconds: float
) -> None:
    """Under load one workload changes, the gate is killed, and another one changes."""
    address = f"http://127.0.0.1:{gateway.port}/team/w2/answer"
    seen: list[Load] = []
    loading = threading.Thread(target=lambda: seen.append(run_load(address, seconds, CONNECTIONS)))
    loading.start()
    time.sleep(seconds / 4)
    gateway.client.put(route(3, ports["two"]), EPOCH)
    gateway.restart_gate()
    began = time.perf_counter()
    gateway.client.put(route(4, ports["two"]), EPOCH)
    back = time.perf_counter() - began
    loading.join()
    report.add("requests while the gate was killed", seen[0].per_second * seconds, "requests")
    report.add("of these failed", seen[0].failed, "requests", "<= 0")
    report.add("killed gate, until the next change is done", back, "s")


if __name__ == "__main__":
    main()
