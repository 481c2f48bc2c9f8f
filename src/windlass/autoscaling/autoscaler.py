"""The autoscaler of one revision whose measure are its requests."""

from windlass.autoscaling.bounds import Bounds, active_threshold, scale_bounds
from windlass.autoscaling.decisions import Decision, Reason
from windlass.autoscaling.recommender import Recommender
from windlass.autoscaling.scale_to_zero import Activity, ScaleToZero
from windlass.autoscaling.settings import Settings
from windlass.autoscaling.windows import Windows


class Autoscaler:
    """Samples in, a number of replicas out.

    `record` takes what was measured, once a second: requests in flight or requests arrived, over
    all replicas together with the requests held for them. `decide` is due every two seconds, and
    at once when a request comes while no replica runs. Times are seconds since any fixed moment;
    they must not go back. A new one may take its place at any time and begin without history: it
    takes no replica away before it has seen enough.
    """

    def __init__(
        self,
        settings: Settings,
        at: float,
        *,
        ready: int = 0,
        running: int | None = None,
        initialized: bool = False,
    ) -> None:
        """Begin at the second `at`, with `ready` replicas out of `running`.

        `running` counts replicas that run or were asked for; None is a new revision, which begins
        with its initial scale. `initialized` says that its initial scale was ready once before.
        """
        self._settings = settings
        self._windows = Windows(settings)
        self._recommender = Recommender(ready, at)
        self._initialized = initialized
        self._replicas = self._bounds().apply(
            settings.initial_scale if running is None else running
        )
        self._scale_to_zero = ScaleToZero(self._first_activity(ready), at)

    @property
    def replicas(self) -> int:
        """How many are to run by the last decision, or from the start."""
        return self._replicas

    def record(self, sample: float, at: float) -> None:
        """Add what was measured in the second `at`; samples of the same second add up.

        Raises ValueError where the sample is negative, not a number or beyond LARGEST_SAMPLE.
        """
        self._windows.record(sample, at)

    def decide(self, now: float, ready: int) -> Decision:
        """How many replicas are to run, while `ready` of them are ready.

        Raises ValueError where `ready` is negative.
        """
        if ready < 0:
            raise ValueError(f"ready replicas cannot be fewer than none: {ready}")
        averages = self._windows.averages(now)
        if averages is None:
            return self._decide_blindly(now, ready)
        found = self._recommender.recommend(averages, ready, self._settings, now)
        wanted, reason = self._bounded(found.desired, found.reason)
        self._replicas, kept = self._scale_to_zero.apply(
            wanted, self._replicas, self._settings, now
        )
        self._scale_to_zero.observe(wanted, ready, self._threshold(), now)
        self._note_initialization(ready)
        return Decision(self._replicas, kept or reason, found)

    def update(self, settings: Settings) -> None:
        """Go by other settings from the next decision on; what was recorded stays."""
        self._settings = settings
        self._windows.resize(settings)

    def _decide_blindly(self, now: float, ready: int) -> Decision:
        self._replicas, reason = self._bounded(self._replicas, Reason.NO_DATA)
        self._scale_to_zero.lose_sight(self._replicas, ready, self._threshold(), now)
        self._note_initialization(ready)
        return Decision(self._replicas, reason, None)

    def _bounded(self, wanted: int, reason: Reason) -> tuple[int, Reason]:
        bounds = self._bounds()
        bounded = bounds.apply(wanted)
        if bounded < wanted:
            return bounded, Reason.MAX_SCALE
        if bounded > wanted:
            is_minimum = bounded == self._settings.min_scale
            return bounded, Reason.MIN_SCALE if is_minimum else Reason.INITIAL_SCALE
        return bounded, reason

    def _bounds(self) -> Bounds:
        return scale_bounds(self._settings, self._initialized)

    def _threshold(self) -> int:
        return active_threshold(self._settings, self._initialized)

    def _note_initialization(self, ready: int) -> None:
        self._initialized = self._initialized or ready >= self._threshold()

    def _first_activity(self, ready: int) -> Activity:
        if self._replicas == 0:
            return Activity.INACTIVE
        return Activity.ACTIVE if ready >= self._threshold() else Activity.ACTIVATING
