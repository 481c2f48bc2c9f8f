"""One run of the supervised process, from its start until nothing of it is left."""

import contextlib
import os
import select
import signal
import time

from windlass.kit.supervision.program import processes
from windlass.kit.supervision.program.child import Child
from windlass.kit.supervision.program.instructions import Instructions, StopRequest
from windlass.kit.supervision.program.log import Log
from windlass.kit.supervision.program.memory import KernelCounter, MemoryWatch
from windlass.kit.supervision.program.probe import Wait
from windlass.kit.supervision.program.watch import ReadinessWatch

_CHUNK = 65536
_CHUNKS_AT_ONCE = 16
_SHORTEST_PAUSE = 0.01
_LONGEST_PAUSE = 1.0


class Run:
    """Starts the process when made, which raises StartFailed; `advance` does what is due since.

    All times are monotonic seconds.
    """

    def __init__(self, instructions: Instructions, log: Log, forked: Child | None = None) -> None:
        """`forked` is what may execute it; otherwise it is forked now."""
        self.engine_message: str | None = None
        """A process has no engine that could be lost."""
        self._groups = instructions.start.control_groups
        self._log = log
        kernel = KernelCounter(self._groups)
        self._memory = MemoryWatch(kernel, instructions.memory_limit, 0.0)
        self._out_of_memory = False
        self._status: int | None = None
        self._killing = False
        self._next_kill = 0.0
        self._kill_pause = _SHORTEST_PAUSE
        self._finished = False
        self._output_ended = False
        if forked is not None and not forked.waits:
            forked.dismiss()
            forked = None
        child = forked or Child()
        child.execute(instructions.start)
        self._output, self.pid = child.output, child.pid
        self.began = time.monotonic()
        self._watch = (
            ReadinessWatch(instructions.port, instructions.probe, self.began)
            if instructions.port is not None
            else None
        )

    @property
    def finished(self) -> bool:
        """Whether the process and all its descendants are gone, and their output is in the log."""
        return self._finished

    @property
    def ready(self) -> bool:
        """Whether requests may be sent to it."""
        if self._status is not None:
            return False
        return self._watch is None or self._watch.ready

    @property
    def readiness_message(self) -> str | None:
        """Why it is not ready."""
        return self._watch.message if self._watch is not None else None

    @property
    def due(self) -> float:
        """When `advance` has something to do, even if nothing happens before."""
        if self._killing:
            return self._next_kill
        if self._watch is None:
            return self._memory.due
        return min(self._memory.due, self._watch.due)

    @property
    def waits(self) -> list[Wait]:
        """The descriptors on which something may happen."""
        waits = [] if self._output_ended else [(self._output, select.POLLIN)]
        if self._watch is not None and self._watch.waits_on is not None:
            waits.append(self._watch.waits_on)
        return waits

    def terminate(self) -> None:
        """SIGTERM to the process and its group."""
        # While it is not reaped its PID is nobody else's.
        if self._status is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGTERM)
            if os.getpgid(self.pid) != self.pid:
                processes.send_signal([self.pid], signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL to the process and all its descendants, until none is left."""
        self._killing = True
        if self._watch is not None:
            self._watch.close()
            self._watch = None

    def advance(self, now: float, fired: set[int]) -> None:
        """Do what is due, with the descriptors on which something happened."""
        if not self._output_ended and self._output in fired:
            self._read_output(_CHUNKS_AT_ONCE)
        self._reap()
        if self._killing:
            if now >= self._next_kill:
                self._kill_descendants(now)
            return
        if now >= self._memory.due:
            self._look_at_memory(now)
        if self._watch is not None:
            waited = self._watch.waits_on
            event = waited is not None and waited[0] in fired
            if event or now >= self._watch.due:
                self._watch.advance(now, event, lambda: processes.descendants(os.getpid()))

    def outcome(self, stop: StopRequest | None) -> dict[str, object]:
        """How the finished run ended."""
        status = self._status or 0
        number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else None
        code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else None
        out_of_memory = self._out_of_memory or (self._memory.has_lost_a_process() and code != 0)
        stopped = stop is not None and not out_of_memory
        if out_of_memory:
            message = "it used more memory than its limit and was killed"
        elif number is not None:
            message = f"it was killed by signal {number} ({_signal_name(number)})"
        else:
            message = f"it exited with code {code}"
        if stopped and stop is not None and stop.reason:
            message = f"{stop.reason}; {message}"
        return {
            "message": message,
            "code": code,
            "signal": number,
            "out_of_memory": out_of_memory,
            "stopped": stopped,
        }

    def _reap(self) -> None:
        """Take the end of any child, adopted orphans included."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self.pid:
                self._status = status
                # Like a container: what the main process leaves behind ends with it.
                self.kill()

    def _kill_descendants(self, now: float) -> None:
        processes.kill_groups(self._groups)
        processes.send_signal(processes.descendants(os.getpid()), signal.SIGKILL)
        self._reap()
        if self._status is not None and not processes.descendants(os.getpid()):
            self._finish()
            return
        self._next_kill = now + self._kill_pause
        self._kill_pause = min(2 * self._kill_pause, _LONGEST_PAUSE)

    def _finish(self) -> None:
        if not self._output_ended:
            self._read_output(None)
        if not self._output_ended:
            # A process outside its tree still holds the other end.
            os.close(self._output)
            self._output_ended = True
        self._finished = True

    def _read_output(self, chunks: int | None) -> None:
        """Move output into the log; `chunks` limits it, so that a flood hides nothing else."""
        while chunks is None or chunks > 0:
            try:
                data = os.read(self._output, _CHUNK)
            except BlockingIOError:
                return
            if not data:
                os.close(self._output)
                self._output_ended = True
                return
            self._log.write(data)
            chunks = chunks - 1 if chunks is not None else None

    def _look_at_memory(self, now: float) -> None:
        if self._memory.has_run_out(now, lambda: processes.descendants(os.getpid())):
            self._out_of_memory = True
            self.kill()


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return "real-time"
