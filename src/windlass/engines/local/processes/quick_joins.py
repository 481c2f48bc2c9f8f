"""Has the kernel let processes join cgroups at once, for a moment.

In version 2, who is the first to join a cgroup after a while waits for a grace period of the
kernel, about 10 ms; who follows closely does not. Sources: kernel/cgroup/cgroup.c
(cgroup_threadgroup_rwsem) and kernel/rcu/sync.c (rcu_sync_enter) of Linux. So this process joins
the group that it is in already, which changes nothing, while there is other work to do before the
process that matters is started.
"""

import contextlib
import threading
import time
from collections.abc import Callable
from pathlib import Path

from windlass.engines.local.processes.control_groups import own_group

_LASTING_SECONDS = 0.1
_PAUSE_SECONDS = 0.004
"""Less than a grace period: the kernel falls back after that."""


class QuickJoins:
    """Threads may share it."""

    def __init__(self, find_group: Callable[[], Path | None] = own_group) -> None:
        """`find_group` tells the group that this process is in now."""
        self._find_group = find_group
        self._expected = threading.Condition()
        self._until = 0.0
        self._thread: threading.Thread | None = None

    def expect(self) -> None:
        """A process will join a cgroup within moments. Does not wait."""
        with self._expected:
            self._until = time.monotonic() + _LASTING_SECONDS
            self._expected.notify()
            if self._thread is None:
                # Kept: to start one takes longer than to wake it, and a request may be waiting.
                self._thread = threading.Thread(target=self._run, name="quick-joins", daemon=True)
                self._thread.start()

    @property
    def is_expected(self) -> bool:
        """Whether that moment lasts."""
        return time.monotonic() < self._until

    def _run(self) -> None:
        group = self._find_group()
        while group is not None:
            self._wait_until_expected()
            with contextlib.suppress(OSError):
                (group / "cgroup.procs").write_text("0")
            time.sleep(_PAUSE_SECONDS)

    def _wait_until_expected(self) -> None:
        with self._expected:
            while not self.is_expected:
                self._expected.wait()
