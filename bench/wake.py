"""From a request for a workload without replicas to its answer, less what the boot takes.

Each workload is woken once, by one request. The boot is measured between two wakes: the same
command started by hand, until its port first answers.
"""

import statistics
import tempfile
import time
from pathlib import Path

from bench.first_answer import answers, own_boot
from bench.measuring import Report, interleaved
from bench.running_platform import RunningPlatform, running_platform

WORKLOADS = 200


def main() -> None:
    """Measure and report."""
    report = Report("wake", {"store": "SQLite, synchronous=FULL", "workloads": WORKLOADS})
    with tempfile.TemporaryDirectory() as folder, running_platform(Path(folder, "d")) as platform:
        names = [f"sleeps-{number}" for number in range(WORKLOADS)]
        _deploy(platform, names)
        sleeping = iter(names)
        way, boot = interleaved([lambda: _wake(platform, next(sleeping)), own_boot], WORKLOADS)
    usual = statistics.median(boot)
    added = sorted(each - usual for each in way)
    report.add("request to answer, median", statistics.median(way) * 1000, "ms")
    report.add("the replica's own boot, median", usual * 1000, "ms")
    report.add("added by the platform, p50", statistics.median(added) * 1000, "ms", "<= 30")
    p99 = added[int(len(added) * 0.99)]
    report.add("added by the platform, p99", p99 * 1000, "ms", "<= 100")
    report.add(
        "boot, p99 over its median", (sorted(boot)[int(len(boot) * 0.99)] - usual) * 1e3, "ms"
    )
    report.finish()


def _deploy(platform: RunningPlatform, names: list[str]) -> None:
    ids = [platform.submit(name, minReplicas=0, maxReplicas=1, initialReplicas=0) for name in names]
    for workload_id in ids:
        platform.wait_until_running(workload_id)


def _wake(platform: RunningPlatform, name: str) -> float:
    began = time.perf_counter()
    assert answers(f"{platform.gateway}/default/{name}/")
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
