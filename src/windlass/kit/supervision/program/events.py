"""Waits for signals and file descriptors at once."""

import contextlib
import os
import select
import signal
from types import FrameType

from windlass.kit.supervision.program.probe import Wait


class Events:
    """What wakes the supervisor: a child's end, a request to stop, or a descriptor."""

    def __init__(self) -> None:
        self.told_to_stop = False
        """SIGTERM or SIGINT came."""
        self._wake, write_end = os.pipe()
        for descriptor in (self._wake, write_end):
            os.set_blocking(descriptor, False)
        # Whatever the launcher had blocked.
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, self._nothing)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._remember)

    def wait(self, seconds: float, waits: list[Wait]) -> set[int]:
        """The descriptors of `waits` on which something happened, after `seconds` at most."""
        poll = select.poll()
        poll.register(self._wake, select.POLLIN)
        for descriptor, mask in waits:
            poll.register(descriptor, mask)
        # Rounded up, so that a deadline is not met early and then polled for again and again.
        fired = {descriptor for descriptor, _ in poll.poll(int(max(0.0, seconds) * 1000) + 1)}
        if self._wake in fired:
            with contextlib.suppress(BlockingIOError):
                os.read(self._wake, 4096)
            fired.discard(self._wake)
        return fired

    def _remember(self, _number: int, _frame: FrameType | None) -> None:
        self.told_to_stop = True

    def _nothing(self, _number: int, _frame: FrameType | None) -> None:
        """The descriptor given to `set_wakeup_fd` does the waking."""
