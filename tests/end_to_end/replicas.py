"""One replica of a workload, by what /proc and the replica itself say of it."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.end_to_end.platforms import Platform

Deploy = Callable[..., "Replica"]
"""Runs the canary with more in its spec, until the test ends."""


class Replica:
    """One running replica of a workload, seen from outside."""

    def __init__(self, platform: Platform, created: dict[str, Any]) -> None:
        self.platform = platform
        self.id: str = created["workloadId"]
        self.name: str = created["name"]

    @property
    def workload(self) -> dict[str, Any]:
        """As lists show it."""
        return self.platform.workload(self.id)

    @property
    def pod(self) -> dict[str, Any]:
        """Its only pod."""
        (pod,) = self.platform.pods(self.id)
        return pod

    def told(self, path: str = "/") -> Any:
        """What it answers through the gateway."""
        answer = self.platform.ask(self.name, path)
        assert answer.status == 200, (answer.status, answer.body)
        return answer.json()

    @property
    def pid(self) -> int:
        """Its process."""
        return int(self.told()["pid"])

    def words(self) -> list[str]:
        """Its command line, from /proc."""
        return Path(f"/proc/{self.pid}/cmdline").read_text().split("\0")[:-1]

    def environment(self) -> dict[str, str]:
        """What it was started with, from /proc."""
        text = Path(f"/proc/{self.pid}/environ").read_text()
        return dict(entry.split("=", 1) for entry in text.split("\0")[:-1])

    def events(self) -> list[str]:
        """What was told of it, newest first."""
        return [f"{event['reason']}: {event['message']}" for event in self.platform.events(self.id)]


def cores_allowed(replica: Replica) -> float | None:
    """To how many cores the kernel holds it; None where it does not, which is told in its events
    and never so as root."""
    if "not enforced" in " ".join(replica.events()):
        assert os.geteuid() != 0
        return None
    group = control_group(replica.pid, "cpu")
    if (group / "cpu.max").exists():
        quota, period = (group / "cpu.max").read_text().split()
    else:
        quota = (group / "cpu.cfs_quota_us").read_text()
        period = (group / "cpu.cfs_period_us").read_text()
    return int(quota) / int(period)


def bytes_allowed(replica: Replica) -> int | None:
    """To how much memory the kernel holds it; None as for cores."""
    if "by sampling" in " ".join(replica.events()):
        assert os.geteuid() != 0
        return None
    group = control_group(replica.pid, "memory")
    newer, older = group / "memory.max", group / "memory.limit_in_bytes"
    return int((newer if newer.exists() else older).read_text())


def control_group(pid: int, controller: str) -> Path:
    """The folder of a process's group (cgroups(7)), of version 1 or 2."""
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        number, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            return _mount_of(controller) / path.lstrip("/")
        if number == "0":
            unified = path
    return Path("/sys/fs/cgroup") / unified.lstrip("/")


def _mount_of(controller: str) -> Path:
    for line in Path("/proc/mounts").read_text().splitlines():
        _, place, kind, options, *_ = line.split()
        if kind == "cgroup" and controller in options.split(","):
            return Path(place)
    raise LookupError(controller)
