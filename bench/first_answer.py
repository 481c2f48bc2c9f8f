"""From POST to the first answered request, less what the replica's own boot takes.

The boot is measured in the same run, on the same machine: the same command started by hand, until
its port first answers.
"""

import os
import socket
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from bench.measuring import PAIRS, Report, interleaved
from bench.running_platform import RunningPlatform, running_platform

CANARY = Path(__file__).parent.parent / "examples" / "canary"
PYTHON = Path(__file__).parent.parent / ".venv" / "bin" / "python"
ROUNDS = 2 * PAIRS


def main() -> None:
    """Measure and report."""
    report = Report("first-answer", {"store": "SQLite, synchronous=FULL", "rounds": ROUNDS})
    with tempfile.TemporaryDirectory() as folder, running_platform(Path(folder, "d")) as platform:
        numbers = iter(range(10_000))
        way, boot = interleaved(
            [lambda: _post_to_answer(platform, f"first-{next(numbers)}"), own_boot], ROUNDS
        )
    report.add("POST to first answer", statistics.median(way) * 1000, "ms")
    report.add("the replica's own boot", statistics.median(boot) * 1000, "ms")
    added = statistics.median(a - b for a, b in zip(way, boot, strict=True))
    report.add("added by the platform", added * 1000, "ms", "<= 250")
    report.finish()


def _post_to_answer(platform: RunningPlatform, name: str) -> float:
    began = time.perf_counter()
    workload = platform.submit(name)
    assert answers(f"{platform.gateway}/default/{name}/"), "held until there is a replica"
    took = time.perf_counter() - began
    platform.delete(workload)
    return took


def own_boot() -> float:
    """Seconds from the start of a canary by hand to its first answer."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    began = time.perf_counter()
    process = subprocess.Popen(
        [str(PYTHON), "canary.py"],
        cwd=CANARY,
        env={**os.environ, "PORT": str(port)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while not answers(f"http://127.0.0.1:{port}/"):
        time.sleep(0.001)
    took = time.perf_counter() - began
    process.kill()
    process.wait()
    return took


def answers(url: str) -> bool:
    """Whether a GET is answered with 200."""
    try:
        with urlopen(url, timeout=30) as answer:
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False


if __name__ == "__main__":
    main()
