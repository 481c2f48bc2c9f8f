"""From two averages to a number of replicas: the heart of the autoscaler.

Source: Knative Serving, `Scale` in `pkg/autoscaler/scaling/autoscaler.go` (v0.50).
"""

from windlass.autoscaling.decisions import Reason, Recommendation
from windlass.autoscaling.panic_mode import PanicMode
from windlass.autoscaling.scale_down_delay import ScaleDownDelay
from windlass.autoscaling.scale_rules import (
    excess_burst_capacity,
    is_over_panic_threshold,
    least_after_scale_down,
    most_after_scale_up,
    replicas_for,
    with_activation_scale,
    within_rates,
)
from windlass.autoscaling.settings import Settings
from windlass.autoscaling.windows import Averages


class Recommender:
    """Says what the traffic asks for. Keeps panic mode and the scale-down delay."""

    def __init__(self, ready: int, at: float) -> None:
        self._panic_mode = PanicMode(ready, at)
        self._delay = ScaleDownDelay()

    def recommend(
        self, averages: Averages, ready: int, settings: Settings, now: float
    ) -> Recommendation:
        """The number of replicas for `averages` while `ready` are, at the second `now`."""
        target = settings.target.value
        stable_wanted = replicas_for(averages.stable, target)
        panic_wanted = replicas_for(averages.panic, target)
        exceeded = is_over_panic_threshold(panic_wanted, ready, settings.panic_threshold)
        self._panic_mode.observe(exceeded, settings.stable_window_s, now)

        stable, reason = _limited(stable_wanted, ready, settings)
        panic, panic_reason = _limited(panic_wanted, ready, settings)
        desired = self._panic_mode.hold(stable, panic)
        if self._panic_mode.is_on:
            reason = _panic_reason(desired, panic, panic_reason)
        if settings.reachable:
            immediate = desired
            desired = self._delay.apply(immediate, settings.scale_down_delay_s, now)
            if desired != immediate:
                reason = Reason.SCALE_DOWN_DELAY
        return Recommendation(
            desired=desired,
            reason=reason,
            stable_average=averages.stable,
            panic_average=averages.panic,
            stable_replicas=stable_wanted,
            panic_replicas=panic_wanted,
            ready=ready,
            target=target,
            panicking=self._panic_mode.is_on,
            excess_burst_capacity=excess_burst_capacity(
                ready, settings.target.total, settings.target_burst_capacity, averages.panic
            ),
        )


def _limited(wanted: int, ready: int, settings: Settings) -> tuple[int, Reason]:
    least = least_after_scale_down(ready, settings.max_scale_down_rate, settings.reachable)
    most = most_after_scale_up(ready, settings.max_scale_up_rate)
    allowed = within_rates(wanted, least, most)
    activated = with_activation_scale(allowed, wanted, settings.activation_scale)
    if activated != allowed:
        return activated, Reason.ACTIVATION_SCALE
    if allowed < wanted:
        return allowed, Reason.MAX_SCALE_UP_RATE
    if allowed > wanted:
        return allowed, Reason.MAX_SCALE_DOWN_RATE
    return allowed, Reason.STABLE_WINDOW


def _panic_reason(desired: int, panic: int, panic_reason: Reason) -> Reason:
    if desired == panic and panic_reason is Reason.MAX_SCALE_UP_RATE:
        return panic_reason
    return Reason.PANIC
