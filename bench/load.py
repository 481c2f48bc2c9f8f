"""Load from a second process, by wrk, on the cores it is given."""

import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.programs import ensure_program

_UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0}


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
    """Keep `connections` busy for a while. Raises ProgramMissing."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s", "--latency"]
    for name, value in (headers or {}).items():
        command += ["-H", f"{name}: {value}"]
    if script is not None:
        command += ["-s", script]
    if cores:
        command = ["taskset", "-c", ",".join(map(str, cores)), *command]
    ensure_program("wrk")
    told = subprocess.run([*command, url], capture_output=True, text=True, check=True).stdout
    return _read(told)


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
