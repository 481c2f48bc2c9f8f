"""What a request costs in Envoy: the instructions that its worker executes, outside the kernel.

Callgrind counts them. Unlike times and rates, the number is the same in every run, within one in
three hundred, whatever else the machine does; what it leaves out is the kernel's part, which is
alike for all.
"""

import argparse
import http.client
import re
import subprocess
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from bench.gateway_processes import EPOCH, by_host, measured_gateway, minimal_envoy, replicas, route
from bench.measuring import Report
from bench.programs import ensure_program
from bench.tokens import LISTED

CALLGRIND = ("valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null")
CONNECTIONS = 4
WARM_UP = 100
PLAIN, TOKEN, LIMITED = 1, 2, 3
WORKLOADS = 4


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a short run of everything")
    requests = 50 if parser.parse_args().quick else 400
    ensure_program("valgrind")
    report = Report("envoy_instructions", {"requests": requests, "workloads": WORKLOADS})
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        port = stack.enter_context(replicas(folder, ("one",)))["one"]
        with measured_gateway(folder / "gateway", WORKLOADS, port, CALLGRIND) as gateway:
            gateway.client.put(route(TOKEN, port, LISTED), EPOCH)
            gateway.client.put(replace(route(LIMITED, port), concurrency_limit=100), EPOCH)
            signed_in = gateway.issuer.header()
            envoy = _Envoy(gateway.envoy.pid, gateway.port, requests)
            costs = {
                "by host": envoy.cost("/answer", by_host(PLAIN)),
                "by path": envoy.cost(f"/team/w{PLAIN}/answer"),
                "with a token": envoy.cost("/answer", by_host(TOKEN) | signed_in),
                "with a token, by path": envoy.cost(f"/team/w{TOKEN}/answer", signed_in),
                "limited": envoy.cost("/answer", by_host(LIMITED)),
                "limited, by path": envoy.cost(f"/team/w{LIMITED}/answer"),
            }
        minimal_port, pid = stack.enter_context(minimal_envoy(folder, port, under=CALLGRIND))
        minimal = _Envoy(pid, minimal_port, requests)
        bare, bare_token = minimal.cost("/answer"), minimal.cost("/answer", signed_in)
    report.add("minimal Envoy", bare, "instructions")
    report.add("minimal Envoy, sent a token", bare_token, "instructions")
    for name, cost in costs.items():
        report.add(name, cost, "instructions")
        same = bare_token if "token" in name else bare
        report.add(f"{name}, of a minimal Envoy that is sent the same", same / cost, "ratio")
    report.finish()


class _Envoy:
    """One that callgrind runs."""

    def __init__(self, pid: int, port: int, requests: int) -> None:
        self._pid = pid
        self._requests = requests
        self._connections = [
            http.client.HTTPConnection("127.0.0.1", port) for _ in range(CONNECTIONS)
        ]

    def cost(self, path: str, headers: Mapping[str, str] | None = None) -> float:
        """Instructions a request."""
        self._send(WARM_UP, path, headers or {})
        before = self._executed()
        self._send(self._requests, path, headers or {})
        return (self._executed() - before) / self._requests

    def _send(self, requests: int, path: str, headers: Mapping[str, str]) -> None:
        for number in range(requests):
            connection = self._connections[number % CONNECTIONS]
            connection.request("GET", path, headers=dict(headers))
            with connection.getresponse() as answer:
                if answer.status != 200:
                    raise AssertionError(f"{path} was answered {answer.status}")
                answer.read()

    def _executed(self) -> int:
        """By the worker: the busiest thread but the first."""
        argv = ["callgrind_control", "-e", "-s", str(self._pid)]
        told = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
        threads = dict(re.findall(r"^\s*Th (\d+)\s+([\d,]+)\s*$", told, re.MULTILINE))
        threads.pop("1")
        return max(int(executed.replace(",", "")) for executed in threads.values())


if __name__ == "__main__":
    main()
