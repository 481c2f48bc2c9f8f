"""When to probe next, and what the results make of readiness: the rules of Kubernetes."""

_EAGER_PERIOD = 0.05
_SHORTEST_LISTENING_PERIOD = 0.0015
_LISTENING_PART = 0.02


class Thresholds:
    """Counts results; times are monotonic seconds.

    Until the first success, after the initial delay, one is due every 50 ms whatever the period.
    """

    def __init__(
        self,
        started: float,
        initial_delay: float,
        period: float,
        success_threshold: int,
        failure_threshold: int,
    ) -> None:
        self.ready = False
        self._started = started
        self.due = started + initial_delay
        self._period = period
        self._success_threshold = success_threshold
        self._failure_threshold = failure_threshold
        self._succeeded_once = False
        self._successes = 0
        self._failures = 0

    def succeed(self, began: float) -> None:
        """A probe that began then succeeded."""
        self._succeeded_once = True
        self._successes += 1
        self._failures = 0
        if self._successes >= self._success_threshold:
            self.ready = True
        self._schedule(began)

    def fail(self, began: float) -> None:
        """A probe that began then failed."""
        self._failures += 1
        self._successes = 0
        if self._failures >= self._failure_threshold:
            self.ready = False
        self._schedule(began)

    def nobody_listens(self, now: float) -> None:
        """What began then found nobody to ask, which costs so little that it is soon tried again.

        Before the first success the next look comes after a fiftieth of the time that has passed,
        so that readiness is seen nearly when it comes.
        """
        self.fail(now)
        if not self._succeeded_once:
            soon = max(_SHORTEST_LISTENING_PERIOD, (now - self._started) * _LISTENING_PART)
            self.due = now + min(soon, _EAGER_PERIOD)

    def fail_at_once(self, began: float) -> None:
        """A probe that began then saw what no number of further probes would excuse."""
        self._failures = self._failure_threshold
        self.fail(began)

    def _schedule(self, began: float) -> None:
        self.due = began + (self._period if self._succeeded_once else _EAGER_PERIOD)
