"""How long the platform takes to be ready, and what it occupies when idle."""

import json
import statistics
import tempfile
import time
from pathlib import Path

import psutil

from bench.measuring import PAIRS, Report, proportional_megabytes
from bench.running_platform import RunningPlatform, running_platform

REPLICAS = 3
SETTLE_SECONDS = 5.0


def main() -> None:
    """Measure and report."""
    report = Report("footprint", {"store": "SQLite", "replicas": REPLICAS, "starts": PAIRS})
    with tempfile.TemporaryDirectory() as folder:
        starts = [_start_seconds(Path(folder, f"d{number}")) for number in range(PAIRS)]
        report.add("first start to ready", statistics.median(starts), "s", "<= 3")
        with running_platform(Path(folder, "memory")) as platform:
            platform.wait_until_running(platform.submit("idle", REPLICAS))
            time.sleep(SETTLE_SECONDS)
            _add_memory(report, platform)
        with running_platform(Path(folder, "memory")) as again:
            report.add("next start to ready", again.ready_seconds, "s", "<= 3")
    report.finish()


def _start_seconds(data_dir: Path) -> float:
    with running_platform(data_dir) as platform:
        return platform.ready_seconds


def _add_memory(report: Report, platform: RunningPlatform) -> None:
    control_plane = psutil.Process(platform.pid)
    processes = [control_plane, *control_plane.children()]
    total = sum(proportional_megabytes(process.pid) for process in processes)
    report.add("control plane, all processes", total, "MB (PSS)", "<= 200")
    gate = _state(platform.data_dir / "services" / "gate")
    report.add("gate", proportional_megabytes(gate["process"]["pid"]), "MB (PSS)", "<= 70")
    folders = [*(platform.data_dir / "services").iterdir()]
    folders += [*(platform.data_dir / "replicas").iterdir()]
    supervisors = [
        proportional_megabytes(_state(folder)["supervisor"]["pid"])
        for folder in folders
        if folder.name[0] != "."
    ]
    report.add("largest supervisor", max(supervisors), "MB (PSS)", "<= 12")


def _state(folder: Path) -> dict[str, dict[str, int]]:
    state: dict[str, dict[str, int]] = json.loads((folder / "state.json").read_text())
    return state


if __name__ == "__main__":
    main()
