"""The supervisor's life: start the process, restart it if told so, end it, say how it ended."""

import os
import time

from windlass.kit.supervision.program import child, processes
from windlass.kit.supervision.program.directory import Directory
from windlass.kit.supervision.program.events import Events
from windlass.kit.supervision.program.instructions import Instructions, StopRequest, forget_secrets
from windlass.kit.supervision.program.leftovers import end_leftovers
from windlass.kit.supervision.program.log import Log
from windlass.kit.supervision.program.record import Record
from windlass.kit.supervision.program.run import Run

TYPE_CHECKING = False
"""As in `typing`, which would cost memory."""
if TYPE_CHECKING:
    from windlass.kit.supervision.program.containers.run import ContainerRun

_TICK = 1.0
_LEFTOVERS_TIMEOUT = 10.0


class Supervisor:
    """Supervises one directory, whose lock is held as the descriptor `lock`."""

    def __init__(self, directory: Directory, lock: int, forked: child.Child | None = None) -> None:
        """`forked` is what may execute the process, the first time."""
        self._directory = directory
        self._lock = lock
        self._forked = forked
        self._instructions = Instructions(directory.specification)
        self._record = Record(
            directory,
            self._instructions.id,
            self._instructions.notify,
            self._instructions.notify_ready,
        )
        self._log = Log(
            directory.log, self._instructions.log_file_bytes, self._instructions.log_files
        )
        self._events = Events()
        self._stop: StopRequest | None = None
        self._stop_stamp: tuple[int, int] | None = None
        self._kill_at = float("inf")
        self._next_tick = 0.0

    @property
    def restarts(self) -> bool:
        """Whether the process may be started more than once."""
        return self._instructions.restarts

    def supervise(self) -> None:
        """Supervise until the process has ended for good, and that is written down."""
        child.become_subreaper()
        if self._directory.was_started():
            end_leftovers(self._directory, _LEFTOVERS_TIMEOUT)
        # Before looking for a stop request: whoever makes one then signals the PID it finds here.
        # Nobody need be told that a start begins: the start itself is told of, or that it failed.
        self._record.save_untold()
        if self._instructions.holds_secrets and not self._instructions.restarts:
            forget_secrets(self._directory.specification)
        self._look_for_stop()
        delay = self._instructions.restart_delay
        while self._stop is None:
            began = time.monotonic()
            end = self._run_once()
            if self._stop is not None or not self._instructions.restarts:
                self._finish(end)
                return
            if time.monotonic() - began >= self._instructions.restart_delay_maximum:
                delay = self._instructions.restart_delay
            self._record.set_exit("waiting", end)
            self._wait_to_restart(delay)
            delay = min(2 * delay, self._instructions.restart_delay_maximum)
        self._finish({"message": self._stop.reason or "stopped while not running", "stopped": True})

    def _run_once(self) -> dict[str, object]:
        try:
            self._mark_started()
            run = self._begin()
        except child.StartFailed as failure:
            return {"message": str(failure), "start_failed": True}
        except OSError as error:
            return {"message": f"could not prepare the process: {error}", "start_failed": True}
        terminated = False
        self._note_start(run)
        while not run.finished:
            self._wait(run)
            if self._stop is not None and not terminated:
                terminated = True
                run.terminate()
            if time.monotonic() >= self._kill_at:
                self._kill_at = float("inf")
                run.kill()
        return run.outcome(self._stop)

    def _begin(self) -> "Run | ContainerRun":
        forked, self._forked = self._forked, None
        if self._instructions.container is None:
            return Run(self._instructions, self._log, forked)
        if forked is not None:
            forked.dismiss()
        # Imported only where there are containers, to keep the supervisor of a process small.
        from windlass.kit.supervision.program.containers.run import ContainerRun

        return ContainerRun(self._instructions, self._log)

    def _note_start(self, run: "Run | ContainerRun") -> None:
        if run.pid is not None and self._record.state != "running":
            self._record.set_running(run.pid)

    def _wait(self, run: "Run | ContainerRun") -> None:
        now = time.monotonic()
        until = min(run.due, self._next_tick, self._kill_at)
        fired = self._events.wait(until - now, run.waits)
        run.advance(time.monotonic(), fired)
        if not run.finished:
            self._note_start(run)
            self._record.set_readiness(run.ready, run.readiness_message)
            self._record.set_engine_message(run.engine_message)
        self._tick()

    def _wait_to_restart(self, delay: float) -> None:
        until = time.monotonic() + delay
        while self._stop is None and time.monotonic() < until:
            self._events.wait(min(until, self._next_tick) - time.monotonic(), [])
            self._tick()

    def _tick(self) -> None:
        """What is looked at every second, and after a signal."""
        now = time.monotonic()
        if now < self._next_tick and not self._events.told_to_stop:
            return
        self._next_tick = now + _TICK
        self._record.set_log_loss(self._log.bytes_lost, self._log.error)
        self._look_for_stop()
        if not self._directory_is_ours():
            # Nobody could find the process any more: it must not outlive its record.
            self._stop = self._stop or StopRequest(now, "its directory was removed")
            self._kill_at = now

    def _look_for_stop(self) -> None:
        told, self._events.told_to_stop = self._events.told_to_stop, False
        request = self._read_stop()
        if request is None and told and self._stop is None:
            request = StopRequest(time.monotonic() + self._instructions.stop_grace, "")
        if request is not None:
            self._stop = request
            self._kill_at = min(self._kill_at, request.kill_at)

    def _read_stop(self) -> StopRequest | None:
        """A request not seen before."""
        try:
            status = os.stat(self._directory.stop)
        except OSError:
            return None
        stamp = (status.st_ino, status.st_mtime_ns)
        if stamp == self._stop_stamp:
            return None
        self._stop_stamp = stamp
        return StopRequest.read(self._directory.stop)

    def _directory_is_ours(self) -> bool:
        try:
            return os.path.samestat(os.stat(self._directory.lock), os.fstat(self._lock))
        except OSError:
            return False

    def _mark_started(self) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC
        os.close(os.open(self._directory.started, flags, 0o600))

    def _finish(self, end: dict[str, object]) -> None:
        processes.remove_groups(self._instructions.start.control_groups)
        self._record.set_log_loss(self._log.bytes_lost, self._log.error)
        self._record.set_exit("exited", end)
        while not self._record.is_saved() and self._directory_is_ours():
            self._events.wait(_TICK, [])
            self._record.save()
