"""One run of a container, from its creation until it is removed; see `program.run.Run`.

The engine is asked again for as long as it does not answer: the container goes on without it, and
is found again by its name. All times are monotonic seconds.
"""

import contextlib
import os
import select
import signal
import time
from collections.abc import Generator
from typing import Any
from urllib.parse import quote

from windlass.kit.supervision.program import processes
from windlass.kit.supervision.program.containers.activity import NEVER, Activity, Waiting
from windlass.kit.supervision.program.containers.api import Answer, Unreachable, ask
from windlass.kit.supervision.program.containers.attention import attend
from windlass.kit.supervision.program.containers.described import (
    end_of,
    has_started,
    runs,
    stop_signal,
)
from windlass.kit.supervision.program.containers.groups import groups_of
from windlass.kit.supervision.program.containers.lifeline import Lifeline
from windlass.kit.supervision.program.containers.listening import ContainerPort
from windlass.kit.supervision.program.containers.log import LogCopy
from windlass.kit.supervision.program.containers.log_file import FORMAT as LOG_FILE_FORMAT
from windlass.kit.supervision.program.containers.log_file import LogFileCopy
from windlass.kit.supervision.program.containers.remains import kill_process
from windlass.kit.supervision.program.instructions import Instructions, StopRequest
from windlass.kit.supervision.program.listening import Ownership
from windlass.kit.supervision.program.log import Log
from windlass.kit.supervision.program.memory import KernelCounter, MemoryWatch
from windlass.kit.supervision.program.probe import Wait
from windlass.kit.supervision.program.watch import ReadinessWatch

_FIRST_PAUSE = 0.02
_LONGEST_PAUSE = 1.0
_SLOW_ANSWER = 600.0
_QUICK_ANSWER = 15.0
_UNKNOWN_END = 10.0
"""How long after its process ended an engine may take to say how."""


class _Over(Exception):
    """There is nothing more to do; how it ended is known, or never will be."""


class ContainerRun:
    """Creates and starts the container when made; `advance` does what is due since."""

    def __init__(self, instructions: Instructions, log: Log) -> None:
        container = instructions.container
        if container is None:
            raise ValueError("there is no container to run")
        self.pid: int | None = None
        self.finished = False
        self.engine_message: str | None = None
        """Why the engine does not answer; None where it does."""
        self._what = container
        self._path = f"/containers/{container.name}"
        self._instructions = instructions
        self._lifeline = Lifeline(container.socket, container.name)
        self._log = log
        self._attending: Activity | None = None
        self._copy: LogCopy | LogFileCopy = LogCopy(container.socket, container.name, log)
        self._following: Activity | None = None
        self._life = Activity(self._live())
        self._signalling: Activity | None = None
        self._watch: ReadinessWatch | None = None
        self._memory: MemoryWatch | None = None
        self._ticks: int | None = None
        self._pinned: int | None = None
        self._stop_signal: int = signal.SIGTERM
        self._out_of_memory = False
        self._process_gone_at: float | None = None
        self._terminated = False
        self._killing = False
        self._give_up_at = NEVER
        self._end: dict[str, object] = {}

    @property
    def ready(self) -> bool:
        """Whether requests may be sent to it."""
        if self.pid is None or self._process_gone_at is not None or self.finished:
            return False
        return self._watch is None or self._watch.ready

    @property
    def readiness_message(self) -> str | None:
        """Why it is not ready."""
        if self._process_gone_at is not None:
            return "the container ended, and its engine has yet to say how"
        if self.pid is None:
            return self.engine_message or "the container is being started"
        return self._watch.message if self._watch is not None else None

    @property
    def due(self) -> float:
        """When `advance` has something to do, even if nothing happens before."""
        due = [activity.due for activity in self._activities()]
        if self._watch is not None:
            due.append(self._watch.due)
        if self._memory is not None:
            due.append(self._memory.due)
        return min([*due, self._give_up_at])

    @property
    def waits(self) -> list[Wait]:
        """The descriptors on which something may happen."""
        waits = [activity.waits_on for activity in self._activities()]
        if self._watch is not None:
            waits.append(self._watch.waits_on)
        return [wait for wait in waits if wait is not None]

    def terminate(self) -> None:
        """Ask it to end, with the signal that its image names."""
        self._terminated = True
        self._signal(self._stop_signal)

    def kill(self) -> None:
        """SIGKILL to all of its processes."""
        self._killing = True
        self._terminated = True
        if self._give_up_at == NEVER:
            self._give_up_at = time.monotonic() + _UNKNOWN_END
        self._close_watch()
        self._signal(signal.SIGKILL)

    def advance(self, now: float, fired: set[int]) -> None:
        """Do what is due, with the descriptors on which something happened."""
        self._reap()
        for activity in self._activities():
            activity.advance(now, fired)
        if self._life.finished:
            self._finish()
            return
        if now >= self._give_up_at:
            self._give_up(now)
            return
        if self._memory is not None and now >= self._memory.due:
            self._look_at_memory(self._memory, now)
        if self._watch is not None and self.pid is not None:
            waited = self._watch.waits_on
            event = waited is not None and waited[0] in fired
            if event or now >= self._watch.due:
                self._watch.advance(now, event, self._processes)

    def outcome(self, stop: StopRequest | None) -> dict[str, object]:
        """How the finished run ended."""
        end = self._end or {"message": "its container is gone, and nobody knows how it ended"}
        out_of_memory = bool(end.get("out_of_memory"))
        stopped = stop is not None and not out_of_memory and not end.get("start_failed")
        message = str(end["message"])
        if stopped and stop is not None and stop.reason:
            message = f"{stop.reason}; {message}"
        return {**end, "message": message, "stopped": stopped}

    def _activities(self) -> list[Activity]:
        activities = (self._life, self._following, self._attending, self._signalling)
        return [each for each in activities if each is not None and not each.finished]

    def _live(self) -> Generator[Waiting, None, None]:
        try:
            yield from self._create()
            described = yield from self._start()
            self._watch_over(described)
            ended = yield from self._until_ended()
            killed_for_memory = self._out_of_memory or self._was_killed_for_memory()
            self._end = end_of(ended, killed_for_memory)
            yield from self._finish_log()
        except _Over:
            """What is to be said of it stands in `_end`."""
        # Also where its creation failed: it may have been created all the same.
        yield from self._ask("DELETE", f"{self._path}?force=true&v=true", _SLOW_ANSWER)

    def _create(self) -> Generator[Waiting, None, None]:
        self._end_before_start()
        path = f"/containers/create?name={quote(self._what.name)}"
        answer = yield from self._ask("POST", path, _SLOW_ANSWER, self._what.creation)
        if answer.status >= 300 and (yield from self._inspect()) is None:
            # Where there is one it is ours: the name is, and an answer may have been lost.
            self._fail(f"the container could not be created: {answer.message}")

    def _start(self) -> Generator[Waiting, None, dict[str, Any]]:
        """Start it, once: where an answer was lost, it is looked at before anything is repeated."""
        while True:
            self._end_before_start()
            described = yield from self._inspect()
            if described is None:
                self._fail("the container was removed before it was started")
            elif has_started(described):
                return described
            try:
                answer = yield from ask(
                    self._what.socket, "POST", f"{self._path}/start", None, _SLOW_ANSWER
                )
            except Unreachable as error:
                self._hear_of_engine(str(error))
                yield None, time.monotonic() + _LONGEST_PAUSE
                continue
            if answer.status >= 400:
                self._fail(f"the container could not be started: {answer.message}")

    def _watch_over(self, described: dict[str, Any]) -> None:
        """It runs: follow its log, its memory and whether it is ready."""
        now = time.monotonic()
        self._stop_signal = stop_signal(described)
        pid = int(described["State"].get("Pid") or 0)
        groups = groups_of(pid, described["Id"]) if pid else []
        kernel = KernelCounter(groups, since_start=True)
        # 0 where it ended at once: that it ran is all that is left to tell.
        self.pid = pid
        if pid and _is_visible(pid, described["Id"]):
            self._pin(pid)
        self._follow_log(described)
        self._attending = Activity(attend(self._what.socket, self._hear_of_engine))
        limit = self._instructions.memory_limit if self._pinned is not None else None
        self._memory = MemoryWatch(kernel, limit, now)
        port = self._instructions.port
        if port is not None:
            self._watch = ReadinessWatch(port, self._instructions.probe, now, self._listener(port))
        if self._terminated:
            self._signal(signal.SIGKILL if self._killing else self._stop_signal)

    def _follow_log(self, described: dict[str, Any]) -> None:
        """From the engine's file where that can be read, else through the engine."""
        if described["HostConfig"]["LogConfig"]["Type"] == LOG_FILE_FORMAT:
            with contextlib.suppress(OSError):
                self._copy = LogFileCopy(described["LogPath"], self._log)
        self._following = Activity(self._copy.follow())

    def _listener(self, port: int) -> Ownership | ContainerPort:
        if self._what.port is None:
            return Ownership(port)
        pid = self.pid if self._pinned is not None else None
        return ContainerPort(pid, self._what.port, port, lambda: self.engine_message is None)

    def _pin(self, pid: int) -> None:
        try:
            self._pinned = os.pidfd_open(pid)
        except OSError:
            return
        self._ticks = processes.start_ticks(pid)
        self._lifeline.know_process(pid, self._ticks)

    def _until_ended(self) -> Generator[Waiting, None, dict[str, Any] | None]:
        """What the engine says of it once it has ended; None where it has no trace of it."""
        pinned = self._pinned
        if pinned is not None:
            while not _has_ended(pinned):
                yield (pinned, select.POLLIN), NEVER
            # At once: the engine removes the container's control groups, and the counters in them.
            self._note_end_of_process()
        pause = _FIRST_PAUSE
        while True:
            described = yield from self._inspect()
            if described is None or not runs(described):
                return described
            if self._is_unknown_for_long():
                return None
            yield None, time.monotonic() + pause
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _note_end_of_process(self) -> None:
        self._process_gone_at = time.monotonic()
        self._out_of_memory = self._out_of_memory or self._was_killed_for_memory()
        self._close_watch()

    def _is_unknown_for_long(self) -> bool:
        gone_at = self._process_gone_at
        return gone_at is not None and time.monotonic() >= gone_at + _UNKNOWN_END

    def _finish_log(self) -> Generator[Waiting, None, None]:
        if self._following is not None:
            self._following.close()
        # An engine that is gone now is asked no more: the container's end is on record.
        with contextlib.suppress(Unreachable, OSError):
            yield from self._copy.catch_up()

    def _inspect(self) -> Generator[Waiting, None, dict[str, Any] | None]:
        answer = yield from self._ask("GET", f"{self._path}/json", _QUICK_ANSWER)
        if answer.status == 404:
            return None
        content = answer.content
        if answer.status != 200 or not isinstance(content, dict):
            self._fail(f"the engine does not say how its container is: {answer.message}")
        described: dict[str, Any] = content
        return described

    def _ask(
        self, method: str, path: str, seconds: float, body: object = None
    ) -> Generator[Waiting, None, Answer]:
        """Ask the engine until it answers."""
        pause = _FIRST_PAUSE
        while True:
            try:
                answer = yield from ask(self._what.socket, method, path, body, seconds)
            except Unreachable as error:
                self._hear_of_engine(str(error))
            else:
                self._hear_of_engine(None)
                return answer
            if self._is_unknown_for_long():
                raise _Over
            yield None, time.monotonic() + pause
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _hear_of_engine(self, problem: str | None) -> None:
        """Why it does not answer; None where it does."""
        self.engine_message = problem and f"the container engine does not answer: {problem}"

    def _end_before_start(self) -> None:
        if self._terminated:
            self._end = {"message": "stopped before it was started"}
            raise _Over

    def _fail(self, message: str) -> None:
        self._end = {"message": message, "start_failed": self.pid is None}
        raise _Over

    def _signal(self, number: int) -> None:
        if self._pinned is not None:
            try:
                signal.pidfd_send_signal(self._pinned, number)
                return
            except ProcessLookupError:
                return
            except PermissionError:
                """Its engine runs as another user; that one may."""
        if self.pid is not None:
            if self._signalling is not None:
                self._signalling.close()
            self._signalling = Activity(self._signal_through_engine(number))

    def _signal_through_engine(self, number: int) -> Generator[Waiting, None, None]:
        path = f"{self._path}/kill?signal={signal.Signals(number).name}"
        with contextlib.suppress(_Over):
            yield from self._ask("POST", path, _QUICK_ANSWER)

    def _look_at_memory(self, memory: MemoryWatch, now: float) -> None:
        if memory.has_run_out(now, self._processes) and not self._out_of_memory:
            self._out_of_memory = True
            self._close_watch()
            self._signal(signal.SIGKILL)
        if self._process_gone_at is not None:
            memory.due = NEVER

    def _was_killed_for_memory(self) -> bool:
        return self._memory is not None and self._memory.has_lost_a_process()

    def _processes(self) -> list[int]:
        return [self.pid, *processes.descendants(self.pid)] if self.pid else []

    def _reap(self) -> None:
        while True:
            try:
                pid, _ = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            self._lifeline.renew(pid)

    def _give_up(self, now: float) -> None:
        """It was killed, and its engine does not say so: as long as its process is gone, it is."""
        if self.pid and self._pinned is not None and not kill_process(self.pid, self._ticks):
            self._give_up_at = now + _UNKNOWN_END
            return
        if self._pinned is None and self.pid:
            self._give_up_at = now + _UNKNOWN_END
            return
        self._end = self._end or {"message": "it was killed while its engine did not answer"}
        self._life.close()
        self._finish()

    def _close_watch(self) -> None:
        if self._watch is not None:
            self._watch.close()
            self._watch = None

    def _finish(self) -> None:
        self._close_watch()
        for activity in (self._following, self._attending, self._signalling):
            if activity is not None:
                activity.close()
        if self._pinned is not None:
            os.close(self._pinned)
            self._pinned = None
        self._lifeline.release()
        self.finished = True


def _is_visible(pid: int, container_id: str) -> bool:
    """Whether the process is the container's: engines elsewhere have other numbers."""
    try:
        with open(f"/proc/{pid}/cgroup") as file:
            return container_id in file.read()
    except OSError:
        return False


def _has_ended(pinned: int) -> bool:
    poll = select.poll()
    poll.register(pinned, select.POLLIN)
    return bool(poll.poll(0))
