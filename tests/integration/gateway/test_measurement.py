"""Known traffic through a real Envoy, measured from its counters."""

import asyncio
import socket
import threading
import time
from contextlib import ExitStack
from statistics import mean

import aiohttp
import pytest
from websockets.sync.client import connect

from tests.integration.gateway.replica import Replica
from tests.integration.gateway.running import EPOCH, RunningGateway, route
from windlass.gateway.measurement import Measurement, TrafficMeter

RATE = 100
SECONDS = 0.05
WEB_SOCKETS = 10
NOTICED_WITHIN = 20
"""Readings; two where the machine is quiet."""


class SteadyLoad:
    """A client that sends so many requests a second, evenly, whether or not they are answered."""

    def __init__(self, address: str) -> None:
        self.spans: list[tuple[float, float]] = []
        """When each request was sent and answered, by the monotonic clock."""
        self._address = address
        self._finished = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._send()))

    def __enter__(self) -> "SteadyLoad":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._finished.set()
        self._thread.join(30)

    async def _send(self) -> None:
        connector = aiohttp.TCPConnector(limit=0)
        async with (
            aiohttp.ClientSession(connector=connector) as session,
            asyncio.TaskGroup() as all_,
        ):
            began, number = time.monotonic(), 0
            while not self._finished.is_set():
                all_.create_task(self._ask(session))
                number += 1
                await asyncio.sleep(began + number / RATE - time.monotonic())

    async def _ask(self, session: aiohttp.ClientSession) -> None:
        began = time.monotonic()
        async with session.get(self._address) as response:
            assert response.status == 200
            await response.read()
        self.spans.append((began, time.monotonic()))


def _measure(
    gateway: RunningGateway, name: str, meter: TrafficMeter, count: int
) -> list[tuple[float, Measurement]]:
    """So many readings, a second apart, each with when it was taken."""
    measured = []
    for _ in range(count):
        time.sleep(1)
        traffic = gateway.client.traffic()[f"id-{name}"]
        measurement = meter.measure(traffic)
        assert measurement is not None
        measured.append((traffic.at, measurement))
    return measured


def _seen(
    spans: list[tuple[float, float]], measured: list[tuple[float, Measurement]]
) -> tuple[float, float]:
    """Concurrency and requests a second over the same time, from when each began and ended."""
    begin, end = measured[0][0] - measured[0][1].seconds, measured[-1][0]
    in_time = [max(0.0, min(end, to) - max(begin, since)) for since, to in spans]
    begun = sum(begin <= since < end for since, _ in spans)
    return sum(in_time) / (end - begin), begun / (end - begin)


def test_a_hundred_requests_a_second_of_50_ms_read_5_and_web_sockets_count_besides(
    gateway: RunningGateway, replica: Replica, name: str
) -> None:
    gateway.client.put(route(name, replica.endpoint), EPOCH)
    meter = TrafficMeter()
    address = f"127.0.0.1:{gateway.port}/team/{name}"
    with SteadyLoad(f"http://{address}/sleep?seconds={SECONDS}") as load:
        time.sleep(0.5)
        meter.measure(gateway.client.traffic()[f"id-{name}"])
        alone = _measure(gateway, name, meter, 10)
        with ExitStack() as sockets:
            for _ in range(WEB_SOCKETS):
                opened = connect(f"ws://{address}/socket", open_timeout=20)
                # To close as one should takes a second each.
                sockets.callback(opened.socket.shutdown, socket.SHUT_RDWR)
            # What the machine stalls while they connect is taken for chance for some readings.
            for _ in range(NOTICED_WITHIN):
                [(_, latest)] = _measure(gateway, name, meter, 1)
                if latest.concurrency > WEB_SOCKETS:
                    break
            mixed = _measure(gateway, name, meter, 5)
    # What Envoy counts lies between what the replica saw and what the client saw: nearly the same,
    # unless the machine is busy.
    least, rate = _seen(replica.spans, alone)
    most, _ = _seen(load.spans, alone)
    assert least / rate >= SECONDS
    assert least * 0.9 <= mean(each.concurrency for _, each in alone) <= most * 1.1
    assert mean(each.requests_per_second for _, each in alone) == pytest.approx(rate, rel=0.05)
    latency = mean(each.latency_ms or 0 for _, each in alone)
    assert least / rate * 1e3 * 0.9 <= latency <= most / rate * 1e3 * 1.1

    least, most = (_seen(spans, mixed)[0] + WEB_SOCKETS for spans in (replica.spans, load.spans))
    assert least * 0.85 <= mean(each.concurrency for _, each in mixed) <= most * 1.15
