"""Watches whether the process is ready: who listens on its port, and what its probe says."""

from collections.abc import Callable, Generator

from windlass.kit.supervision.program import listening
from windlass.kit.supervision.program.instructions import ProbeInstructions
from windlass.kit.supervision.program.listening import Listener, Ownership
from windlass.kit.supervision.program.probe import ProbeFailed, Wait, http_get
from windlass.kit.supervision.program.readiness import Thresholds

_LISTENING_PERIOD = 1.0


class ReadinessWatch:
    """Readiness of one run of a process on a port. All times are monotonic seconds."""

    def __init__(
        self,
        port: int,
        probe: ProbeInstructions | None,
        started: float,
        listener: Listener | None = None,
    ) -> None:
        self.message: str | None = "not probed yet"
        self._port = port
        self._probe = probe
        self._listener: Listener = listener or Ownership(port)
        self._thresholds = (
            Thresholds(
                started,
                probe.initial_delay,
                probe.period,
                probe.success_threshold,
                probe.failure_threshold,
            )
            if probe
            else Thresholds(started, 0, _LISTENING_PERIOD, 1, 1)
        )
        self._attempt: Generator[Wait, None, None] | None = None
        self._began = started
        self._next_look = started
        self.waits_on: Wait | None = None
        """What an unfinished probe waits for."""

    @property
    def ready(self) -> bool:
        """Whether requests may be sent to it."""
        return self._thresholds.ready

    @property
    def due(self) -> float:
        """When `advance` has something to do, even if nothing becomes readable before."""
        if self._attempt is not None and self._probe is not None:
            return self._began + self._probe.timeout
        if self.ready:
            return min(self._thresholds.due, self._next_look)
        return self._thresholds.due

    def advance(self, now: float, event: bool, pids: Callable[[], list[int]]) -> None:
        """Do what is due; `event`: what the probe waited for happened. `pids` tells its
        processes."""
        if self._attempt is not None:
            self._continue(now, event)
        elif now >= self._thresholds.due:
            self._begin(now, pids)
        elif self.ready and now >= self._next_look:
            self._look(now, pids)

    def close(self) -> None:
        """End an unfinished probe."""
        if self._attempt is not None:
            self._attempt.close()
        self._attempt = None
        self.waits_on = None

    def _begin(self, now: float, pids: Callable[[], list[int]]) -> None:
        self._began = now
        if not self._look(now, pids):
            return
        if self._probe is None or self._probe.path is None:
            self._succeed()
            return
        self._attempt = http_get(
            self._probe.port or self._port, self._probe.path, self._probe.secure
        )
        self._continue(now, True)

    def _look(self, now: float, pids: Callable[[], list[int]]) -> bool:
        """Whether its own processes, and no others, listen; a failed probe where they do not."""
        self._next_look = now + _LISTENING_PERIOD
        owner = self._listener.check(pids)
        if owner == listening.FOREIGN:
            # Not excused by a threshold: requests would reach somebody else's process, or none.
            self.message = self._listener.foreign
            self._thresholds.fail_at_once(now)
        elif owner == listening.NOBODY and now >= self._thresholds.due:
            self.message = self._listener.nobody
            self._thresholds.nobody_listens(now)
        return owner == listening.OWN

    def _continue(self, now: float, event: bool) -> None:
        if self._attempt is None or self._probe is None:
            return
        try:
            if event:
                self.waits_on = next(self._attempt)
            if now >= self._began + self._probe.timeout:
                raise ProbeFailed(f"no answer within {self._probe.timeout:g} s")
        except StopIteration:
            self.close()
            self._succeed()
        except ProbeFailed as failure:
            self.close()
            self.message = f"probe of {self._probe.path} failed: {failure}"
            self._thresholds.fail(self._began)

    def _succeed(self) -> None:
        self.message = None
        self._thresholds.succeed(self._began)
