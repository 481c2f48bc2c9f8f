"""What a storm of wrong passwords does to those who only read.

GETs at a steady pace, once in quiet and once while 200 wrong passwords a second arrive, for many
accounts from many addresses, as somebody would who means to get past the throttle.
"""

import asyncio
import itertools
import os
import statistics
import sys
import tempfile
import time
from multiprocessing import Process
from pathlib import Path

import aiohttp

from bench.api_process import ApiProcess, make_store, serving
from bench.measuring import Report
from bench.records import fill

STORM_PER_SECOND = 200
GETS_PER_SECOND = 50
SECONDS = 15.0
ROUNDS = 3
ACCOUNTS = 1000
ADDRESSES = 200
WORKLOADS = 1000
_SETTLE_SECONDS = 2.0


def main() -> None:
    """Measure and report."""
    report = Report(
        "sign_in_storm",
        {
            "storm": f"{STORM_PER_SECOND} a second, {ACCOUNTS} accounts, {ADDRESSES} addresses",
            "GETs": f"{GETS_PER_SECOND} a second for {SECONDS:g} s, {ROUNDS} rounds",
            "store": f"SQLite, {WORKLOADS:,} workloads",
            "API": "one process on core 0; storm and GETs on core 1",
        },
    )
    with tempfile.TemporaryDirectory() as folder:
        store = make_store(Path(folder, "store"))
        workload = fill(store, WORKLOADS)
        with serving(store, 0, first=_write_no_log) as api:
            quiet, stormy = [], []
            for _ in range(ROUNDS):
                quiet.append(_p99(api, workload))
                stormy.append(_p99_in_a_storm(api, workload))
    quiet_p99, stormy_p99 = sorted(quiet)[ROUNDS // 2], sorted(stormy)[ROUNDS // 2]
    report.add("p99 of a GET in quiet", quiet_p99 * 1e3, "ms")
    report.add("p99 of a GET in the storm", stormy_p99 * 1e3, "ms")
    report.add("ratio", stormy_p99 / quiet_p99, "times", "<= 5")
    report.finish()


def _p99_in_a_storm(api: ApiProcess, workload: str) -> float:
    storm = Process(target=_storm, args=(api.url,), daemon=True)
    storm.start()
    try:
        time.sleep(_SETTLE_SECONDS)
        return _p99(api, workload)
    finally:
        storm.kill()
        storm.join()


def _p99(api: ApiProcess, workload: str) -> float:
    os.sched_setaffinity(0, {1})
    return statistics.quantiles(asyncio.run(_read(api, workload)), n=100)[-1]


async def _read(api: ApiProcess, workload: str) -> list[float]:
    """How long each GET took, sent at its time whether the one before is answered or not."""
    url = f"{api.url}/api/v1/workloads/inferences/{workload}"
    times: list[float] = []
    async with aiohttp.ClientSession(headers=api.headers) as client:

        async def ask(at: float) -> None:
            await asyncio.sleep(max(0.0, at - time.perf_counter()))
            async with client.get(url) as answer:
                assert answer.status == 200, await answer.text()
                await answer.read()
            times.append(time.perf_counter() - at)

        began = time.perf_counter() + 0.1
        count = int(SECONDS * GETS_PER_SECOND)
        await asyncio.gather(*(ask(began + n / GETS_PER_SECOND) for n in range(count)))
    return times


def _storm(url: str) -> None:
    os.sched_setaffinity(0, {1})
    asyncio.run(_send_wrong_passwords(url))


async def _send_wrong_passwords(url: str) -> None:
    """Until killed."""
    clients = [
        aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(local_addr=(f"127.0.1.{number + 1}", 0))
        )
        for number in range(ADDRESSES)
    ]
    waiting: set[asyncio.Task[None]] = set()
    began = time.perf_counter()
    for number in itertools.count():
        await asyncio.sleep(max(0.0, began + number / STORM_PER_SECOND - time.perf_counter()))
        body = {
            "grantType": "password",
            "username": f"victim-{number % ACCOUNTS}@example.org",
            "password": f"guess {number}",
        }
        client = clients[number % ADDRESSES]
        task = asyncio.create_task(_send(client, f"{url}/api/v1/token", body))
        waiting.add(task)
        task.add_done_callback(waiting.discard)


async def _send(client: aiohttp.ClientSession, url: str, body: dict[str, str]) -> None:
    async with client.post(url, json=body) as answer:
        assert answer.status in (401, 429), answer.status
        await answer.read()


def _write_no_log() -> None:
    """The log is written as ever, to where nobody reads it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()
