"""How few and how many replicas there may be."""

from dataclasses import dataclass

from windlass.autoscaling.settings import Settings


@dataclass(frozen=True, slots=True)
class Bounds:
    """The fewest and the most replicas, both inclusive; `most` None is no limit."""

    least: int
    most: int | None

    def apply(self, wanted: int) -> int:
        """The number nearest to `wanted` within the bounds."""
        bounded = max(wanted, self.least)
        return bounded if self.most is None else min(bounded, self.most)


def scale_bounds(settings: Settings, initialized: bool) -> Bounds:
    """The bounds of a revision that has, or has not, had its initial scale ready once.

    A revision that no route leads to needs no replicas. One that is new does not fall below its
    initial scale.

    Source: Knative Serving, `pkg/reconciler/autoscaling/kpa/scaler.go` (v0.50).
    """
    if not settings.reachable:
        return Bounds(0, settings.max_scale)
    if initialized:
        return Bounds(settings.min_scale, settings.max_scale)
    return Bounds(max(settings.min_scale, _kept_initially(settings)), settings.max_scale)


def active_threshold(settings: Settings, initialized: bool) -> int:
    """How many ready replicas make a revision active.

    Source: Knative Serving, `pkg/reconciler/autoscaling/kpa/kpa.go` (v0.50).
    """
    least = settings.min_scale if settings.reachable else 0
    return max(least, 1 if initialized else settings.initial_scale)


def _kept_initially(settings: Settings) -> int:
    # An initial scale of 1 holds nothing: a replica that is starting is kept in any case.
    return settings.initial_scale if settings.initial_scale > 1 else 0
