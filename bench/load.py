"""Load from a second process, by wrk, on the cores it is given."""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0}


class NoLoadGenerator(Exception):
    """wrk is missing and cannot be installed."""


@dataclass(frozen=True, slots=True)
class Load:
    """What one run of the load generator saw."""

    per_second: float
    p50_ms: float
    failed: int


def run_load(
    url: str,
    seconds: float,
    connections: int,
    headers: Mapping[str, str] | None = None,
    cores: Sequence[int] = (),
    script: str | None = None,
) -> Load:
    """Keep `connections` busy for a while. Raises NoLoadGenerator."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s", "--latency"]
    for name, value in (headers or {}).items():
        command += ["-H", f"{name}: {value}"]
    if script is not None:
        command += ["-s", script]
    if cores:
        command = ["taskset", "-c", ",".join(map(str, cores)), *command]
    ensure_load_generator()
    told = subprocess.run([*command, url], capture_output=True, text=True, check=True).stdout
    return _read(told)


def ensure_load_generator() -> None:
    """Install wrk where it is missing and we are root. Raises NoLoadGenerator."""
    if shutil.which("wrk"):
        return
    if os.geteuid() != 0:
        raise NoLoadGenerator("wrk is not installed; as root: apt-get install wrk")
    subprocess.run(["apt-get", "update", "-q"], check=False, capture_output=True)
    installed = subprocess.run(["apt-get", "install", "-qy", "wrk"], check=False)
    if installed.returncode != 0:
        raise NoLoadGenerator("apt-get could not install wrk")


def _read(told: str) -> Load:
    rate = re.search(r"Requests/sec:\s+([\d.]+)", told)
    middle = re.search(r"50%\s+([\d.]+)(us|ms|s)", told)
    if rate is None or middle is None:
        raise ValueError(f"wrk said something else:\n{told}")
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", told)
    broken = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+)", told)
    failed = int(refused[1]) if refused else 0
    failed += sum(map(int, broken.groups())) if broken else 0
    return Load(float(rate[1]), float(middle[1]) * _UNITS[middle[2]], failed)
