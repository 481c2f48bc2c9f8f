"""From 1 to 200 requests at a time: when the first increase is decided, and when the full count.

Decisions are taken at the interval and with the windows that a platform has by default, so these
are times, not ratios: they do not depend on the machine as long as it keeps up.
"""

import asyncio
import tempfile
import time
from pathlib import Path

import aiohttp

from bench.measuring import Report
from bench.running_platform import RunningPlatform, running_platform

CONCURRENT = 200
EACH = 20
LONGEST_SECONDS = 60.0


def main() -> None:
    """Measure and report."""
    wanted = CONCURRENT // EACH
    report = Report("scale-step", {"requests at a time": f"1, then {CONCURRENT}", "each": EACH})
    with tempfile.TemporaryDirectory() as folder, running_platform(Path(folder, "d")) as platform:
        workload = platform.submit(
            "step",
            minReplicas=1,
            maxReplicas=2 * wanted,
            metric="concurrency",
            metricThreshold=EACH,
            metricThresholdPercentage=100,
        )
        platform.wait_until_running(workload)
        first, full = asyncio.run(_step(platform, workload, wanted))
    report.add("first increase decided", first, "s", "<= 4")
    report.add("full count decided", full, "s", "<= 10")
    report.finish()


async def _step(platform: RunningPlatform, workload: str, wanted: int) -> tuple[float, float]:
    url = f"{platform.gateway}/default/step/sleep?seconds=0.5"
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        quiet = asyncio.create_task(_ask(session, url))
        # A whole stable window with one request at a time.
        await asyncio.sleep(60)
        began = time.monotonic()
        load = [asyncio.create_task(_ask(session, url)) for _ in range(CONCURRENT - 1)]
        first = full = 0.0
        while not full and time.monotonic() - began < LONGEST_SECONDS:
            await asyncio.sleep(0.05)
            seen = await asyncio.to_thread(platform.client.workload, workload)
            number = seen["requestedPods"].get("number") or 0
            first = first or (time.monotonic() - began if number > 1 else 0.0)
            full = time.monotonic() - began if number >= wanted else 0.0
        for task in (quiet, *load):
            task.cancel()
    return first or LONGEST_SECONDS, full or LONGEST_SECONDS


async def _ask(session: aiohttp.ClientSession, url: str) -> None:
    while True:
        async with session.get(url) as answer:
            await answer.read()


if __name__ == "__main__":
    main()
