"""The stable and the panic window of one metric."""

from dataclasses import dataclass

from windlass.autoscaling.buckets import Buckets
from windlass.autoscaling.settings import Settings


@dataclass(frozen=True, slots=True)
class Averages:
    """What both windows say, in the unit of the samples, over all replicas together."""

    stable: float
    panic: float


class Windows:
    """The same samples over a long window, which is calm, and over a short one, which is quick.

    Source: Knative Serving, `pkg/autoscaler/metrics/collector.go`.
    """

    def __init__(self, settings: Settings) -> None:
        self._stable = Buckets(settings.stable_window_s, settings.aggregation)
        self._panic = Buckets(settings.panic_window_s, settings.aggregation)

    def record(self, sample: float, at: float) -> None:
        """Add what was measured in the second `at`; samples of the same second add up."""
        self._stable.record(sample, at)
        self._panic.record(sample, at)

    def averages(self, now: float) -> Averages | None:
        """Both averages, or None where nothing was recorded for a whole stable window."""
        if self._stable.is_empty(now):
            return None
        return Averages(self._stable.average(now), self._panic.average(now))

    def resize(self, settings: Settings) -> None:
        """Take over changed lengths of the windows."""
        self._stable.resize(settings.stable_window_s, settings.aggregation)
        self._panic.resize(settings.panic_window_s, settings.aggregation)
