"""What it costs to know the traffic, and to hold requests that have no replica.

`--quick` makes a short run of everything, to see that it works.
"""

import argparse
import http.client
import selectors
import socket
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from bench.gateway_processes import (
    EPOCH,
    WORKERS,
    MeasuredGateway,
    measured_gateway,
    replicas,
    route,
)
from bench.measuring import Report, cpu_seconds, proportional_megabytes
from windlass.gateway.gate.room import BODY_BYTES, REQUEST_BYTES

WORKLOADS = 1000
LARGE_BODY = 5_000_000
_PATIENCE_SECONDS = 120.0


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a short run of everything")
    quick = parser.parse_args().quick
    readings, held, large = (5, 200, 20) if quick else (40, 5000, 300)
    report = Report(
        "traffic",
        {
            "workloads": f"{WORKLOADS}, each with one replica and traffic",
            "Envoy worker threads": WORKERS,
            "readings": readings,
            "held requests": f"{held} without a body, {large} of {LARGE_BODY:,} bytes",
        },
    )
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        port = stack.enter_context(replicas(folder, ("one",)))["one"]
        with measured_gateway(folder / "many", WORKLOADS, port) as many:
            _add_readings(report, many, readings)
        for name, count, size in (("small", held, 0), ("large", large, LARGE_BODY)):
            with measured_gateway(folder / name, 1, port) as gateway:
                _add_held(report, gateway, port, count, size)
    report.finish()


def _add_readings(report: Report, gateway: MeasuredGateway, readings: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port)
    for number in range(WORKLOADS):
        connection.request("GET", f"/team/w{number}/answer")
        connection.getresponse().read()
    connection.close()
    gateway.client.traffic()
    processes = {"Envoy": gateway.envoy.pid, "the gate": gateway.gate.pid}
    before = {name: cpu_seconds(pid) for name, pid in processes.items()}
    asking = time.process_time()
    for _ in range(readings):
        gateway.client.traffic()
    asking = time.process_time() - asking
    used = {name: cpu_seconds(pid) - before[name] for name, pid in processes.items()}
    for name, seconds in {**used, "who asks": asking}.items():
        report.add(f"one reading, {name}", seconds / readings * 1e3, "ms of a core")
    whole = sum(used.values()) + asking
    report.add("read once a second, all", whole / readings * 100, "% of a core", "<= 10")


def _add_held(report: Report, gateway: MeasuredGateway, port: int, count: int, body: int) -> None:
    what = f"of {body:,} bytes" if body else "without a body"
    gateway.client.put(replace(route(0, port), endpoints=()), EPOCH)
    processes = (gateway.envoy.pid, gateway.gate.pid)
    before = sum(map(proportional_megabytes, processes))
    with _Clients(gateway.port, count, body) as clients:
        clients.push_until(lambda: _held(gateway) == count)
        # What fits into buffers goes there a little after a request is held.
        clients.push_for(3.0)
        taken = (sum(map(proportional_megabytes, processes)) - before) / count * 1e6
        bound = REQUEST_BYTES + min(body, BODY_BYTES)
        name = f"one held request {what}"
        report.add(name, taken / 1e3, "kB (PSS)", f"<= {bound / 1e3:g}")
        if not body:
            began = time.perf_counter()
            gateway.client.put(route(0, port), EPOCH)
            answered = clients.answered()
            report.add(f"{count} held, until all are answered", time.perf_counter() - began, "s")
            report.add("of these failed", count - answered, "requests", "<= 0")


def _held(gateway: MeasuredGateway) -> int:
    return sum(gateway.client.status()["held"].values())


class _Clients:
    """So many connections, each with one request; for one thread."""

    def __init__(self, port: int, count: int, body: int) -> None:
        head = f"POST /team/w0/answer HTTP/1.1\r\nHost: bench\r\nContent-Length: {body}\r\n\r\n"
        request = memoryview(head.encode() + bytes(body))
        self._selector = selectors.DefaultSelector()
        self._unsent: dict[socket.socket, memoryview] = {}
        for _ in range(count):
            connected = socket.create_connection(("127.0.0.1", port))
            connected.setblocking(False)
            self._unsent[connected] = request
            self._selector.register(connected, selectors.EVENT_WRITE)

    def __enter__(self) -> "_Clients":
        return self

    def __exit__(self, *_: object) -> None:
        self._selector.close()
        for connected in self._unsent:
            connected.close()

    def push_until(self, condition: Callable[[], bool]) -> None:
        """Send whatever is taken, until the condition holds."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not condition():
            assert time.monotonic() < deadline, "the requests were not all held"
            self.push_for(0.2)

    def push_for(self, seconds: float) -> None:
        """Send whatever is taken, for a while."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for key, _ in self._selector.select(0.05):
                connected = key.fileobj
                assert isinstance(connected, socket.socket)
                unsent = self._unsent[connected]
                unsent = unsent[connected.send(unsent[:65_536]) :]
                self._unsent[connected] = unsent
                if not unsent:
                    self._selector.unregister(connected)

    def answered(self) -> int:
        """How many get the answer 200; all must have been sent."""
        count = 0
        for connected in self._unsent:
            connected.setblocking(True)
            connected.settimeout(_PATIENCE_SECONDS)
            count += connected.recv(65_536).startswith(b"HTTP/1.1 200")
        return count


if __name__ == "__main__":
    main()
