"""Whether memory ran out: by the kernel's own counters in cgroups, or by sampling."""

import os
from collections.abc import Callable

from windlass.kit.supervision.program import processes

# Version 2, then version 1 (since Linux 4.13): both have a line `oom_kill <count>`.
_COUNTERS = ("memory.events", "memory.oom_control")
_SAMPLING_PERIOD = 0.25
_COUNTER_PERIOD = 1.0


class KernelCounter:
    """Kills by the kernel for want of memory in the cgroups, since this object was made.

    With `since_start` since the cgroups were: for those that nobody used before.
    """

    def __init__(self, control_groups: list[str], *, since_start: bool = False) -> None:
        self._files = [os.path.join(group, name) for group in control_groups for name in _COUNTERS]
        self._before = 0 if since_start else self._read()

    def kills(self) -> int:
        """How many processes the kernel killed; none where the cgroups are gone."""
        return max(0, self._read() - self._before)

    def _read(self) -> int:
        return sum(_oom_kills(path) for path in self._files)


class Sampler:
    """Compares the memory of a process tree with a limit, where no cgroup can hold it."""

    def __init__(self, limit: int) -> None:
        self.limit = limit

    def excess(self, pids: list[int]) -> int:
        """Bytes above the limit; 0 or less within it."""
        return processes.resident_bytes(pids, self.limit) - self.limit


class MemoryWatch:
    """Tells when all of a run has to end: it is over its limit, or has lost a process to it.

    Half a server is worse than a dead one, and version 1 of cgroups kills only one process. All
    times are monotonic seconds.
    """

    def __init__(self, kernel: KernelCounter, sampled_limit: int | None, began: float) -> None:
        """`sampled_limit`: in bytes, where no cgroup holds the run to it."""
        self.due = began
        """When to look again."""
        self._kernel = kernel
        self._sampler = Sampler(sampled_limit) if sampled_limit else None

    def has_run_out(self, now: float, pids: Callable[[], list[int]]) -> bool:
        """Look whether it has to end; `pids` finds its processes."""
        self.due = now + (_SAMPLING_PERIOD if self._sampler else _COUNTER_PERIOD)
        over = self._sampler is not None and self._sampler.excess(pids()) > 0
        return over or self.has_lost_a_process()

    def has_lost_a_process(self) -> bool:
        """Whether the kernel killed one for want of memory."""
        return self._kernel.kills() > 0


def _oom_kills(path: str) -> int:
    try:
        with open(path) as file:
            for line in file:
                name, _, count = line.partition(" ")
                if name == "oom_kill":
                    return int(count)
    except OSError:
        return 0
    return 0
