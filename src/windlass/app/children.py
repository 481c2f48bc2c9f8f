"""Processes forked from this one, that end with it and are started again when they end."""

import ctypes
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

import structlog

_PR_SET_PDEATHSIG = 1
_FIRST_RESTART_SECONDS = 0.1
_LONGEST_RESTART_SECONDS = 10.0
_STOP_SECONDS = 10.0

_log = structlog.get_logger(__name__)


class GaveUp(Exception):
    """A child ended of its own accord before it was ever ready: it would do so again."""


class Child:
    """One forked process; `run` is given what it must call once it is ready."""

    def __init__(self, name: str, run: Callable[[Callable[[], None]], None]) -> None:
        self.name = name
        self.has_been_ready = False
        self._run = run
        self._pid = 0
        self._readiness: int | None = None
        self._failures = 0
        self._started_at = 0.0
        self._restart_at = 0.0

    @property
    def runs(self) -> bool:
        """Whether it was started, and no end of it has been seen since."""
        return bool(self._pid)

    @property
    def readiness(self) -> int | None:
        """The descriptor that becomes readable when it is ready or ends; None when it is known."""
        return self._readiness

    def keep(self) -> None:
        """Start it where it does not run, later after each quick end. Raises GaveUp."""
        self._listen()
        status = self._take_end()
        now = time.monotonic()
        if status is not None:
            self._put_off(status, now)
        if not self._pid and now >= self._restart_at:
            self._start(now)

    def signal(self, number: int) -> None:
        """Signal it, if it runs."""
        if self._pid:
            os.kill(self._pid, number)

    def has_ended(self) -> bool:
        """Whether it does not run."""
        return self._take_end() is not None or not self._pid

    def _start(self, now: float) -> None:
        self._readiness, tell = os.pipe()
        parent = os.getpid()
        self._started_at = now
        self._pid = os.fork()
        if self._pid == 0:
            self._become(parent, tell)
        os.close(tell)

    def _become(self, parent: int, tell: int) -> None:
        """In the child: run, and never return."""
        status = 1
        try:
            # The parent's handlers would only note the signal, here as there.
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
                signal.signal(number, signal.SIG_DFL)
            signal.set_wakeup_fd(-1)
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() == parent:
                self._run(partial(_tell, tell))
                status = 0
        except BaseException:
            _log.exception("a process of the control plane failed", name=self.name)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)

    def _listen(self) -> None:
        if self._readiness is None or not select.select([self._readiness], [], [], 0)[0]:
            return
        self.has_been_ready = bool(os.read(self._readiness, 1)) or self.has_been_ready
        os.close(self._readiness)
        self._readiness = None

    def _take_end(self) -> int | None:
        """How it ended since the last call, as waitpid(2) says it."""
        if not self._pid:
            return None
        pid, status = os.waitpid(self._pid, os.WNOHANG)
        if pid == 0:
            return None
        self._pid = 0
        return status

    def _put_off(self, status: int, now: float) -> None:
        self._listen()
        if not self.has_been_ready and os.WIFEXITED(status):
            raise GaveUp(self.name)
        if now - self._started_at >= _LONGEST_RESTART_SECONDS:
            self._failures = 0
        delay = min(_LONGEST_RESTART_SECONDS, _FIRST_RESTART_SECONDS * 2.0**self._failures)
        self._failures += 1
        self._restart_at = now + delay
        _log.error("a process of the control plane ended", name=self.name, again_in=delay)


class News:
    """Wakes who waits for news of children, and of signals that this process handles."""

    def __init__(self) -> None:
        """For the main thread; there is one such object at a time."""
        self._signalled, writable = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(writable, warn_on_full_buffer=False)
        # One that does nothing: only what is handled wakes.
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def wait(self, children: Sequence[Child], timeout_seconds: float) -> None:
        """Return when a child is ready or ends, when a signal has come, or after the time."""
        readiness = [child.readiness for child in children if child.readiness is not None]
        select.select([self._signalled, *readiness], [], [], timeout_seconds)
        with suppress(BlockingIOError):
            os.read(self._signalled, 4096)


def stop(children: Sequence[Child]) -> None:
    """SIGTERM, then SIGKILL; returns when all have ended."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        for child in children:
            with suppress(ProcessLookupError):
                child.signal(number)
        deadline = time.monotonic() + _STOP_SECONDS
        while time.monotonic() < deadline:
            if all(child.has_ended() for child in children):
                return
            time.sleep(0.01)


def _tell(descriptor: int) -> None:
    # Said once already, the other end is closed.
    with suppress(BrokenPipeError):
        os.write(descriptor, b"r")
