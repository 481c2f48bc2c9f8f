"""Containers through the platform, beside the same ones started by the engine's own command.

From POST to the first answered request, less the container's own boot; and fifty at once, beside
as many starts by the command line, as many at a time.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from bench.measuring import PAIRS, Report, interleaved
from bench.running_platform import RunningPlatform, running_platform
from tools.container_engine import ULIMITS, EngineMissing, OwnEngine
from tools.container_images import SHELL_IMAGE
from tools.docker import Docker
from tools.podman import Podman

AT_ONCE = 50
_PORT = 8000
_FIRST_HOST_PORT = 15_000
_SERVE = f"trap 'exit 0' TERM; httpd -f -p {_PORT} -h /etc & wait"
_PAUSE = 0.002


def main() -> None:
    """Measure with each engine that is here, and report; without any nothing can be measured."""
    measured = [_measured(kind) for kind in (Podman, Docker)]
    if not any(measured):
        sys.exit(1)


def _measured(kind: type[OwnEngine]) -> bool:
    try:
        engine = kind()
    except EngineMissing as missing:
        print(f"containers with {kind.name}: not measured, because {missing}")
        return False
    try:
        engine.import_shell()
        _measure(engine)
    finally:
        engine.stop()
    return True


def _measure(engine: OwnEngine) -> None:
    facts = {"engine": engine.version, "rounds": PAIRS, "at once": AT_ONCE}
    report = Report(f"containers_{engine.program}", facts)
    with (
        tempfile.TemporaryDirectory() as folder,
        running_platform(Path(folder, "d"), *engine.options) as platform,
    ):
        _measure_first_answer(report, platform, engine)
        _measure_many(report, platform, engine)
    report.finish()


def _measure_first_answer(report: Report, platform: RunningPlatform, engine: OwnEngine) -> None:
    numbers = iter(range(10_000))
    way, boot = interleaved(
        [
            lambda: _post_to_answer(platform, f"first-{next(numbers)}"),
            lambda: _by_hand(engine, f"hand-{next(numbers)}", _FIRST_HOST_PORT),
        ],
        PAIRS,
    )
    report.add("POST to first answer", statistics.median(way) * 1000, "ms")
    report.add(f"{engine.program} run to first answer", statistics.median(boot) * 1000, "ms")
    added = statistics.median(a - b for a, b in zip(way, boot, strict=True))
    report.add("added by the platform", added * 1000, "ms", "<= 300")


def _measure_many(report: Report, platform: RunningPlatform, engine: OwnEngine) -> None:
    ours, theirs = interleaved(
        [lambda: _many_by_platform(platform), lambda: _many_by_hand(engine)], 2
    )
    report.add(f"{AT_ONCE} by the platform", statistics.median(ours), "s")
    report.add(f"{AT_ONCE} by {engine.program} run", statistics.median(theirs), "s")
    ratio = statistics.median(a / b for a, b in zip(ours, theirs, strict=True))
    report.add(f"platform / {engine.program} run", ratio, "times", "<= 1.3")


def _post_to_answer(platform: RunningPlatform, name: str) -> float:
    began = time.perf_counter()
    workload = _submit(platform, name, 1)
    _wait_for(lambda: _answers(f"{platform.gateway}/default/{name}/passwd"))
    took = time.perf_counter() - began
    _end(platform, workload)
    return took


def _many_by_platform(platform: RunningPlatform) -> float:
    began = time.perf_counter()
    workload = _submit(platform, "many", AT_ONCE)
    platform.wait_until_running(workload)
    took = time.perf_counter() - began
    _end(platform, workload)
    return took


def _many_by_hand(engine: OwnEngine) -> float:
    """As many `run`s at once as the platform starts replicas at once: all of them."""
    names = [f"hand-{number}" for number in range(AT_ONCE)]
    began = time.perf_counter()
    with ThreadPoolExecutor(AT_ONCE) as threads:
        list(
            threads.map(
                lambda each: _run_until_answer(engine, each[1], _FIRST_HOST_PORT + each[0]),
                enumerate(names),
            )
        )
    took = time.perf_counter() - began
    engine.remove(*names)
    return took


def _by_hand(engine: OwnEngine, name: str, port: int) -> float:
    took = _run_until_answer(engine, name, port)
    engine.remove(name)
    return took


def _run_until_answer(engine: OwnEngine, name: str, port: int) -> float:
    ulimits = [word for limit in ULIMITS for word in ("--ulimit", limit)]
    began = time.perf_counter()
    subprocess.run(
        [
            *(engine.program, "run", "--detach", "--name", name, *ulimits),
            *("--publish", f"127.0.0.1:{port}:{_PORT}", SHELL_IMAGE, "sh", "-c", _SERVE),
        ],
        env=engine.environment,
        stdout=subprocess.DEVNULL,
        check=True,
    )
    _wait_for(lambda: _answers(f"http://127.0.0.1:{port}/passwd"))
    return time.perf_counter() - began


def _submit(platform: RunningPlatform, name: str, replicas: int) -> str:
    return platform.submit_spec(
        name,
        {
            "image": SHELL_IMAGE,
            "command": "sh -c",
            "args": f'"{_SERVE}"',
            "servingPort": {"container": _PORT},
            "compute": {"cpuCoreRequest": 0.01},
            "autoscaling": {"minReplicas": replicas, "maxReplicas": replicas},
        },
    )


def _end(platform: RunningPlatform, workload: str) -> None:
    platform.delete(workload)
    platform.wait_until_gone(workload)


def _wait_for(condition: Callable[[], bool]) -> None:
    while not condition():
        time.sleep(_PAUSE)


def _answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=60) as answer:
            return bool(answer.status == 200)
    except (HTTPError, URLError, OSError):
        return False


if __name__ == "__main__":
    main()
