"""When the last replica may go.

Source: Knative Serving, `handleScaleToZero` in `pkg/reconciler/autoscaling/kpa/scaler.go` and
`computeActiveCondition` in `…/kpa/kpa.go` (v0.50). Three things differ. Nothing is probed and
revisions that are always proxied have no short cut, since here requests are held only while no
replica runs. Of several replicas one alone is kept through the grace period. And after a time
without data the traffic has to be seen to be silent anew.
"""

from enum import Enum, auto

from windlass.autoscaling.decisions import Reason
from windlass.autoscaling.settings import Settings


class Activity(Enum):
    """Whether a revision serves."""

    ACTIVATING = auto()
    """Replicas are wanted and too few are ready."""
    ACTIVE = auto()
    """Enough replicas are ready."""
    INACTIVE = auto()
    """Traffic has ended, or has never begun."""


def last_replica_period(settings: Settings) -> float:
    """How many seconds the last replica stays after the traffic is judged to have ended.

    The grace period always counts, the retention period only while a route leads here.
    """
    if not settings.reachable:
        return settings.scale_to_zero_grace_s
    return max(settings.scale_to_zero_grace_s, settings.scale_to_zero_retention_s)


class ScaleToZero:
    """Keeps replicas for a while after traffic has ended.

    What has been active for less than a stable window stays so: it was woken for a reason, and its
    window is still short. Then it is inactive, and its last replica goes after its period. What
    never became ready is given up after the activation time-out.
    """

    def __init__(self, activity: Activity, at: float) -> None:
        self._activity = activity
        self._since = at

    def apply(
        self, wanted: int, running: int, settings: Settings, now: float
    ) -> tuple[int, Reason | None]:
        """`wanted`, or what has to stay of the `running` replicas, with the reason for it."""
        if wanted > 0:
            return wanted, None
        if running == 0:
            return 0, Reason.NO_TRAFFIC
        elapsed = now - self._since
        if self._activity is Activity.ACTIVATING:
            if elapsed < settings.activation_timeout_s:
                return running, Reason.ACTIVATING
            self._become(Activity.INACTIVE, now)
            return 0, Reason.ACTIVATION_TIMEOUT
        if self._activity is Activity.ACTIVE:
            if elapsed < settings.stable_window_s:
                return 1, Reason.RECENTLY_ACTIVATED
            self._become(Activity.INACTIVE, now)
            elapsed = 0.0
        if elapsed < last_replica_period(settings):
            return 1, Reason.LAST_REPLICA
        return 0, Reason.NO_TRAFFIC

    def observe(self, wanted: int, ready: int, threshold: int, now: float) -> None:
        """Take note that `ready` replicas are, where `threshold` make it active."""
        if self._activity is Activity.INACTIVE and wanted == 0:
            return
        self._become(Activity.ACTIVE if ready >= threshold else Activity.ACTIVATING, now)

    def lose_sight(self, running: int, ready: int, threshold: int, now: float) -> None:
        """Take note that nothing is known of the traffic: silence is measured from `now` on."""
        if running == 0:
            return
        if ready >= threshold:
            self._activity, self._since = Activity.ACTIVE, now
        else:
            self._become(Activity.ACTIVATING, now)

    def _become(self, activity: Activity, now: float) -> None:
        if activity is not self._activity:
            self._activity, self._since = activity, now
