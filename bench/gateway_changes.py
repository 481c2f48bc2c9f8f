"""How long a change takes until requests feel it."""

import http.client
import statistics
import threading
import time
from collections.abc import Mapping

from bench.gateway_processes import EPOCH, MeasuredGateway, route
from windlass.gateway.gateway import Route

_LIMIT_SECONDS = 10.0


def endpoint_changed(
    gateway: MeasuredGateway, ports: Mapping[str, int], changes: int
) -> list[float]:
    """Milliseconds from asking for a workload's other replica to its first answer."""
    names = list(ports)
    taken = []
    for number in range(changes):
        name = names[(number + 1) % len(names)]
        taken.append(_until(gateway, route(1, ports[name]), name.encode()))
    return taken


def workload_added(gateway: MeasuredGateway, port: int, answer: bytes, changes: int) -> list[float]:
    """Milliseconds from asking for a workload to its first answer."""
    taken = []
    for number in range(changes):
        added = route(1_000_000 + number, port)
        taken.append(_until(gateway, added, answer))
        gateway.client.remove(added.workload_id, EPOCH)
    return taken


def percentile(values: list[float], percent: int) -> float:
    """Such as the 95th."""
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def _until(gateway: MeasuredGateway, wanted: Route, answer: bytes) -> float:
    """Ask without pause, on one connection, while a change is made, until its replica answers."""
    path = f"{wanted.path_prefix}/"
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=_LIMIT_SECONDS)
    connection.request("GET", path)
    connection.getresponse().read()
    changing = threading.Thread(target=gateway.client.put, args=(wanted, EPOCH))
    started = time.perf_counter()
    changing.start()
    while True:
        connection.request("GET", path)
        if connection.getresponse().read() == answer:
            break
        if time.perf_counter() - started > _LIMIT_SECONDS:
            raise TimeoutError(f"The change at {path} did not take effect.")
    elapsed = time.perf_counter() - started
    changing.join()
    connection.close()
    return elapsed * 1000
