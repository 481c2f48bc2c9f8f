"""Fair comparisons: interleaved pairs, medians, and results that say how they were made."""

import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
PAIRS = 5


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of a bench: what was measured, and what it should be."""

    name: str
    value: float
    unit: str
    wanted: str = ""
    """Such as `>= 0.2`; empty where nothing is asked for."""

    @property
    def holds(self) -> bool | None:
        """Whether the value is as wanted; None where nothing is."""
        if not self.wanted:
            return None
        comparison, bound = self.wanted.split()
        return self.value >= float(bound) if comparison == ">=" else self.value <= float(bound)


@dataclass(slots=True)
class Report:
    """The figures of one bench, with the settings they were measured with."""

    bench: str
    settings: Mapping[str, Any]
    figures: list[Figure] = field(default_factory=list)
    began: tuple[float, float] = field(default_factory=lambda: _processor_time())

    def add(self, name: str, value: float, unit: str, wanted: str = "") -> None:
        """Add a line."""
        self.figures.append(Figure(name, value, unit, wanted))

    def finish(self) -> None:
        """Print the table and write the JSON."""
        print(f"\n{self.bench}")
        machine = {**_machine(), "taken by the host": self._taken_by_the_host()}
        for name, value in {**self.settings, **machine}.items():
            print(f"  {name}: {value}")
        width = max(len(figure.name) for figure in self.figures)
        for figure in self.figures:
            verdict = {None: "", True: "holds", False: "FALLS SHORT"}[figure.holds]
            line = f"  {figure.name:<{width}}  {figure.value:>12,.3f} {figure.unit:<12}"
            print(f"{line} {figure.wanted:<10} {verdict}".rstrip())
        RESULTS.mkdir(exist_ok=True)
        written = {
            "bench": self.bench,
            "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "settings": dict(self.settings),
            "machine": machine,
            "figures": [{**asdict(figure), "holds": figure.holds} for figure in self.figures],
        }
        (RESULTS / f"{self.bench}.json").write_text(json.dumps(written, indent=2) + "\n")

    def _taken_by_the_host(self) -> str:
        """How much of the processors' time a virtual machine did not get while it was measured."""
        used, stolen = (now - then for now, then in zip(_processor_time(), self.began, strict=True))
        return f"{stolen / (used + stolen or 1):.1%} of what was asked for"


def interleaved(subjects: Sequence[Callable[[], float]], pairs: int = PAIRS) -> list[list[float]]:
    """Run all subjects in turn, `pairs` times; every other round in reverse order."""
    values: list[list[float]] = [[] for _ in subjects]
    for number in range(pairs):
        order = range(len(subjects)) if number % 2 == 0 else range(len(subjects) - 1, -1, -1)
        for index in order:
            values[index].append(subjects[index]())
    return values


def median_ratio(numerators: Sequence[float], denominators: Sequence[float]) -> float:
    """The median of the ratios of each pair."""
    pairs = zip(numerators, denominators, strict=True)
    return statistics.median(numerator / denominator for numerator, denominator in pairs)


def proportional_megabytes(pid: int) -> float:
    """What a process occupies, with shared pages counted in parts (PSS)."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    raise ValueError(f"/proc/{pid}/smaps_rollup has no Pss")


def cpu_seconds(pid: int) -> float:
    """The processor time a process has used, in user and in kernel mode."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _processor_time() -> tuple[float, float]:
    """What all processes together got, and what the host took instead, since boot; proc_stat(5)."""
    user, nice, system, _, _, irq, softirq, stolen, *_ = (
        int(word) for word in Path("/proc/stat").read_text().splitlines()[0].split()[1:]
    )
    return float(user + nice + system + irq + softirq), float(stolen)


def _machine() -> dict[str, Any]:
    return {
        "cores": os.cpu_count(),
        "python": sys.version.split()[0],
        "system": f"{platform.system()} {platform.release()}",
    }
